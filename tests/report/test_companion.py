"""The companion: one page of recorded trainings, made by a command and kept in docs/companion."""

from pathlib import Path

import pytest
from pages import (
    WIDTHS,
    prefer_dark,
    requests_made,
    screen,
    script_errors,
    serious_findings,
)

from geometric_memory.cli.main import main
from geometric_memory.report.companion import PARTS, Trainings

PAGE = Path(__file__).parents[2] / "docs" / "companion" / "index.html"
PLOTS = "[...document.querySelectorAll('figure .plot')]"


@pytest.fixture
def companion(browser):
    """Opens a page, waits until all of it is drawn, and gives the browser."""

    def opened(page: Path):
        browser.get(page.resolve().as_uri())
        done = """const done = arguments[0], look = () => document.documentElement.dataset.drawn
            ? requestAnimationFrame(() => setTimeout(done, 50)) : setTimeout(look, 50); look();"""
        browser.set_script_timeout(90)
        browser.execute_async_script(done)
        return browser

    return opened


def test_a_small_one_is_made_by_one_command(tmp_path, companion, capsys):
    page, folder = tmp_path / "page.html", tmp_path / "runs"
    command = ["companion", "memorize", "--max_steps", "20", "--folder", str(folder)]
    assert main([*command, "--output", str(page)]) == 0
    assert capsys.readouterr().out == f"wrote {page}\n"
    browser = companion(page)
    assert browser.execute_script(
        f"return {PLOTS}.map((plot) => plot.viewer.frames.length > 1)"
    ) == [
        False,
        True,
    ]
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    assert main([*command, "--output", str(page)]) == 0  # what is trained is not trained again
    assert before == {file: file.stat().st_mtime_ns for file in before}


def test_an_unknown_part_is_refused_and_nothing_is_made(tmp_path, capsys):
    arguments = ["--folder", str(tmp_path / "runs"), "--output", str(tmp_path / "page.html")]
    assert main(["companion", "memorise", *arguments]) == 2
    assert "unknown part memorise; did you mean memorize?" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_trained(tmp_path, capsys):
    page = tmp_path / "nowhere" / "page.html"
    arguments = ["--folder", str(tmp_path / "runs"), "--output", str(page)]
    assert main(["companion", *arguments]) == 2
    assert f"--output {page}: there is no folder {page.parent}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_training_is_taken_again_only_where_its_settings_are_what_is_asked(tmp_path):
    trainings = Trainings(folder=tmp_path, most_steps=2)
    first, again, other = (
        trainings.large("tiny", embedding_dimension=width).path for width in (16, 16, 8)
    )
    assert first == again != other
    assert first.parent == other.parent


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_works_from_the_file_system(browser, companion, dark):
    assert PAGE.stat().st_size < 10e6
    prefer_dark(browser, dark)
    with screen(browser, 390):
        companion(PAGE)
        sections = browser.execute_script(
            "return [...document.querySelectorAll('section')].map((section) => section.id)"
        )
        assert len(sections) == len(PARTS) + 1
        movies = browser.execute_script(
            f"""const drawn = ({{ context, canvas, rim }}) => new Uint32Array(context.getImageData(
                0, 0, canvas.width, canvas.height).data.buffer).some((pixel) => pixel !== rim);
            return {PLOTS}.filter((plot) => plot.viewer).map(({{ viewer }}) =>
                [viewer.count, viewer.frames.length, drawn(viewer)]);"""
        )
        assert len(movies) >= 25
        assert all(drawn for _, _, drawn in movies)
        assert max(movies)[0] == 20_001
        assert sum(frames > 8 for _, frames, _ in movies) == len(movies) - 1  # all but the graph
        scheme = "return getComputedStyle(document.documentElement).colorScheme"
        assert browser.execute_script(scheme) == ("dark" if dark else "light")
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(wide) == 0
    assert requests_made(browser) == [PAGE.resolve().as_uri()]
    assert script_errors(browser) == []


def test_movies_beside_each_other_move_together_and_others_stay(companion):
    moved = """const [one, other, apart] = ["map", "map", "models"].map((section, place) =>
            document.querySelectorAll(`#${section} .plot`)[place % 2].viewer);
        const before = apart.time;
        one.seek(one.timeOf(100));
        return [one.step, other.step, apart.time === before];"""
    browser = companion(PAGE)
    first, second, still = browser.execute_script(moved)
    assert first == pytest.approx(100)
    assert second == pytest.approx(100)
    assert still


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(companion, width):
    assert serious_findings(companion(PAGE), width) == []
