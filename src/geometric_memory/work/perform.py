"""Pieces of work from their plan to their answers, wherever they are done."""

import math
import time
from collections.abc import Iterable
from pathlib import Path

from geometric_memory.errors import CheckpointError, Interrupted
from geometric_memory.runs.interruption import EXIT_CODES, Interruption
from geometric_memory.work.local import Local
from geometric_memory.work.piece import (
    Answers,
    Failure,
    Found,
    Piece,
    Pieces,
    Place,
    Report,
    Stopped,
    Store,
)

PATIENCE = 3.0
"""Seconds before pieces are tried again that another process was at."""


def perform(
    pieces: Iterable[Piece],
    folder: Path | Store,
    *,
    workers: int = 1,
    timeout: float = math.inf,
    place: Place | None = None,
    report: Report = lambda text: None,
) -> Found:
    """Yield every piece with its answer or a `Failure`: those that are stored, then as they end.

    A batch that fails comes as its parts. Equal pieces come once. A damaged answer is named,
    and its piece done again.

    Args:
        pieces: what is to be done, the longest first.
        folder: of the answers, or another store of them.
        workers: processes at once, fewer where memory is short; one without a time limit is this
            process itself, with its own number of threads.
        timeout: seconds that a piece may take.
        place: where pieces are done, in place of `workers` processes here.
        report: takes sentences that a person should see.

    Raises:
        Interrupted: after a signal, when all that ran have saved their state.
        DiskError: if an answer cannot be stored.
    """
    store = Answers(folder) if isinstance(folder, Path) else folder
    missing: list[Piece] = []
    for piece in dict.fromkeys(pieces):
        try:
            answer = store.answer(piece)
        except CheckpointError as error:
            report(f"warning: {error}; it is done again")
            answer = None
        if answer is None:
            missing.append(piece)
        else:
            yield piece, answer
    if place is None:
        alone = workers == 1 and timeout == math.inf
        place = Place() if alone else Local(workers=workers, timeout=timeout)
    if type(place) is Place:
        yield from _rounds(place, missing, store, report, lambda: False)
        return
    with Interruption() as interruption:

        def stopped() -> bool:
            return bool(interruption.name)

        yield from _rounds(place, missing, store, report, stopped)
    if interruption.name:
        raise Interrupted(
            f"{interruption.name}: stopped; the same command goes on with what is missing",
            EXIT_CODES[interruption.name],
        )


def _rounds(place: Place, missing: Pieces, store: Store, report: Report, stopped: Stopped) -> Found:
    """Do pieces, then the parts of batches that failed, and once more what others were at."""
    met: set[Piece] = set()
    while missing and not stopped():
        again: list[Piece] = []
        for piece, found in place.run(missing, store, report, stopped):
            if isinstance(found, Failure):
                if found.kind == "busy":
                    report(f"another process is at it: {piece.name or piece.key}")
                if instead := _try_instead(piece, found, store, met):
                    again += instead
                    continue
                if found.kind in ("failed", "late"):
                    store.fail(piece, found)
            yield piece, found
        if met & set(again) and not stopped():
            time.sleep(PATIENCE)  # what a kill left behind is about to end
        missing = again


def _try_instead(piece: Piece, failure: Failure, store: Store, met: set[Piece]) -> Pieces:
    """Return what is tried after a failure; `met` takes the pieces that another process was at."""
    if failure.kind == "failed":
        return [part for part in piece.parts if store.answer(part) is None]
    if failure.kind != "busy" or piece in met:
        return []
    met.add(piece)
    return [piece]
