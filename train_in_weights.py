"""The published training command; `geomem train` is the same."""

import sys
from pathlib import Path

try:
    import geometric_memory  # noqa: F401
except ModuleNotFoundError:
    sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from geometric_memory.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
