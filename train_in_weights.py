"""The published training command: `geomem train` with the published defaults."""

import sys
from pathlib import Path

# Of this checkout, whatever else is called geometric_memory here.
sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from geometric_memory.cli.main import run
from geometric_memory.cli.train import published

if __name__ == "__main__":
    sys.exit(run(published, sys.argv[1:]))
