"""What tests of pages share: runs of real trainings of seconds, and values read from a page."""

import time
from contextlib import chdir
from pathlib import Path

from selenium.webdriver.common.by import By

from geometric_memory.cli.main import main

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror=document.title=1>',
    "</script><script>document.title=2</script>",
    "<a href='javascript:alert(1)'>b</a>",
    "{{ 7 * 7 }} & $x_1$",
)
FIGURES = {
    "graph", "loss", "accuracy", "memorization", "rate", "space", "similarity", "spectrum", "hops",
    "arm-matrices", "map",
}  # fmt: skip
SMALL = ("--preset", "tiny", "--path_finetuning_eval_interval_epochs", "5")


def trained(folder: Path, name: str, *options: str) -> Path:
    """Train in `folder` and return the run's folder; a run that fails is meant to."""
    with chdir(folder):
        main(["train", *SMALL, *options, "--run_name", name])
        return folder / "experiment_logs" / "in_weights" / name


def wait(condition, seconds: float = 30.0):
    """Return what `condition` gives once that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("the page did not get there in time")


def cell(browser, table: str, row: str, column: int = 0) -> str:
    """Return a cell of a table of the page by the first cell of its row."""
    for found in browser.find_elements(By.CSS_SELECTOR, f"#table-{table} tbody tr"):
        if found.find_element(By.TAG_NAME, "th").text == row:
            return found.find_elements(By.TAG_NAME, "td")[column].text
    raise AssertionError(f"{table} has no row {row}")


def fact(browser, name: str) -> str:
    """Return a key number of the page by its name."""
    for pair in browser.find_elements(By.CSS_SELECTOR, "dl.facts div"):
        if pair.find_element(By.TAG_NAME, "dt").text == name:
            return pair.find_element(By.TAG_NAME, "dd").text
    raise AssertionError(f"no fact named {name}")


def traces(browser, figure: str) -> list[dict]:
    """Return what plotly has drawn: name, x, y and z of every trace, as plain lists."""
    return browser.execute_script(
        """
        const plain = (value) => value && (value._inputArray || value);
        const row = (item) => ArrayBuffer.isView(item) ? Array.from(item) : item;
        const rows = (value) => value && Array.from(plain(value), row);
        const plot = document.querySelector(`#figure-${arguments[0]} .plot`);
        return plot._fullData.map((trace) => ({
            name: trace.name, x: rows(trace.x), y: rows(trace.y), z: rows(trace.z)}));
        """,
        figure,
    )


def places(browser, figure: str) -> list[list[float]]:
    """Return where the viewer's nodes stand at the step that it shows."""
    return browser.execute_script(
        """
        const { frames, place } = document.querySelector(`#figure-${arguments[0]} .plot`).viewer;
        const axis = (i) => frames[place].filter((_, place) => place % 3 === i);
        const [x, y, z] = [0, 1, 2].map((i) => Array.from(axis(i), (value) => value / 32767));
        return x.map((value, node) => [value, y[node], z[node]]);
        """,
        figure,
    )
