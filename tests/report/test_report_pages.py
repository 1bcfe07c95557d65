"""The page of a run in a real browser, against the files of the run."""

import json

import numpy as np
import pytest
from pages import requests_made, script_errors
from report_pages import FIGURES, cell, fact, places, traces, wait
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from geometric_memory.analysis.cosines import cosine_similarity, geometric_level
from geometric_memory.analysis.reduction import clear_components
from geometric_memory.report.stored import runs_of
from geometric_memory.report.view import view_of
from geometric_memory.runs.history import history_steps, read_history

pytestmark = pytest.mark.loopback


def rows_of(run):
    return [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]


def slider(browser, figure):
    return browser.find_element(By.CSS_SELECTOR, f"#figure-{figure} input[type=range]")


def moved(browser, figure, place):
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
        slider(browser, figure),
        place,
    )


def moment(browser, figure):
    return browser.find_element(By.CSS_SELECTOR, f"#figure-{figure} .moment").text


def test_key_numbers_and_curves_are_those_of_the_files(shown, star):
    browser, rows = shown, rows_of(star)
    last = rows[-1]
    known = f"{last['edge_memorization/top_k_recovery']:.1f}".removesuffix(".0")
    assert fact(browser, "edges memorized").removesuffix(" %").removesuffix(".0") == known
    assert fact(browser, "steps") == str(last["step"])
    assert cell(browser, "changed", "star_degree") == "6"
    assert cell(browser, "changed", "star_degree", 1) == "10000"
    drawn = {trace["name"]: trace for trace in traces(browser, "loss")}
    assert drawn["edge facts"]["x"] == [row["step"] for row in rows]
    wanted = [row["edge_memorization/loss"] for row in rows]
    assert drawn["edge facts"]["y"] == pytest.approx(wanted, rel=1e-6)
    # Of 48 facts, 12 leave the root or a leaf; the root has 6 targets, 18 nodes have 2 each.
    floor = (6 * np.log(6) + 36 * np.log(2)) / 48
    assert next(t for name, t in drawn.items() if "floor" in name)["y"][0] == pytest.approx(floor)
    tokens = {trace["name"]: trace["y"] for trace in traces(browser, "accuracy")}
    assert tokens["position 2"] == [row["test/token_2"] for row in rows]


def test_the_slider_shows_the_tracked_history(shown, star):
    browser = shown
    steps = history_steps(star / "artifacts" / "embedding_evolution")
    history = dict(read_history(star / "artifacts" / "embedding_evolution"))
    record = runs_of(star)[0]
    drawn = record.frames.spread(60).steps
    place = len(drawn) // 2
    step = int(drawn[place])
    assert step in steps
    moved(browser, "similarity", place)
    level = geometric_level(history[step], record.dataset.facts)
    assert f"After {step} steps" in moment(browser, "similarity")
    assert f"level {level:+.2f}" in moment(browser, "similarity")
    assert moment(browser, "space") == moment(browser, "similarity")
    wanted = cosine_similarity(history[step], record.graph.order)
    np.fill_diagonal(wanted, np.nan)

    def cosines():
        return np.array(traces(browser, "similarity")[0]["z"], dtype=float)

    wait(lambda: np.allclose(cosines(), wanted, atol=1e-4, equal_nan=True))


def test_distances_in_space_are_those_of_the_embedding(shown, star):
    browser = shown
    record = runs_of(star)[0]
    moved(browser, "space", 0)
    shown = np.array(places(browser, "space"))
    rows = record.embeddings_at(0)[record.graph.order]
    centred = rows - rows.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    widest = centred @ axes[:, np.argsort(values)[:-9:-1]]
    best = widest[:, list(clear_components(widest, view_of(record).edges))]
    distances = np.linalg.norm(best[:, None] - best[None], axis=2)
    found = np.linalg.norm(shown[:, None] - shown[None], axis=2)
    scale = found.max() / distances.max()
    np.testing.assert_allclose(found, scale * distances, atol=2e-3)


def test_keys_move_the_slider_and_play(shown):
    browser = shown
    control = slider(browser, "space")
    last = int(control.get_attribute("max"))
    control.send_keys(Keys.END)
    control.send_keys(Keys.ARROW_LEFT)
    assert int(control.get_attribute("value")) == last - 1
    control.send_keys(Keys.HOME)
    assert moment(browser, "space").startswith("After 0 steps")
    assert "step 0" in control.get_attribute("aria-valuetext")
    button = browser.find_element(By.CSS_SELECTOR, "#figure-space .viewer-play")
    browser.find_element(By.CSS_SELECTOR, "#figure-space .viewer-loop").click()  # it never ends
    button.send_keys(Keys.ENTER)
    assert button.text == "pause"
    wait(lambda: int(control.get_attribute("value")) >= 2)
    button.send_keys(Keys.SPACE)
    assert button.text == "play"


def test_everything_is_drawn_and_nothing_else_is_asked_for(opened, page):
    browser = opened(page)
    live = browser.find_elements(By.CSS_SELECTOR, "figure.live")
    assert {figure.get_attribute("data-name") for figure in live} == FIGURES
    assert requests_made(browser) == [page.resolve().as_uri()]
    assert script_errors(browser) == []
    assert page.stat().st_size < 2e6
