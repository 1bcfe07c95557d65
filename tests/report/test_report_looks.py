"""The page in dark, on a narrow screen, without WebGL, and with hostile names."""

import pytest
from pages import (
    WIDTHS,
    prefer_dark,
    requests_made,
    screen,
    script_errors,
    serious_findings,
    with_webgl,
    without_webgl,
)
from report_pages import FIGURES, HOSTILE, wait
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from geometric_memory.report.write import report

FITS = "return document.documentElement.scrollWidth <= innerWidth"


def test_dark_by_the_system_and_by_the_switch(opened, page):
    browser = opened(page)

    def colors():
        return browser.execute_script(
            "return [getComputedStyle(document.body).backgroundColor,"
            "document.querySelector('#figure-loss .plot')._fullLayout.font.color]"
        )

    light = colors()
    prefer_dark(browser, True)
    dark = wait(lambda: colors() if colors()[1] != light[1] else None)
    assert (light[0], dark[0]) == ("rgb(255, 255, 255)", "rgb(20, 23, 28)")
    browser.find_element(By.ID, "theme").send_keys(Keys.ENTER)
    wait(lambda: colors() == light)


def test_everything_is_drawn_without_webgl(opened, page):
    browser = opened(page)
    key = without_webgl(browser)
    try:
        opened(page)
        live = browser.find_elements(By.CSS_SELECTOR, "figure.live")
        assert {figure.get_attribute("data-name") for figure in live} == FIGURES
        still = browser.find_element(By.CSS_SELECTOR, "#figure-space .still")
        assert not still.is_displayed()
        assert "The embedding in space after 120 steps" in still.get_attribute("alt")
        assert script_errors(browser) == []
    finally:
        with_webgl(browser, key)


def test_names_are_text_and_never_html(opened, hostile, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    target = report([hostile], workplace / "hostile.html")
    browser = opened(target)
    assert browser.title == "hostile"
    assert requests_made(browser) == [target.resolve().as_uri()]
    assert browser.execute_script("return document.querySelectorAll('script').length") == 4
    # Nothing of the names has become an element, in tables or in the drawings.
    assert browser.execute_script("return document.querySelectorAll('[onerror]').length") == 0
    assert browser.execute_script("return document.querySelectorAll('figure a[href]').length") == 0
    names = browser.execute_script(
        "return document.querySelector('#figure-graph .plot').viewer.data.names"
    )
    assert sorted(names) == sorted(HOSTILE)
    canvas = browser.find_element(By.CSS_SELECTOR, "#figure-graph canvas")
    canvas.send_keys("n")
    tip = browser.find_element(By.CSS_SELECTOR, "#figure-graph .viewer-tip")
    wait(lambda: tip.text.startswith(names[0]))
    listed = browser.find_element(By.ID, "table-predictions").text
    assert HOSTILE[2] in listed
    assert "49" not in listed


def test_nothing_hangs_over_the_edge(opened, page):
    browser = opened(page)
    for width in WIDTHS:
        with screen(browser, width):
            wait(lambda width=width: browser.execute_script("return innerWidth") == width)
            wait(lambda: browser.execute_script(FITS))


def test_links_to_the_sections_wrap_and_titles_of_matrices_stand_over_them(opened, page):
    browser = opened(page)
    overflow, apart = browser.execute_script("""
        const bar = document.querySelector("nav"), middle = (part) => {
            const { left, right } = part.getBoundingClientRect();
            return (left + right) / 2;
        };
        const all = (words) => [...document.querySelectorAll(`#figure-similarity ${words}`)];
        const matrices = all(".heatmaplayer .hm"), titles = all(".annotation");
        return [bar.scrollWidth - bar.clientWidth,
                titles.map((title, place) => middle(title) - middle(matrices[place]))];
    """)
    assert overflow == 0
    assert len(apart) == 2
    assert max(map(abs, apart)) < 8


def test_on_a_narrow_page_titles_and_legends_lie_free(browser, opened, page):
    with screen(browser, 390):
        opened(page)
        overlaps = browser.execute_script("""
            const all = (words) => [...document.querySelectorAll(words)];
            const boxes = (figure, parts) => all(`#figure-${figure} ${parts}`)
                .map((part) => part.getBoundingClientRect());
            const over = (one, other) => one.left < other.right && other.left < one.right
                && one.top < other.bottom && other.top < one.bottom;
            const titles = boxes("similarity", ".annotation");
            const legend = (name) => [boxes(name, "g.legend")[0], boxes(name, ".modebar")[0]];
            const pairs = [titles, legend("accuracy"), legend("memorization")];
            return pairs.map(([one, other]) => over(one, other));
        """)  # fmt: skip
        assert overlaps == [False, False, False]


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(opened, page, width):
    assert serious_findings(opened(page), width) == []
