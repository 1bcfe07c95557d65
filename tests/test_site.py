"""The documentation as a site: built strictly and offline, asking for nothing, telling all."""

import contextlib
import importlib
import inspect
import io
import re
import socket
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from pages import NARROW, prefer_dark, requests_made, script_errors
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import geometric_memory as gm
from geometric_memory.cli.main import SUBCOMMANDS, main
from geometric_memory.config import RunConfig
from geometric_memory.runs.metrics import read_rows
from geometric_memory.settings import settings_of

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.fixture(scope="session")
def docs_code():
    """The modules `generated` and `site_hooks` of docs/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        yield importlib.import_module("generated"), importlib.import_module("site_hooks")
    for name in ("generated", "site_hooks"):
        sys.modules.pop(name)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The built site; a warning or an attempt to connect ends the build."""
    folder = tmp_path_factory.mktemp("site")

    def refuse(*_):
        raise OSError("the site is built without a network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.setattr(socket.socket, "connect", refuse)
        from mkdocs.commands.build import build
        from mkdocs.config import load_config

        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


class Requests(HTMLParser):
    """Collects what a page fetches by itself; links that are only followed are none of that."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed", "object"):
            self.addresses += [found[n] for n in ("src", "srcset", "data") if found.get(n)]
        if tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.addresses.append(found["href"])

    def handle_data(self, data):
        self.text.append(data)


def html(page: Path, site: Path) -> Path:
    """The file of the site that a page of docs/ became."""
    return site / page.relative_to(ROOT / "docs").with_suffix(".html")


def text_of(site: Path, name: str) -> str:
    return "".join(Requests(site / name).text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_is_there_in_the_menu_with_formulas_and_asks_for_nothing_outside(page, site):
    built = html(page, site)
    source = built.read_text(encoding="utf-8")
    assert not [a for a in Requests(built).addresses if re.match(r"(https?:)?//", a)]
    assert "arithmatex" not in source
    assert "<!-- generated" not in source
    assert ("$$" in page.read_text(encoding="utf-8")) == ("<math" in source)
    menu = (site / "index.html").read_text(encoding="utf-8")
    assert f'href="{built.relative_to(site).as_posix()}"' in menu


def test_every_page_has_a_title_of_its_own(site):
    titles = {}
    for page in PAGES:
        source = html(page, site).read_text(encoding="utf-8")
        titles.setdefault(re.search(r"<title>(.*?)</title>", source)[1], []).append(page.name)
    assert {title: names for title, names in titles.items() if len(names) > 1} == {}


def test_the_companion_is_part_of_the_site(site):
    assert 'href="companion/index.html"' in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "companion/index.html").stat().st_size > 1e6


def test_styles_ask_for_nothing_outside(site):
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\([\"']?(?:https?:)?//|@import", style.read_text())


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_option_of_a_command_is_in_the_reference(name, site, docs_code):
    told = text_of(site, "reference/commands.html") + text_of(site, "reference/settings.html")
    generated, _ = docs_code
    for parser, _ in generated.parsers(generated.parser_of(name), ""):
        help_text = io.StringIO()
        with contextlib.redirect_stdout(help_text), pytest.raises(SystemExit):
            main([*parser.prog.partition(" [")[0].split()[1:], "--help"])
        options = set(re.findall(r"(?<!\w)--[a-z][\w-]+", help_text.getvalue())) - {"--help"}
        assert not [option for option in options if not re.search(rf"{option}(?![\w-])", told)]
        assert f"geomem {name}" in told


@pytest.mark.parametrize("name", settings_of(RunConfig))
def test_every_setting_is_in_the_reference(name, site):
    told = " ".join(text_of(site, "reference/settings.html").split())
    setting = settings_of(RunConfig)[name]
    assert f"--{name}" in told
    assert " ".join(setting.help.split()) in told
    if setting.is_switch:
        assert f"--no-{name}" in told or "--exclude" in told


@pytest.mark.parametrize("recipe", ["mixed_full_path", "staged_full_path"])
def test_logged_names_are_those_that_are_documented(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["train", "--preset", "tiny", "--training_recipe", recipe, "--run_name", "run"]
    short = ["--edge_memorization_epochs", "1", "--path_finetuning_epochs", "1"]
    assert main([*command, *short]) == 0
    page = (ROOT / "docs/reference/run_folder.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([\w/]+)` \|", page, flags=re.MULTILINE))
    stages = ["joint_training"] if recipe.startswith("mixed") else []
    stages = stages or ["edge_memorization", "path_finetuning"]
    names = {re.sub(r"token_\d+$", "token_I", n) for n in logged(tmp_path)}
    names = {re.sub(rf"^({'|'.join(stages)})/(train_|learning)", r"STAGE/\2", n) for n in names}
    assert names == documented


def logged(root: Path) -> set[str]:
    """Names of metrics in the rows of a run, without the place in training."""
    rows = read_rows(root / "experiment_logs/in_weights/run/metrics.jsonl")
    return set().union(*rows) - {"stage", "epoch", "step", "seconds"}


def test_all_that_is_public_is_in_the_reference_with_its_arguments(site):
    source = (site / "reference/api.html").read_text(encoding="utf-8")
    for name in set(dir(gm)) - {"__version__"}:
        found = re.search(rf'<h3 id="geometric_memory\.(api\.many\.)?{name}"', source)
        assert found, name
        if not isinstance(getattr(gm, name), type):
            told = source[found.end() :].partition("<h3 ")[0]
            arguments = inspect.signature(getattr(gm, name)).parameters
            missing = [a for a in arguments if not re.search(rf"<(code|b)>{a}</\1>", told)]
            assert missing == [], name
    for kind in (gm.Graph, gm.Run, gm.Geometry):
        for name, member in inspect.getmembers(kind):
            if not name.startswith("_"):
                assert f".{name}" in source, name
                assert inspect.getdoc(member) or name in kind.__annotations__, name


def test_the_menu_takes_in_pages_that_it_does_not_name(docs_code, tmp_path):
    _, hooks = docs_code
    for name in ("known.md", "new.md", "findings/one.md", "findings/deep/two.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    nav = ["known.md", {"More": ["*"]}, {"Findings": "findings/*"}, {"None": "nowhere/*"}]
    config = SimpleNamespace(docs_dir=tmp_path, nav=nav)
    menu = [{"More": ["new.md"]}, {"Findings": ["findings/deep/two.md", "findings/one.md"]}]
    assert hooks.on_config(config).nav == ["known.md", *menu]


def test_files_outside_the_site_are_named_not_linked(docs_code):
    _, hooks = docs_code

    page = SimpleNamespace(file=SimpleNamespace(src_uri="how_to/page.md"))
    config = SimpleNamespace(docs_dir=str(ROOT / "docs"))
    text = "[a](../metrics.md#b) [c](../../README.md#d)"
    shown = hooks.on_page_markdown(text, page, config)
    assert shown == "[a](../metrics.md#b) c (`README.md`)"


def test_in_a_browser_from_a_file_search_works_and_nothing_leaves(browser, site):
    browser.get((site / "metrics.html").as_uri())
    browser.find_element(By.CSS_SELECTOR, "input[name=query]").send_keys("zigzag")
    result = WebDriverWait(browser, 10).until(
        lambda b: b.find_elements(By.CSS_SELECTOR, ".md-search-result__item a")
    )
    assert any("metrics.html" in link.get_attribute("href") for link in result)
    outside = [each for each in requests_made(browser) if not each.startswith(site.as_uri())]
    assert outside == []
    assert script_errors(browser) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_follow_the_system_and_a_switch(browser, site, dark):
    prefer_dark(browser, dark)
    for _ in range(2):  # a choice made before, in another test, would count
        browser.get((site / "index.html").as_uri())
        browser.execute_script("localStorage.clear()")
    browser.refresh()
    scheme = "return document.body.getAttribute('data-md-color-scheme')"
    assert browser.execute_script(scheme) == ("slate" if dark else "default")
    browser.find_element(By.CSS_SELECTOR, "label[title$=mode]:not([hidden])").click()
    assert browser.execute_script(scheme) == ("default" if dark else "slate")
    browser.execute_script("localStorage.clear()")


@pytest.mark.parametrize("name", ["index", "metrics", "reference/settings", "reference/commands"])
def test_pages_fit_a_phone(browser, site, name):
    browser.set_window_size(*NARROW)
    browser.get((site / f"{name}.html").as_uri())
    width = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(width) <= 0
