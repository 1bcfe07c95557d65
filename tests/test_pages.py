"""The browser of the tests is real: it runs scripts, draws with WebGL, tells what it asked for."""

import pytest
from pages import prefer_dark, requests_made, script_errors, with_webgl, without_webgl

PAGE = """<!doctype html><meta charset="utf-8"><title>page</title>
<style>body{background:#fff} @media (prefers-color-scheme:dark){body{background:#000}}</style>
<img src="http://example.invalid/picture.png" alt="">
<img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
<script>
document.title = document.createElement("canvas").getContext("webgl") ? "webgl" : "flat";
</script>"""


@pytest.fixture
def address(tmp_path):
    file = tmp_path / "page.html"
    file.write_text(PAGE, encoding="utf-8")
    return file.as_uri()


def background(browser):
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def test_every_request_is_listed_and_none_leaves(browser, address):
    browser.get(address)
    assert requests_made(browser) == [address, "http://example.invalid/picture.png"]
    assert requests_made(browser) == []
    assert "ERR_NAME_NOT_RESOLVED" in script_errors(browser)[0]


def test_webgl_and_its_absence(browser, address):
    browser.get(address)
    assert browser.title == "webgl"
    key = without_webgl(browser)
    browser.get(address)
    assert browser.title == "flat"
    with_webgl(browser, key)
    browser.get(address)
    assert browser.title == "webgl"


def test_dark_colours(browser, address):
    browser.get(address)
    assert background(browser) == "rgb(255, 255, 255)"
    prefer_dark(browser, True)
    assert background(browser) == "rgb(0, 0, 0)"
