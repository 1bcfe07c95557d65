"""The explorer in a real browser: train, watch, stop, scrub, compare, download, two tabs."""

import json
from pathlib import Path

import numpy as np
import pytest
from explorer_tab import Tab
from pages import prefer_dark, requests_made, script_errors
from selenium.webdriver.common.keys import Keys

from geometric_memory.analysis.reduction import pca
from geometric_memory.tiny.sections import section
from geometric_memory.tiny.training import train_section


@pytest.mark.slow
def test_steps_are_counted_while_it_trains(tab):
    tab.fill("steps", "60")
    tab.train(calm=True)
    seen = set()

    def moving():
        seen.add(tab.text("status"))
        return sum(status.startswith("training: step") for status in seen) >= 3

    tab.wait(moving)
    tab.wait(lambda: tab.text("status") == "done: 60 steps")
    assert tab.facts()["step"] == "60"


def test_what_the_page_shows_is_what_the_engine_computes(tab, browser, explorer):
    tab.trained()
    wanted = train_section(section("transformer", "grid"), [7])
    for step in (500, 0):
        tab.wait(lambda step=step: tab.facts()["step"] == str(step))
        facts = tab.facts()
        assert facts["loss"] == f"{wanted.curve('loss')[step]:.3f}"
        assert facts["memorization"] == f"{100 * wanted.curve('recovery')[step]:.1f} %"
        assert facts["geometric level"] == f"{wanted.curve('level')[step]:+.3f}"
        assert facts["non-edges"] == f"{wanted.curve('non_edge_level')[step]:+.3f}"
        drawn, expected = pairwise(tab.drawn()), pairwise(pca(wanted.snapshot(step)[1]))
        np.testing.assert_allclose(drawn / drawn.sum(), expected / expected.sum(), atol=1e-6)
        tab.one("step").send_keys(Keys.HOME)
    score = wanted.final["score"][0]
    assert f"{wanted.verdicts[0]} (score {score:+.2f} [" in tab.text("shown-facts")
    foreign = [url for url in requests_made(browser) if not url.startswith(explorer.address)]
    assert (foreign, script_errors(browser)) == ([], [])


def pairwise(points):
    points = np.array(points)
    return np.sqrt(np.square(points[:, None] - points[None]).sum(-1))


def test_stop_scrub_by_keyboard_pin_and_compare(tab):
    tab.fill("steps", "20000")
    tab.train(calm=True)
    tab.wait(lambda: "step" in tab.facts() and int(tab.facts()["step"]) > 1)
    tab.click("stop")
    tab.wait(lambda: tab.text("status").startswith("stopped after"))
    last = tab.text("step-shown")
    assert tab.text("status") == f"stopped after {last} steps"
    tab.one("step").send_keys(Keys.HOME)
    tab.wait(lambda: tab.facts()["step"] == "0")
    tab.one("step").send_keys(Keys.ARROW_RIGHT)
    tab.wait(lambda: tab.facts()["step"] == "1")
    tab.click("pin")
    tab.wait(lambda: tab.text("pinned-title") == "Pinned: Transformer on grid, 4 x 4")
    tab.choose("model", "associative")
    tab.wait(lambda: tab.one("rate").get_attribute("value") == "0.2")
    tab.fill("steps", "60")
    tab.trained()
    differing = [line.split()[0] for line in tab.text("differences").splitlines()[2:]]
    assert differing == ["Model", "Learning", "Steps"]
    assert tab.text("shown-title") == "Associative control on grid, 4 x 4"
    assert tab.facts("pinned") and tab.facts("pinned") != tab.facts()
    tab.click("unpin")
    tab.wait(lambda: not tab.one("pinned-title").is_displayed())


