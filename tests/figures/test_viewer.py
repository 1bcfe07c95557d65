"""The viewer of graphs in a real browser: it plays, names, lights, exports, and never lags much."""

import xml.etree.ElementTree as Tree
import zlib
from base64 import b64decode, b64encode

import numpy as np
import pytest
from pages import NARROW, prefer_dark, requests_made, script_errors
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from geometric_memory.figures.page import Page, Section, html
from geometric_memory.figures.picture import Chart, Movie, Picture, Space
from geometric_memory.figures.viewer import describe_frames

COLORS = ("#0072B2", "#D55E00")


def star(arms, frames, name="a <b>node</b>"):
    """Return a star of arms of four nodes that grows."""
    edges = np.array([(4 * arm + k if k else 0, 4 * arm + k + 1)
                      for arm in range(arms) for k in range(4)])  # fmt: skip
    angles = np.repeat(2 * np.pi * np.arange(arms) / arms, 4)
    radii = np.tile(np.arange(1, 5), arms) / 4
    points = np.zeros((4 * arms + 1, 3))
    points[1:] = np.stack([radii * np.cos(angles), radii * np.sin(angles), 0 * radii], axis=1)
    values = points * np.linspace(0.1, 1, frames)[:, None, None]
    space = Space(
        coordinates=points, edges=edges, names=[name, *map(str, range(1, len(points)))],
        colors=["#444444", *[COLORS[arm % 2] for arm in range(arms) for _ in range(4)]], root=0,
        legend=[((color,), f"kind {color}") for color in COLORS], view=(90.0, -90.0),
    )  # fmt: skip
    movie = Movie(steps=10 * np.arange(frames), values=values,
                  captions=[f"caption {place}" for place in range(frames)])  # fmt: skip
    return Picture(name="space", panels=[space], label="A star.", height=500, movie=movie)


def written(folder, arms, frames):
    """Write a page with a star and return its path."""
    picture = star(arms, frames)
    path = folder / f"star-{arms}.html"
    path.write_text(html(Page(title="star", sections=[Section("s", "Star", [picture])])), "utf-8")
    return path


@pytest.mark.parametrize("grain", [1, 32])
def test_frames_are_kept_to_their_grain_and_none_beyond_the_edge(grain):
    values = np.array([[[1.0, -1.0, np.nan]], [[-1.0, 0.12345, np.nan]], [[0.0, 1.0, 0.5]]])
    movie = Movie(steps=np.arange(3), values=values, captions=["", "", ""])
    packed = zlib.decompress(b64decode(describe_frames(movie, grain)["values"]))
    kept = np.frombuffer(packed, "<i2").reshape(3, 1, 3).cumsum(axis=0, dtype=np.int16)
    blank = kept == np.iinfo(np.int16).min
    assert np.array_equal(blank, np.isnan(values))
    assert np.abs(kept / 32767 - values)[~blank].max() <= grain / 32767 / 2 + 1e-9


class Shown:
    """A page with a viewer."""

    def __init__(self, browser, path, fragment=""):
        self.browser = browser
        browser.get("about:blank")
        browser.get(path.resolve().as_uri() + fragment)
        self.until("return document.documentElement.dataset.drawn && viewer.painted")

    def run(self, script, *arguments):
        found = 'const viewer = document.querySelector(".plot").viewer; '
        return self.browser.execute_script(found + script, *arguments)

    def until(self, script):
        wait = """const done = arguments[0], end = performance.now() + 20000;
            const script = SCRIPT, look = () => {
              const viewer = document.querySelector(".plot")?.viewer;
              if (viewer && script(viewer)) done(true);
              else if (performance.now() > end) done(false); else setTimeout(look, 20); };
            look();"""
        text = f"(viewer) => {{ {script} }}"
        assert self.browser.execute_async_script(wait.replace("SCRIPT", text)), script

    def one(self, name):
        return self.browser.find_element(By.CSS_SELECTOR, f".viewer-{name}")

    def point_at(self, node, click=False):
        x, y = self.run(
            "const { canvas, xs, ys, ratio } = viewer; return [xs[arguments[0]] / ratio - "
            "canvas.clientWidth / 2, ys[arguments[0]] / ratio - canvas.clientHeight / 2]", node
        )  # fmt: skip
        canvas = self.browser.find_element(By.CSS_SELECTOR, ".viewer canvas")
        moves = ActionChains(self.browser, 0)
        moves.move_to_element_with_offset(canvas, round(x), round(y))
        (moves.click() if click else moves).perform()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return written(tmp_path_factory.mktemp("viewer"), 5, 12)


