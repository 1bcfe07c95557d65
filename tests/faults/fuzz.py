"""Random hostile files into every reader: a process of its own, for as many as one has time for.

    python tests/faults/fuzz.py 20000 [--seed 0] [--reader NAME]

Prints how many inputs each reader got, and every input that did not end in a message of ours.
"""

import argparse
import os
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).parents[1]))

import torch
from harm import harmed
from readers import READERS, Files, Reader, content_of, signed

from geometric_memory.errors import GeometricMemoryError, is_out_of_memory

MOST_MEMORY = 16 * 2**30
LONGEST = 8000
"""Letters of a message; data sets list 20 problems."""
EXIT_CODES = (2, 3, 4, 5, 6, 7)
"""Those that a file may be the reason of."""


@dataclass(frozen=True)
class Failure:
    """An input that ended in anything but success or one message."""

    reader: str
    seed: int
    file: str
    content: bytes
    error: str


class Place:
    """A folder with the files of a reader, put right again after each harm."""

    def __init__(self, folder: Path, files: Files) -> None:
        self.folder, self.files = folder, files
        self.restore()

    def restore(self) -> list[str]:
        """Put everything right; return the names of files that were not there before."""
        there = content_of(self.folder)
        for name, content in self.files.items():
            if there.get(name) != content:
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        new = [name for name in there if name not in self.files]
        for name in new:
            (self.folder / name).unlink()
        return new


def attempts(name: str, reader: Reader, seeds: range, folder: Path) -> Iterator[Failure | None]:
    """Give a reader one harmed file for each seed; yield what went wrong, or None."""
    before = Path.cwd()
    place = Place(folder, reader.files())
    names = sorted(n for n in place.files if fnmatch(n, reader.harmed))
    os.chdir(folder)
    try:
        for seed in seeds:
            chance = Random(f"{name} {seed}")
            file = chance.choice(names)
            content = harmed(chance, place.files[file], file)
            (folder / file).write_bytes(content)
            if reader.signed:
                signed(folder, folder / file)
            refused, error = outcome(reader, folder)
            left = place.restore()
            if left and (refused or not reader.writes):
                error = error or f"left {', '.join(left)} behind"
            yield Failure(name, seed, file, content, error) if error else None
    finally:
        os.chdir(before)


def outcome(reader: Reader, folder: Path) -> tuple[bool, str]:
    """Return whether the files were refused, and what is wrong with how they were."""
    try:
        reader.read(folder)
    except GeometricMemoryError as error:
        letters = len(str(error).strip())
        good = 0 < letters < LONGEST and error.exit_code in EXIT_CODES
        return True, "" if good else f"{letters} letters, {error.exit_code}: {error!s:.200}"
    except Exception as error:
        return True, "" if is_out_of_memory(error) else traceback.format_exc()
    return False, ""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader")
    options = parser.parse_args()
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    chosen = {n: r for n, r in READERS.items() if options.reader in (None, n)}
    each = options.count / sum(reader.share for reader in chosen.values())
    counts, traces = Counter[str](), Counter[str]()
    for name, reader in chosen.items():
        with TemporaryDirectory() as folder:
            seeds = range(options.seed, options.seed + ceil(each * reader.share))
            for failure in attempts(name, reader, seeds, Path(folder)):
                counts[name] += 1
                if failure:
                    traces[name] += 1
                    lines = failure.error.strip().splitlines()
                    if traces[name] <= 5:
                        sys.stdout.write(
                            f"{name} {failure.seed} {failure.file} "
                            f"{failure.content[:100]!r}\n  " + "\n  ".join(lines[-7:]) + "\n"
                        )
        sys.stdout.write(f"{counts[name]:7} inputs, {traces[name]} tracebacks: {name}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{counts.total():7} inputs, {traces.total()} tracebacks in all\n")
    return 1 if traces else 0


if __name__ == "__main__":
    sys.exit(main())
