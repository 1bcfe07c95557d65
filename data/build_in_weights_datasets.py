"""The published command that builds a data set; the same as `geomem dataset`."""

import sys
from pathlib import Path

# Of this checkout, whatever else is called geometric_memory here.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from geometric_memory.cli.dataset import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="build_in_weights_datasets.py"))
