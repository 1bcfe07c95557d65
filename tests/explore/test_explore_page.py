"""The explorer in a real browser: train, watch, stop, scrub, compare, download, two tabs."""

import gc
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from explorer_tab import Tab
from pages import (
    WIDTHS,
    prefer_dark,
    requests_made,
    screen,
    script_errors,
    serious_findings,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from geometric_memory.analysis.reduction import pca
from geometric_memory.explore.live import LiveTraining
from geometric_memory.explore.server import Explorer
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


def test_choices_are_radio_buttons_and_boxes_in_named_groups(tab, browser):
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    browser.find_element(By.CSS_SELECTOR, "#graph label").click()
    browser.find_element(By.CSS_SELECTOR, "#self_edges label").click()
    named = "[role=option], [role=listbox], label[aria-selected]"
    tab.wait(lambda: tab.text("graph") and not browser.find_elements(By.CSS_SELECTOR, named))
    tab.click("picker-title")
    groups = browser.find_elements(By.CSS_SELECTOR, "[role=radiogroup]")
    assert len(groups) == 4
    assert all(group.accessible_name for group in groups)
    star = browser.find_element(By.CSS_SELECTOR, "#graph input")
    assert (star.aria_role, star.accessible_name) == ("radio", "Path-star")
    assert star.is_selected()


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
        # The verdict is of the last step, and stands there alone.
        score = wanted.final["score"][0]
        verdict = f"{wanted.verdicts[0]} (score {score:+.2f} ["
        assert (verdict in tab.text("shown-facts")) is (step == 500)
        tab.key(Keys.HOME)
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
    tab.wait(lambda: tab.text("status") == f"stopped after {tab.facts()['step']} steps")
    tab.key(Keys.HOME)
    tab.wait(lambda: tab.facts()["step"] == "0")
    tab.key(Keys.ARROW_RIGHT)
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
    tab.key(Keys.HOME)
    tab.wait(lambda: tab.facts("pinned")["step"] == tab.facts()["step"] == "0")
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


def test_a_graph_file_is_read_as_the_command_line_reads_it(tab, browser, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(
        'Source,Target,Weight\n"Mr Hi",Officer,2\nOfficer,Ann,1\nAnn,"Mr Hi",1\nAnn,Bo,1\n'
    )
    tab.choose("graph", "own")
    tab.wait(tab.one("edges").is_displayed)
    chooser = browser.find_element("css selector", "#file input[type=file]")
    chooser.send_keys(str(file))
    tab.wait(lambda: "4 nodes" in tab.text("message"))
    assert str(tmp_path) not in tab.text("message")
    written = tab.one("edges").get_attribute("value")
    assert sorted(written.splitlines()) == [
        '"Mr Hi" Ann',
        '"Mr Hi" Officer',
        "Ann Bo",
        "Officer Ann",
    ]
    names = "return [...document.querySelectorAll('#drawing text')].map((t) => t.textContent)"
    tab.wait(lambda: sorted(browser.execute_script(names)) == ["Ann", "Bo", "Mr Hi", "Officer"])
    tab.fill("steps", "5")
    tab.trained()
    assert len(tab.drawn()) == 4
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\nb\n")
    chooser.send_keys(str(bad))
    tab.wait(lambda: tab.text("message").startswith("bad.csv:2:"))
    assert tab.one("edges").get_attribute("value") == written


def test_a_link_fills_the_form_and_once_trained_shows_the_same_view(browser, fresh_explorer):
    tab = Tab(browser, fresh_explorer.address)
    tab.choose("graph", "cycle")
    tab.wait(tab.one("total_nodes").is_displayed)
    tab.choose("model", "associative")
    tab.wait(lambda: tab.one("rate").get_attribute("value") == "0.2")
    tab.fill("total_nodes", "9")
    tab.fill("rate", "0.3")
    tab.fill("seed", "3")
    tab.fill("width", "16")
    tab.fill("steps", "40")
    tab.trained()
    token = browser.execute_script("return sessionStorage.getItem('session')")
    view = "return [viewer.place, viewer.steps.length, Math.round(viewer.camera.azimuth)]"
    tab.wait(lambda: tab.viewer("return !viewer.gliding"))
    tab.viewer("viewer.seek(9); viewer.turn(40, -60)")
    browser.find_element(By.CSS_SELECTOR, "#shown-view .viewer-link").click()
    wanted, link = tab.viewer(view), browser.current_url
    assert token and token not in link
    browser.switch_to.new_window("tab")
    other = Tab(browser, link)
    filled = {"total_nodes": "9", "seed": "3", "rate": "0.3", "width": "16", "steps": "40"}
    for name, value in filled.items():
        other.wait(lambda name=name, value=value: other.one(name).get_attribute("value") == value)
    assert "Choose a graph" in other.text("status")
    assert len(fresh_explorer.sessions.trainings()) == 1
    other.train()
    other.wait(lambda: other.text("status") == "done: 40 steps")
    assert other.text("shown-title") == "Associative control on cycle, 9 nodes"
    other.wait(lambda: other.viewer(view) == wanted)
    assert browser.current_url == link
    other.fill("steps", "30")
    other.trained()
    assert other.facts()["step"] == "30"
    other.wait(lambda: "steps=30" in browser.current_url and "shown=" not in browser.current_url)
    browser.execute_script("location.hash = 'graph=grid&seed=5'")
    other.wait(lambda: other.one("seed").get_attribute("value") == "5")
    assert other.text("status") == "done: 30 steps"


def test_a_link_that_asks_for_what_there_is_not_is_refused(browser, explorer):
    tab = Tab(browser, f"{explorer.address}#model=oracle&width=abc&path=/etc&seed=4")
    tab.wait(lambda: tab.text("message"))
    told = tab.text("message").splitlines()
    assert len(told) == 3 and {"Model", "Width"} < {line.split(":")[0] for line in told}
    assert tab.one("seed").get_attribute("value") == "7"


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


def test_dark_by_system_and_by_switch_and_play(tab, browser):
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
    frames = tab.viewer("return viewer.frames.length")
    before = tab.viewer("return viewer.painted")
    browser.find_element(By.CSS_SELECTOR, "#shown-view .viewer-play").click()
    tab.wait(lambda: 0 < int(tab.facts()["step"]) < 30)
    tab.wait(lambda: tab.viewer("return !viewer.playing") and tab.facts()["step"] == "30")
    assert tab.viewer("return viewer.painted") - before > frames


def test_every_frame_arrives_while_it_trains_and_the_camera_ends_at_the_clear_view(tab):
    tab.fill("steps", "200")
    tab.train(calm=True)
    tab.wait(lambda: tab.viewer("return viewer.frames.length") > 20)
    assert tab.text("status").startswith("training")
    tab.click("stop")
    tab.wait(lambda: tab.text("status").startswith("stopped"))
    tab.wait(lambda: tab.viewer("return viewer.data.movie.steps.length === viewer.frames.length"))
    tab.wait(lambda: tab.viewer("return !viewer.gliding"))
    view = tab.viewer("return [viewer.camera.elevation, viewer.camera.azimuth % 360]")
    clear = tab.viewer("return viewer.data.view")
    assert view[0] == clear[0]
    assert (view[1] - clear[1]) % 360 == pytest.approx(0, abs=1e-9)


def test_a_page_loaded_again_finds_its_training(tab, browser):
    tab.fill("steps", "20000")
    tab.train(calm=True)
    tab.wait(lambda: tab.viewer("return viewer.frames.length") > 3)
    browser.refresh()
    tab.wait(lambda: tab.text("status").startswith("training"))
    tab.wait(lambda: tab.viewer("return viewer.frames.length") > 3)
    tab.click("stop")
    tab.wait(lambda: tab.text("status").startswith("stopped"))


def test_another_tab_finds_the_training_and_may_stop_but_not_end_it_by_leaving(
    browser, fresh_explorer
):
    tab = Tab(browser, fresh_explorer.address)
    tab.choose("graph", "cycle")
    tab.fill("steps", "20000")
    tab.train(calm=True)
    tab.wait(lambda: tab.viewer("return viewer.frames.length") > 3)
    browser.switch_to.new_window("tab")
    other = Tab(browser, fresh_explorer.address)
    other.wait(lambda: other.text("picker-title") == "Open a run (1)")
    other.click("picker-title")
    found = "//label[contains(., 'Transformer on cycle') and contains(., 'in another tab')]"
    browser.find_element(By.XPATH, found).click()
    other.click("open")
    other.wait(lambda: other.text("status").startswith("training"))
    other.wait(lambda: other.viewer("return viewer.frames.length") > 3)
    other.choose("graph", "star")
    other.fill("steps", "5")
    other.trained()
    browser.switch_to.window(browser.window_handles[0])
    tab.wait(lambda: tab.text("status").startswith("training"))
    tab.click("stop")
    tab.wait(lambda: tab.text("status").startswith("stopped"))


def test_an_explorer_that_has_ended_is_said_to_have(browser):
    explorer = Explorer([], 0)
    thread = threading.Thread(target=explorer.serve)
    thread.start()
    tab = Tab(browser, explorer.address)
    explorer.stop()
    thread.join(10)
    explorer.close()
    tab.wait(lambda: tab.text("status").startswith("The explorer does not answer"))


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious_in_a_page_that_shows_all(tab, browser, width):
    tab.choose("graph", "own")
    tab.fill("steps", "20")
    tab.trained()
    tab.click("pin")
    tab.choose("model", "associative")
    tab.trained()
    tab.click("picker-title")
    assert serious_findings(browser, width) == []


def test_every_control_has_a_name(tab, browser):
    unnamed = browser.execute_script(
        """return [...document.querySelectorAll("input, textarea, button, select")].filter((each) =>
            !each.labels?.length && !each.getAttribute("aria-label") && !each.textContent.trim()
        ).map((each) => each.outerHTML);"""
    )
    assert unnamed == []


def test_on_a_telephone_nothing_hangs_over_and_charts_stand_apart(browser, explorer):
    over = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    apart = """const titles = [...document.querySelectorAll("#curves .annotation-text")]
            .map((title) => title.getBoundingClientRect());
        const over = (one, other) => one.left < other.right && other.left < one.right
            && one.top < other.bottom && other.top < one.bottom;
        const inside = titles.every((title) => title.right <= innerWidth && title.left >= 0);
        return [titles.length, inside, titles.some((title, place) =>
            titles.slice(place + 1).some((other) => over(title, other)))];"""
    with screen(browser, 390):
        tab = Tab(browser, explorer.address)
        assert browser.execute_script(over) == 0
        tab.fill("steps", "20")
        tab.trained()
        tab.wait(lambda: browser.execute_script(apart) == [4, True, False])
        assert browser.execute_script(over) == 0
        tab.click("pin")
        tab.wait(lambda: tab.one("pinned-title").is_displayed())
        assert browser.execute_script(over) == 0
    tab.wait(lambda: tab.one("curves").size["height"] < 300)


@pytest.mark.slow
def test_ten_trainings_leave_no_more_behind_than_two(browser, fresh_explorer):
    def left():
        """Return what the page and the server hold: bytes and nodes there, trainings here."""
        browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        rows = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        found = {row["name"]: row["value"] for row in rows}
        gc.collect()
        trainings = sum(type(each) is LiveTraining for each in gc.get_objects())
        return np.array([found["JSHeapUsedSize"], found["Nodes"], trainings])

    browser.execute_cdp_cmd("Performance.enable", {})
    tab = Tab(browser, fresh_explorer.address)
    tab.fill("steps", "100")
    held = []
    for turn in range(12):
        tab.choose("graph", ("grid", "cycle")[turn % 2])
        tab.fill("seed", str(turn))
        tab.trained()
        held.append(left())
    bytes_more, nodes_more, trainings_more = held[-1] - held[1]
    assert trainings_more <= 0, held
    assert nodes_more < 100, held
    assert bytes_more < 4e6, held  # 1.7 MB were seen, after twenty 2.3
