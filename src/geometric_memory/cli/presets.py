"""`geomem presets`: the named configurations of `geomem train`."""

import argparse
import sys
from collections.abc import Sequence

from geometric_memory.config.presets import PRESETS


def main(argv: Sequence[str]) -> int:
    """Print every preset with what it is for."""
    description = "List the presets of `geomem train --preset NAME`."
    argparse.ArgumentParser(prog="geomem presets", description=description).parse_args(argv)
    width = max(map(len, PRESETS))
    sys.stdout.writelines(f"{name:<{width}}  {p.description}\n" for name, p in PRESETS.items())
    return 0
