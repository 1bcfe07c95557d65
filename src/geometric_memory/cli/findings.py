"""`geomem findings [NAME...]`: what the paper leaves open, answered with intervals."""

from pathlib import Path

from geometric_memory.cli.study_command import StudyCommand
from geometric_memory.cli.study_options import Places

COMMAND = StudyCommand(
    name="findings",
    word="finding",
    description="Answer questions that the paper leaves open: train, measure, and write a page for "
    "each, with figure, table and limits. Work that is stored is not done again.",
    places=Places(
        results=Path("experiment_logs/findings"), option="pages", within=Path("pages"),
        public=Path("docs/findings"),
    ),
    packages=("matplotlib", "jinja2"),
)  # fmt: skip
main = COMMAND.main
