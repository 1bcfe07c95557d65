"""What a terminal shows while a run trains."""

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from geometric_memory.runs.progress import MOST_BLOCKS, Progress, sparkline


def test_a_sparkline_rises_with_the_share_and_ends_at_the_last_value():
    assert sparkline([0.0, 50.0, 100.0]) == "▁▅█"
    assert sparkline([7.0]) == "▁"
    assert sparkline([0.0] * 100 + [100.0]) == "▁" * (MOST_BLOCKS - 1) + "█"


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200).map(sorted))
def test_a_curve_that_never_falls_is_drawn_as_one(shares):
    drawn = sparkline(shares)
    assert list(drawn) == sorted(drawn)
    assert len(drawn) == min(len(shares), MOST_BLOCKS)


def test_a_terminal_shows_the_course_below_the_bar_and_a_file_the_value_alone():
    for terminal in (True, False):
        console = Console(force_terminal=terminal, record=True, width=120, file=None, quiet=False)
        progress = Progress(console)
        with console.capture() as printed:
            progress.start(10)
            for step, share in ((5, 20.0), (10, 100.0)):
                progress.show("joint_training", 1, step, {"test/accuracy": share})
            progress.stop()
        assert ("held-out paths ▂█ 100.0 %" in printed.get()) == terminal
        assert ("held-out paths 100.0 %" in printed.get()) == (not terminal)


def test_nearly_all_is_not_shown_as_all():
    console = Console(record=True, width=120, file=None, quiet=False)
    progress = Progress(console)
    with console.capture() as printed:
        progress.start(10)
        progress.show("joint_training", 1, 10, {"test/accuracy": 99.97})
        progress.stop()
    assert "held-out paths 99.9 %" in printed.get()
