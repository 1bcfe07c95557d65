"""`geomem reproduce` end to end: plans first, results and pages, faults, and going on."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pages import requests_made, script_errors

from geometric_memory.cli import reproduce
from geometric_memory.cli.main import main
from geometric_memory.errors import NonFiniteError
from geometric_memory.studies import path_runs
from geometric_memory.studies.registry import CLAIMS as KNOWN
from geometric_memory.studies.runner import Plan
from geometric_memory.studies.scales import laptop
from geometric_memory.work.piece import Answers

CLAIMS = ["hardest_token", "null_space"]


def arguments(folder, *more):
    return [
        "reproduce", *CLAIMS, "--seeds", "0", "--steps", "2", "--workers", "1",
        "--results", str(folder / "results"), "--report", str(folder / "report" / "claims"), *more,
    ]  # fmt: skip


class Links(HTMLParser):
    """Collects everything that a page would fetch or lead to."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    assert main(arguments(folder)) == 0
    return folder


def content(folder):
    return json.loads((folder / "report" / "claims.json").read_text())


def test_every_claim_has_values_intervals_and_a_verdict(finished):
    for claim in content(finished)["claims"]:
        assert claim["verdict"] in ("holds", "holds in part", "undecided", "does not hold here")
        for row in claim["criteria"]:
            assert set(row) >= {"text", "bound", "values", "mean", "interval", "outcome"}
    named = [claim["name"] for claim in content(finished)["claims"]]
    assert named == CLAIMS
    trained = content(finished)["claims"][0]
    assert (trained["runs"], len(trained["criteria"][0]["values"])) == (2, 1)
    assert trained["core_seconds"] > 0


def test_plans_are_written_first_and_hold_the_criteria(finished):
    for claim in content(finished)["claims"]:
        folder = finished / "results" / "claims" / claim["name"]
        plan = json.loads((folder / "plan.json").read_text())
        assert plan["stated"] == claim["stated"]
        assert (folder / "plan.json").stat().st_mtime <= (folder / "result.json").stat().st_mtime
        kept = ("text", "bound", "control", "measure")
        assert plan["criteria"] == [{name: row[name] for name in kept} for row in claim["criteria"]]
    evidence = list((finished / "results" / "work").glob("*/answer.json"))
    plan = finished / "results" / "claims" / "hardest_token" / "plan.json"
    assert all(plan.stat().st_mtime <= file.stat().st_mtime for file in evidence)


def test_the_page_asks_nothing_of_any_network(finished):
    page = (finished / "results" / "claims.html").read_text()
    links = Links()
    links.feed(page)
    assert len(links.found) >= 4
    assert all(link.startswith(("#", "data:")) for link in links.found)
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_opens_in_a_browser_with_all_its_figures(finished, browser):
    address = (finished / "results" / "claims.html").as_uri()
    browser.get(address)
    assert requests_made(browser) == [address]
    assert not script_errors(browser)
    widths = browser.execute_script(
        "return [...document.images].map(image => image.complete && image.naturalWidth)"
    )
    assert len(widths) == len(CLAIMS)
    assert all(width > 100 for width in widths)


def test_figures_are_small_and_lie_beside_the_markdown(finished):
    text = (finished / "report" / "claims.md").read_text()
    for name in CLAIMS:
        assert f"(claims/{name}.png)" in text
        assert (finished / "report" / "claims" / f"{name}.png").stat().st_size < 200_000


def test_a_second_call_trains_nothing_and_says_the_same(finished, monkeypatch):
    before = content(finished)["claims"]
    monkeypatch.setattr(path_runs, "resume_or_start", lambda *_: pytest.fail("trained again"))
    assert main(arguments(finished)) == 0
    after = content(finished)["claims"]
    assert after == before


def test_other_settings_are_other_work(finished):
    scale = replace(laptop(), steps=3)
    plan = Plan(studies=(KNOWN["hardest_token"],), scale=scale, results=finished / "results")
    pieces = plan.every_piece(plan.studies)
    assert len(pieces) == 10  # five seeds, two arms
    assert not [piece for piece in pieces if Answers(plan.results).answer(piece)]


@pytest.mark.parametrize(("scale", "option"), [("laptop", ""), ("paper", " --scale paper")])
def test_a_page_says_at_which_scale_it_was_made(scale, option, tmp_path):
    report = tmp_path / "claims"
    assert main(["reproduce", "null_space", "--scale", scale, "--seeds", "0", "--steps", "2",
                 "--results", str(tmp_path / "results"), "--report", str(report)]) == 0  # fmt: skip
    page = report.with_suffix(".md").read_text()
    assert f"at {scale} scale." in page
    assert page.startswith(f"# The paper, claim by claim{', at paper scale' * bool(option)}\n")
    assert f"\nCommand: geomem reproduce null_space{option}\n" in page


