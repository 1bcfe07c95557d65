"""Good files made bad: damaged bytes, and values that no reader expects at places that it reads."""

import json
import struct
from random import Random

import torch
from safetensors.torch import load, save

VALUES = (
    "null", "true", "false", "0", "-1", "1.5", "1e999", "-1e999", "NaN", "-Infinity", "1e308",
    "1e-400", "-0.0", str(2**31), str(2**63), str(2**64), "9" * 400, "9" * 5000, "[]", "{}",
    "[null]", "[[1, 2], [3]]", '{"a": 1, "a": 2}', '""', '"../../x"', '"/dev/zero"', '"a\\u0000b"',
    '"\\ud800"', '"\\udfff\\ud800"', '"²"', '"\uff11"', '"1e999"', '"nan"', '"true"', '"\\u202e"',
    '"\\u001b[2J"', '"%s{0}$x$<b>"', '"' + "x" * 5000 + '"', "[" * 60 + "]" * 60, "[" * 100_000,
    '{"a":' * 20_000, "",
)  # fmt: skip
"""As they stand in JSON."""
WORDS = (
    "²", "\uff11", "-1", "+1", "1e999", "nan", "inf", "9" * 400, "9" * 5000, "0x1", "1_000", "007",
    "", " ", "\x00", "\u2028", "\x85", "\ufeff", "\udc80", "\x1b[2J", "a" * 5000, '"', "'", "<",
    "&", ",", "=", "\t", "\r", "\n\n", "%", "#", "$x$", "../../x", "<!DOCTYPE", "{", "[",
)  # fmt: skip
"""In the place of a word or a number."""
WHOLES = (
    b"", b" ", b"\n", b"\x00" * 100, b"\xef\xbb\xbf", b"\xff\xfe1\x00 \x002\x00\n\x00",
    b"\x80\x04N.",
    b"PK\x03\x04" + bytes(60), b"\x93NUMPY\x01\x00", b"[" * 100_000, b'{"a":' * 50_000,
    b"9" * 5000, b'"\xed\xa0\x80"', b'"\\ud800"', b"null", b"[]", b"{}", b"0", b"[null]", b"NaN",
    b"1e999", b"{}\n{}\n", b"[]\n[]\n", b"\xc3\xa9 \xc3\xa9\n", b"\r\r\r", b"a b\r\nb c\rc d\n",
    b"<?xml version='1.0' encoding='no-such-code'?><graphml/>",
    b"<?xml version='1.0' encoding='utf-16'?><graphml/>",
    b"<?xml version='1.0' encoding='cp037'?><graphml/>",
    struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 2**40), struct.pack("<Q", 2) + b"{}",
    struct.pack("<Q", 4) + b"null", struct.pack("<Q", 10_000) + b"[" * 10_000,
)  # fmt: skip
"""In the place of the whole file."""
KINDS = (
    torch.bfloat16, torch.float16, torch.float64, torch.float8_e4m3fn, torch.int64, torch.uint8,
    torch.bool, torch.complex64,
)  # fmt: skip
NUMBERS = (float("nan"), float("inf"), -1.0, 1e38, 0.0)
NAMES = (None, "", "x", "../../x", "totals", "0.step", "999.step", "step", "\x1b[2J")
"""In the place of the name of a tensor; None leaves it out."""


def harmed(chance: Random, good: bytes, name: str) -> bytes:
    """Return what a file called `name` with the content `good` may have become."""
    ways = [_edited, _edited, lambda chance, _: chance.choice(WHOLES), _worded]
    if name.endswith((".json", ".jsonl")):
        ways += [_other_json] * 6
    if name.endswith(".safetensors"):
        ways += [_other_header, _other_tensors, _other_tensors, _other_tensors]
    if name.endswith((".txt", ".csv", ".tsv", ".edges", ".graphml")):
        ways += [_worded] * 3
    return chance.choice(ways)(chance, good)


