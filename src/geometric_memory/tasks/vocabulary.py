"""The node vocabulary: node i is token i, then nine special tokens in the published order."""

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from geometric_memory.limits import whole_number

SPECIAL_TOKENS = ("|", "[PAUSE]", "/", "$", ">", "<", "[PAD]", "[EDGE]", "[PATH]")
_PIECE = re.compile(r"[0-9]+|\[[A-Z]+\]|[|/$><]|,")


@dataclass(frozen=True)
class Vocabulary:
    """Tokens of a graph with `node_count` nodes."""

    node_count: int

    @property
    def size(self) -> int:
        """Number of tokens, node_count + 9."""
        return self.node_count + len(SPECIAL_TOKENS)

    @property
    def pause(self) -> int:
        """Token that gives the model room to compute before it answers."""
        return self.special("[PAUSE]")

    @property
    def teacherless(self) -> int:
        """Token that stands for every input after the prompt in teacherless training."""
        return self.special("$")

    @property
    def pad(self) -> int:
        """Token that fills the end of a row of published batches; our batches have none."""
        return self.special("[PAD]")

    @property
    def edge_task(self) -> int:
        """Token that opens an edge fact."""
        return self.special("[EDGE]")

    @property
    def path_task(self) -> int:
        """Token that opens a path."""
        return self.special("[PATH]")

    def special(self, text: str) -> int:
        """Return the id of a special token."""
        return self.node_count + SPECIAL_TOKENS.index(text)

    def encode(self, text: str) -> Int[np.ndarray, " tokens"]:
        """Return the tokens of a text such as `[PATH]28,13[PAUSE]`; commas only separate.

        Raises:
            ValueError: if a piece is no token of this vocabulary.
        """
        if _PIECE.sub("", text):
            raise ValueError(f"{text!r} holds text that is no token")
        pieces = [piece for piece in _PIECE.findall(text) if piece != ","]
        return np.array([self._token(piece) for piece in pieces], dtype=np.int64)

    def decode(self, tokens: Int[np.ndarray, " tokens"]) -> str:
        """Return the text of `tokens`, neighbouring nodes separated by commas."""
        pieces: list[str] = []
        for token in tokens.tolist():
            is_node = token < self.node_count
            if is_node and pieces and pieces[-1].isdigit():
                pieces.append(",")
            pieces.append(str(token) if is_node else SPECIAL_TOKENS[token - self.node_count])
        return "".join(pieces)

    def _token(self, piece: str) -> int:
        if not piece.isdecimal():
            if piece not in SPECIAL_TOKENS:
                raise ValueError(f"{piece!r} is no token")
            return self.special(piece)
        number = whole_number(piece)
        if number is None or number >= self.node_count:
            raise ValueError(f"node {piece:.20} is outside 0..{self.node_count - 1}")
        return number
