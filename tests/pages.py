"""Pages in a real Chromium: the fixture `browser`, and what a test asks of it.

Only where Chromium or its driver is absent is a test skipped. Nothing but this machine can be
reached from the pages, and whatever they ask for is listed by `requests_made`.
"""

import json
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    # WebGL without a graphics card.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
WIDE, NARROW = (1280, 900), (420, 900)
WIDTHS = (1280, 390)
"""Pixels across of a desktop and of a telephone."""
NO_REQUEST = ("data:", "blob:", "about:", "chrome:", "chrome-untrusted:")


def pytest_collection_modifyitems(items):
    """Let every test that drives the browser speak to this machine, as its driver does."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.loopback)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """One Chromium for all tests; a test asks for `browser`."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("no Chromium with its driver (Debian, Ubuntu: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    downloads = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    found.set_page_load_timeout(60)
    yield found
    found.quit()


@pytest.fixture
def browser(chromium):
    """A selenium driver of Chromium with an empty page, empty logs, light colours, no storage."""
    chromium.switch_to.window(chromium.window_handles[0])
    chromium.set_window_size(*WIDE)
    prefer_dark(chromium, False)
    requests_made(chromium)
    script_errors(chromium)
    yield chromium
    for extra in chromium.window_handles[1:]:
        chromium.switch_to.window(extra)
        chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])
    if chromium.current_url.startswith("http"):
        chromium.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.delete_all_cookies()
    chromium.get("about:blank")


def requests_made(browser) -> list[str]:
    """Return the addresses requested since the last call, those of the page itself among them."""
    messages = [json.loads(row["message"])["message"] for row in browser.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    sockets = [m["params"] for m in messages if m["method"] == "Network.webSocketCreated"]
    addresses = [params["request"]["url"] for params in sent] + [s["url"] for s in sockets]
    return [address for address in addresses if not address.startswith(NO_REQUEST)]


def script_errors(browser) -> list[str]:
    """Return what the page's scripts complained of since the last call."""
    rows = browser.get_log("browser")
    return [row["message"] for row in rows if row["level"] == "SEVERE"]


def prefer_dark(browser, dark: bool) -> None:
    """Ask for dark colours as the system's setting does."""
    value = "dark" if dark else "light"
    features = [{"name": "prefers-color-scheme", "value": value}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def without_webgl(browser) -> str:
    """Take WebGL from pages opened from now on; returns the key for `with_webgl`."""
    source = """
        const original = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return String(kind).includes("webgl") ? null : original.call(this, kind, ...rest);
        };"""
    command = "Page.addScriptToEvaluateOnNewDocument"
    return browser.execute_cdp_cmd(command, {"source": source})["identifier"]


def with_webgl(browser, key: str) -> None:
    """Undo `without_webgl`."""
    command = "Page.removeScriptToEvaluateOnNewDocument"
    browser.execute_cdp_cmd(command, {"identifier": key})


@contextmanager
def screen(browser, width: int):
    """Show pages as a screen of so many pixels across does."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def serious_findings(browser, width: int) -> list[str]:
    """Return what axe-core finds serious or critical in the open page, in light and in dark."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None and spec.origin is not None
    browser.execute_script(Path(spec.origin).with_name("axe.min.js").read_text("utf-8"))
    browser.set_script_timeout(120)
    # All but colours is the same in the dark.
    every, colors = {}, {"runOnly": ["color-contrast"]}
    found = []
    with screen(browser, width):
        for dark, rules in ((False, every), (True, colors)):
            prefer_dark(browser, dark)
            rows = browser.execute_async_script(FIND, rules)
            found += [f"{'dark' if dark else 'light'}: {row}" for row in rows]
    return found


FIND = """
const [rules, done] = arguments;
// What is drawn anew in other colours or another width is drawn by then.
setTimeout(() => axe.run({ resultTypes: ["violations"], ...rules }).then(({ violations }) => done(
    violations.filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`)),
)), 300);
"""
