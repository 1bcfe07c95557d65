"""A figure that a notebook shows by itself and that saves itself."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from geometric_memory.errors import DiskError

DPI = 200


class Plot:
    """A figure of matplotlib: `figure` to go on with, `save` to keep it."""

    def __init__(self, figure: Figure, caption: str) -> None:
        self.figure, self.caption = figure, caption

    def save(self, path: str | Path) -> Path:
        """Write the figure, 200 dpi, in the format that the suffix says: .png, .svg or .pdf.

        Raises:
            DiskError: if it cannot be written.
        """
        try:
            self.figure.savefig(path, dpi=DPI)
        except OSError as error:
            raise DiskError(f"{path}: cannot be written: {error.strerror or error}") from None
        return Path(path)

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI / 2)
        return buffer.getvalue()

    def __repr__(self) -> str:
        return f"<Plot: {self.caption}>"