def _edited(chance: Random, content: bytes) -> bytes:
    """Flip, cut, insert, repeat or drop some bytes."""
    for _ in range(chance.randint(1, 4)):
        at, piece = chance.randint(0, len(content)), chance.randbytes(chance.randint(1, 9))
        match chance.randrange(5):
            case 0:
                content = content[:at]
            case 1 if at < len(content):
                content = content[:at] + piece[:1] + content[at + 1 :]
            case 2:
                content = content[:at] + piece + content[at:]
            case 3:
                content += content[at : at + 40]
            case _:
                content = content[:at] + content[at + len(piece) :]
    return content


def _worded(chance: Random, content: bytes) -> bytes:
    """Put another word in the place of some."""
    text = content.decode("utf-8", "surrogateescape")
    for _ in range(chance.randint(1, 3)):
        begin = chance.randint(0, len(text))
        end = begin
        while end < len(text) and text[end].isalnum():
            end += 1
        text = text[:begin] + chance.choice(WORDS) + text[end:]
    return text.encode("utf-8", "surrogateescape")


def _other_json(chance: Random, content: bytes) -> bytes:
    """Change values, names or rows of JSON."""
    try:
        rows = [json.loads(row) for row in content.splitlines()]
    except ValueError:
        try:
            rows = [json.loads(content)]
        except ValueError:
            return _edited(chance, content)
    if not rows:
        return chance.choice(WHOLES)
    raw: list[str] = []
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        row = chance.randrange(len(rows))
        rows[row] = _changed(chance, rows[row], raw)
    if len(rows) > 1 and chance.random() < 0.1:
        chance.shuffle(rows)
    texts = [json.dumps(row) for row in rows]
    for number, value in enumerate(raw):
        texts = [text.replace(f'"@{number}@"', value) for text in texts]
    return ("\n".join(texts) + "\n").encode("utf-8", "surrogatepass")


def _changed(chance: Random, value: object, raw: list[str]) -> object:
    """Return `value` with one change somewhere in it."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(list(value))
        match chance.randrange(8):
            case 0:
                return {n: inner for n, inner in value.items() if n != name}
            case 1:
                other = chance.choice(
                    ("", "\ud800", "../../x", name.upper(), name + "x", "9" * 400)
                )
                return {other if n == name else n: inner for n, inner in value.items()}
            case 2:
                other = chance.choice(list(value))
                return value | {name: value[other], other: value[name]}
            case _:
                return value | {name: _changed(chance, value[name], raw)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        match chance.randrange(6):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return value + value[: place + 1]
            case _:
                return [*value[:place], _changed(chance, value[place], raw), *value[place + 1 :]]
    raw.append(chance.choice(VALUES))
    return f"@{len(raw) - 1}@"


def _other_header(chance: Random, content: bytes) -> bytes:
    """Change what a safetensors file says of itself."""
    (length,) = struct.unpack("<Q", content[:8])
    header = _other_json(chance, content[8 : 8 + length]).rstrip()
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def _other_tensors(chance: Random, content: bytes) -> bytes:
    """Store other tensors, well, under the same names and with the same metadata."""
    (length,) = struct.unpack("<Q", content[:8])
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__")
    tensors = load(content)
    for _ in range(chance.randint(1, 2)):
        name = chance.choice(sorted(tensors))
        tensor = tensors.pop(name)
        if chance.random() < 0.2:
            name = chance.choice(NAMES)
        if name:
            tensors[name] = _other_tensor(chance, tensor)
    if metadata and chance.random() < 0.5:
        texts = {n: _other_json(chance, text.encode()) for n, text in metadata.items()}
        metadata = {n: text.decode("utf-8", "replace") for n, text in texts.items()}
    return save({n: tensor.contiguous() for n, tensor in tensors.items()}, metadata=metadata)


def _other_tensor(chance: Random, tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of another type, shape or content; often the same."""
    changes = (
        lambda: tensor,
        lambda: tensor.to(chance.choice(KINDS)),
        lambda: tensor.reshape(-1),
        lambda: tensor[:-1] if tensor.ndim else tensor.repeat(2),
        lambda: torch.zeros(chance.choice(((), (0,), (0, 4), (1, 1, 1, 1)))),
        lambda: torch.full(tensor.shape, chance.choice(NUMBERS)),
        lambda: torch.full(tensor.shape, chance.choice((-1, 2**62, 10**6))),
    )
    return chance.choice(changes)()