def test_a_run_that_fails_takes_its_claim_alone(tmp_path, monkeypatch, capsys):
    def failing(*_):
        raise NonFiniteError("the loss is not finite")

    monkeypatch.setattr(path_runs, "resume_or_start", failing)
    assert main(arguments(tmp_path)) == 1
    trained, counted = content(tmp_path)["claims"]
    assert trained["verdict"] is None
    assert trained["errors"] == ["the loss is not finite"] * 2
    assert counted["verdict"] == "undecided"
    assert "hardest_token: failed" in capsys.readouterr().out
    assert "Failed: the loss is not finite" in (tmp_path / "report" / "claims.md").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pause_token"], "did you mean pause_tokens"),
        (["--steps", "0"], "--steps 0: at least 1"),
        (["--workers", "-1"], "--workers -1: 0 to 4096"),
        (["--seeds", "a"], "--seeds 'a'"),
    ],
)
def test_mistakes_get_one_sentence_and_create_nothing(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def documented(tmp_path, monkeypatch):
    """A working directory with published pages of every kind in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("results/claims.md", "results/claims/graph_families.png", "findings/capacity.md",
                 "results/tiny_graphs.md"):  # fmt: skip
        file = tmp_path / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("published")
    return tmp_path


def test_a_trial_touches_neither_the_documentation_nor_stored_results(documented):
    plan = documented / "experiment_logs/claims/claims/null_space/plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text("{}")
    assert main(["reproduce", "null_space", "--seeds", "0", "--steps", "2"]) == 0
    assert plan.read_text() == "{}"
    page = documented / "experiment_logs/claims/trial/report/claims.md"
    assert "null_space" in page.read_text()
    files = [file for file in (documented / "docs").rglob("*") if file.is_file()]
    assert len(files) == 4
    assert all(file.read_text() == "published" for file in files)


@pytest.mark.parametrize("command", [["reproduce"], ["findings"], ["tiny", "all"]])
def test_only_publish_writes_documentation_and_never_a_trial(command, documented, capsys):
    assert main([*command, "--publish", "--steps", "2"]) == 2
    assert "--publish: a trial (--steps) is no result" in capsys.readouterr().err
    (documented / "docs").rename(documented / "elsewhere")
    assert main([*command, "--publish"]) == 2
    assert "call it in the root of the repository" in capsys.readouterr().err
    assert [file.name for file in documented.iterdir()] == ["elsewhere"]


@pytest.mark.parametrize(
    ("words", "results", "report"),
    [
        ([], "experiment_logs/claims", "experiment_logs/claims/report/claims"),
        (
            ["--steps", "2"],
            "experiment_logs/claims/trial",
            "experiment_logs/claims/trial/report/claims",
        ),
        (["--publish"], "experiment_logs/claims", "docs/results/claims"),
        (["--results", "mine"], "mine", "mine/report/claims"),
        (["--report", "a/page", "--steps", "2"], "experiment_logs/claims/trial", "a/page"),
    ],
    ids=str,
)
def test_where_work_and_pages_go(words, results, report, documented):
    options = reproduce.COMMAND._parser().parse_args(words)
    reproduce.COMMAND.places.settle(options)
    assert (str(options.results), str(options.report)) == (results, report)


def test_publishing_one_claim_of_many_is_refused_and_keeps_the_page(documented, capsys):
    assert main(["reproduce", "null_space", "--publish"]) == 2
    assert "would lose" in capsys.readouterr().err
    assert (documented / "docs/results/claims.md").read_text() == "published"


def test_a_page_replaces_its_own_figures_alone(finished):
    kept = finished / "report" / "claims" / "mine.png"
    kept.write_text("mine")
    assert main(arguments(finished)) == 0
    assert kept.read_text() == "mine"
    kept.unlink()


def test_list_tells_every_claim_and_its_source(capsys):
    assert main(["reproduce", "--list"]) == 0
    shown = capsys.readouterr().out
    assert "staged_training  (v1 appendix D.3; Fig 23)" in shown
    assert shown.count("(v") >= 18


@pytest.mark.slow
def test_a_study_killed_anywhere_goes_on_and_ends_alike(tmp_path, finished):
    script = "import sys; from geometric_memory.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", script]
    words = arguments(tmp_path)
    words[words.index("--workers") + 1] = "2"
    process = subprocess.Popen([*command, *words], stderr=subprocess.DEVNULL)
    work = tmp_path / "results" / "work"
    deadline = time.monotonic() + 60
    while not list(work.glob("*/answer.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    children = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(children) >= 2
    assert not [child for child in children if alive(child)]
    there = {file: file.stat().st_mtime_ns for file in work.glob("*/answer.json")}
    assert there
    assert main(words) == 0
    assert all(file.stat().st_mtime_ns == when for file, when in there.items())
    values = [
        [row["values"] for claim in content(folder)["claims"] for row in claim["criteria"]]
        for folder in (tmp_path, finished)
    ]
    assert values[0] == values[1]


def children_of(parent):
    """Return the processes that `parent` started, as /proc tells."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(file.parent.name))
    return found


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
