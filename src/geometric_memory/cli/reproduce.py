"""`geomem reproduce [CLAIM...]`: the claims of the paper, tried with several seeds."""

from pathlib import Path

from geometric_memory.cli.study_command import StudyCommand
from geometric_memory.cli.study_options import Places

COMMAND = StudyCommand(
    name="reproduce",
    word="claim",
    description="Try the claims of the paper: train with several seeds, hold numbers against "
    "criteria that were written down first, and give a verdict on each. What is there already is "
    "not done again.",
    places=Places(
        results=Path("experiment_logs/claims"), option="report", within=Path("report/claims"),
        public=Path("docs/results/claims"),
    ),
    packages=("matplotlib", "jinja2", "networkx"),
)  # fmt: skip
main = COMMAND.main