@pytest.fixture
def shown(browser, path):
    return Shown(browser, path)


def test_it_plays_smoothly_to_the_end_and_the_slider_goes_with_it(shown):
    before = shown.run("return viewer.painted")
    shown.one("play").click()
    shown.until("return viewer.place > 2 && Number(viewer.slider.value) === viewer.place")
    shown.until("return !viewer.playing")
    # More pictures than frames: it moves between them, and steps, words and slider are the last.
    assert shown.run("return viewer.painted") - before > 24
    assert shown.run("return [viewer.slider.value, viewer.output.textContent]") == [
        "11",
        "step 110",
    ]
    moment = shown.browser.find_element(By.CLASS_NAME, "moment")
    assert moment.text == "After 110 steps: caption 11."
    shown.run("viewer.slider.value = 3; viewer.slider.dispatchEvent(new Event('input'))")
    assert moment.text == "After 30 steps: caption 3."


def test_it_loops_only_where_that_is_wanted(shown):
    shown.one("loop").click()
    shown.run("viewer.speed.value = '4'; viewer.seek(2)")
    shown.one("play").click()
    shown.until("return viewer.place > 7")
    shown.until("return viewer.playing && viewer.place < 5")


def test_frames_are_those_that_were_written(shown):
    radii = "return viewer.frames.map((frame) => Math.max(...frame) / 32767)"
    assert shown.run(radii) == pytest.approx(np.linspace(0.1, 1, 12), abs=1e-4)


def test_a_node_is_named_when_pointed_at_and_lit_with_neighbours_and_arm_by_clicks(shown):
    shown.point_at(0)
    tip = shown.one("tip")
    assert tip.text == "a <b>node</b> (root); neighbours: 1, 5, 9, 13, 17"
    lit = "return Array.from(viewer.lights() || []).flatMap((on, node) => (on ? [node] : []))"
    for nodes in ([5, 6, 7], [5, 6, 7, 8], []):
        shown.point_at(6, click=True)
        assert shown.run(lit) == nodes
    shown.browser.find_elements(By.CSS_SELECTOR, ".viewer-key")[1].click()
    assert shown.run(lit) == [*range(5, 9), *range(13, 17)]


def test_the_address_holds_the_view(shown, browser, path):
    shown.point_at(6, click=True)
    shown.run("viewer.seek(4); viewer.turn(40, -60)")
    shown.one("link").click()
    view = shown.run("return [viewer.place, viewer.camera.azimuth, viewer.camera.elevation]")
    again = Shown(browser, path, "#" + browser.current_url.partition("#")[2])
    read = "return [viewer.place, viewer.camera.azimuth, viewer.camera.elevation]"
    assert again.run(read) == view
    assert again.run("return [...viewer.pinned.keys()]") == [6]
    again.one("clear").click()
    again.until("return !viewer.gliding && viewer.camera.elevation === 90")


def exported(shown, kind):
    """Press a button and return what would be downloaded."""
    text = shown.browser.execute_async_script(
        """const done = arguments[1], click = HTMLAnchorElement.prototype.click;
        HTMLAnchorElement.prototype.click = function () {
            HTMLAnchorElement.prototype.click = click;
            fetch(this.href).catch(() => null);
        };
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
            URL.createObjectURL = make;
            const reader = new FileReader();
            reader.onload = () => done(reader.result);
            reader.readAsDataURL(blob);
            return make(blob);
        };
        document.querySelector(`.viewer-${arguments[0]}`).click();""",
        kind,
    )
    return b64decode(text.partition(",")[2])