@pytest.mark.slow
def test_two_tabs_train_apart_at_once(tab, browser, explorer):
    first = browser.current_window_handle
    tab.train(calm=True)
    browser.switch_to.new_window("tab")
    other = Tab(browser, explorer.address)
    other.choose("graph", "star")
    other.fill("steps", "50")
    other.trained()
    assert other.text("shown-title") == "Transformer on path-star, 4 arms of 5"
    assert len(other.drawn()) == 17
    browser.switch_to.window(first)
    tab.wait(lambda: tab.text("status").startswith("done: 500"))
    assert len(tab.drawn()) == 16


def test_a_graph_is_pasted_drawn_and_refused_with_its_line(tab, browser):
    tab.choose("graph", "own")
    tab.wait(tab.one("edges").is_displayed)
    tab.fill("edges", "a b\nb\n")
    tab.train()
    tab.wait(lambda: tab.text("message") == "edges:2: expected two node names, found 'b'")
    tab.click("clear-drawing")
    draw = """const svg = document.querySelector("#drawing svg");
        const box = svg.getBoundingClientRect();
        for (const [x, y] of [[.2, .2], [.8, .2], [.2, .2], [.8, .8], [.8, .2]]) {
            svg.dispatchEvent(new MouseEvent("click", {
                clientX: box.left + x * box.width, clientY: box.top + y * box.height}));
        }"""
    browser.execute_script(draw)
    tab.wait(lambda: tab.one("edges").get_attribute("value").split() == ["1", "0", "2", "1"])
    tab.fill("steps", "5")
    tab.trained()
    assert tab.text("message") == ""
    assert len(tab.drawn()) == 3


def test_every_wrong_setting_is_told_at_once(tab):
    tab.fill("width", "100000")
    tab.fill("steps", Keys.BACKSPACE)
    tab.train()
    tab.wait(lambda: "Width" in tab.text("message"))
    assert [line.split(":")[0] for line in tab.text("message").splitlines()] == ["Width", "Steps"]
    assert "Choose a graph" in tab.text("status")


@pytest.mark.slow
def test_config_figure_and_page_are_downloaded(tab, browser, tmp_path):
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    tab.fill("steps", "20")
    tab.trained()
    files = {}
    for kind, suffix in (("config", "json"), ("figure", "png"), ("html", "html")):
        tab.click(f"get-{kind}")
        files[suffix] = Path(tmp_path / f"transformer_on_grid_4_x_4.{suffix}")
        tab.wait(lambda file=files[suffix]: file.exists() and file.stat().st_size > 0)
    content = json.loads(files["json"].read_text())
    assert content["settings"]["Steps"] == 20
    assert len(content["edges"]) == 24
    assert f"{content['measured']['loss']:.3f}" == tab.facts()["loss"]
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert "cdn" not in files["html"].read_text()[:2000]


@pytest.mark.slow
def test_dark_by_system_and_by_switch_flat_view_and_play(tab, browser):
    def paper():
        return browser.execute_script("return getComputedStyle(document.body).backgroundColor")

    light = paper()
    prefer_dark(browser, True)
    tab.wait(lambda: paper() != light)
    tab.click("theme-switch")
    tab.wait(lambda: paper() == light)
    assert tab.text("theme-switch") == "Dark"
    tab.fill("steps", "30")
    tab.trained()
    kind = """return document.querySelector("#shown-view .js-plotly-plot").data[1].type"""
    assert browser.execute_script(kind) == "scatter3d"
    tab.choose("view", "flat")
    tab.wait(lambda: browser.execute_script(kind) == "scatter")
    tab.click("play")
    tab.wait(lambda: tab.text("play") == "Pause")
    tab.wait(lambda: 0 < int(tab.text("step-shown")) < 30)
    tab.wait(lambda: tab.text("play") == "Play" and tab.text("step-shown") == "30")


def test_every_control_has_a_name(tab, browser):
    unnamed = browser.execute_script(
        """return [...document.querySelectorAll("input, textarea, button, select")].filter((each) =>
            !each.labels?.length && !each.getAttribute("aria-label") && !each.textContent.trim()
        ).map((each) => each.outerHTML);"""
    )
    assert unnamed == []
