"""What W&B shows of a finished run: pictures of its embeddings, and its page."""

from pathlib import Path

from geometric_memory.errors import GeometricMemoryError
from geometric_memory.extras import is_installed

PICTURES = {"embeddings": "space", "cosine_similarity": "cosine"}
"""Names in W&B, and the plots of `report.run_page` that they are."""


def draw_media(run: Path, into: Path) -> dict[str, Path]:
    """Draw the run in folder `run` into another folder; the page lies in the run, as report.html.

    Without the packages that draw there is nothing; left out is what the run has not left.
    """
    if not all(map(is_installed, ("matplotlib", "jinja2"))):
        return {}
    from geometric_memory.report.run_page import plot
    from geometric_memory.report.write import report
    from geometric_memory.runs.run import Run

    found, finished = {"report": report([run])}, Run(run)
    for name, kind in PICTURES.items():
        try:
            found[name] = plot(finished, kind).save(into / f"{name}.png")
        except GeometricMemoryError:
            continue
    return found
