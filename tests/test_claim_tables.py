"""The tables in the documentation say what the code asks for and what the results hold."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("claim_tables", ROOT / "docs/claim_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def between_marks(text):
    return text.partition("<!-- claims -->\n")[2].partition("<!-- end of claims -->")[0]


def test_the_page_lists_the_criteria_of_the_code(tables):
    page = tables.PAGES["reproduce"].read_text()
    assert between_marks(page) == tables.criteria_table()


def test_the_numbers_of_the_readme_are_those_of_the_results(tables):
    assert between_marks(tables.PAGES["readme"].read_text()) == tables.table("readme")


def test_a_readme_table_takes_its_numbers_from_the_json(tables):
    row = {"text": "paths (%)", "mean": 98.7654, "interval": [97.1, 100.0]}
    claim = {"name": "in_context", "verdict": "holds", "criteria": [row]}
    shown = tables.readme_table({"claims": [claim]})
    assert "paths (%): 98.8 [97.1, 100] | holds |" in shown
    assert tables.with_table("a\n<!-- claims -->\nold<!-- end of claims -->", "new").split(
        "\n"
    ) == [
        "a",
        "<!-- claims -->",
        "new<!-- end of claims -->",
    ]


def test_what_the_readme_shows_is_there(tables):
    if tables.RESULTS.is_file():
        names = {claim["name"] for claim in json.loads(tables.RESULTS.read_text())["claims"]}
        assert set(tables.SHOWN_IN_README) <= names
