"""`geomem convert FILE.pt OUT.safetensors`: published weights in our format."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

DESCRIPTION = (
    "Convert published GPT weights (.pt, or .safetensors with the published names) to safetensors "
    "with our names. A .pt file is read as plain tensors only, in a process of its own."
)


def main(argv: Sequence[str]) -> int:
    """Convert one file."""
    parser = argparse.ArgumentParser(
        prog="geomem convert", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("source", metavar="SOURCE", type=Path, help="published weights")
    parser.add_argument("target", metavar="TARGET", type=Path, help=".safetensors file to write")
    parser.add_argument(
        "--trust", action="store_true", help="open a .pt file, although it is a pickle"
    )
    options = parser.parse_args(argv)
    from geometric_memory.runs.conversion import convert_published

    count = convert_published(options.source, options.target, trust=options.trust)
    sys.stdout.write(f"wrote {count} tensors to {options.target}\n")
    return 0