def test_pictures_are_exported_whole(shown):
    drawing = Tree.fromstring(exported(shown, "svg"))
    kinds = [element.tag.rpartition("}")[2] for element in drawing]
    assert (kinds.count("line"), kinds.count("circle")) == (20, 21)
    assert "a <b>node</b>" in [element.text for element in drawing]
    picture = exported(shown, "png")
    width = int.from_bytes(picture[16:20], "big")
    assert picture.startswith(b"\x89PNG")
    assert width == 3 * shown.run("return viewer.canvas.clientWidth")


def test_a_video_is_recorded_from_the_first_step_to_the_last(shown):
    shown.browser.set_script_timeout(60)
    video = exported(shown, "video")
    assert video.startswith(b"\x1aE\xdf\xa3") or video[4:8] == b"ftyp"  # WebM or MP4
    assert len(video) > 5000
    # The browser that made it can play it.
    size = """const done = arguments[1], film = document.createElement("video");
        film.onloadedmetadata = () => done([film.videoWidth, film.videoHeight]);
        film.onerror = () => done(null);
        film.src = arguments[0];"""
    shown.browser.get("about:blank")  # whose policy lets a film in
    address = f"data:video/webm;base64,{b64encode(video).decode()}"
    width, height = shown.browser.execute_async_script(size, address)
    assert width > 100
    assert height > 100


def test_dark_narrow_by_keyboard_and_nothing_asked_of_the_network(browser, path):
    browser.set_window_size(*NARROW)
    prefer_dark(browser, True)
    shown = Shown(browser, path)
    assert shown.run("return [...viewer.context.getImageData(2, 2, 1, 1).data]") == [
        20,
        23,
        28,
        255,
    ]
    assert shown.run("return document.documentElement.scrollWidth <= innerWidth")
    canvas = browser.find_element(By.CSS_SELECTOR, ".viewer canvas")
    before = shown.run("return viewer.camera.azimuth")
    canvas.send_keys("nn,")
    assert shown.one("tip").text == "1; neighbours: a <b>node</b>, 2"
    assert shown.run("return viewer.place") == 10
    canvas.send_keys("\ue012")
    assert shown.run("return viewer.camera.azimuth") != before
    assert requests_made(browser) == [path.resolve().as_uri()]
    assert script_errors(browser) == []


def test_who_wants_no_motion_sees_steps_alone(browser, path):
    calm = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", calm)
    shown = Shown(browser, path)
    place = "viewer.time = 3.5; viewer.project(); const x = viewer.xs[20]; viewer.time = 3; "
    assert shown.run(place + "viewer.project(); return x === viewer.xs[20]")


def test_twenty_thousand_nodes_are_drawn_ten_times_a_second(browser, tmp_path):
    page = written(tmp_path, 5000, 8)
    assert page.stat().st_size < 2e6
    shown = Shown(browser, page)
    best = """let best = Infinity;
        for (let turn = 0; turn < 20; turn += 1) {
            const begin = performance.now();
            viewer.camera.elevation -= 2;
            viewer.paint();
            best = Math.min(best, performance.now() - begin);
        }
        return best;"""
    assert shown.run(best) < 100


def test_a_notebook_shows_it_in_a_frame(browser, tmp_path):
    page = tmp_path / "cell.html"
    page.write_text(f"<!doctype html><title>cell</title>{star(5, 12)._repr_html_()}", "utf-8")
    assert page.stat().st_size < 2e5
    browser.get(page.as_uri())
    browser.switch_to.frame(0)
    painted = "return document.querySelector('.plot')?.viewer?.painted > 0"
    WebDriverWait(browser, 20).until(lambda it: it.execute_script(painted))
    height = "return [document.documentElement.scrollHeight, innerHeight]"
    needed, given = browser.execute_script(height)
    assert needed <= given
    assert not browser.find_element(By.TAG_NAME, "h1").is_displayed()
    browser.switch_to.default_content()
    assert requests_made(browser) == [page.as_uri()]
    assert script_errors(browser) == []
    chart = Picture(panels=[Chart(lines=[])], label="a chart")
    assert chart._repr_html_() is None
