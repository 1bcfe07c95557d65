"""The tables of the page about the geometry score are those of the stored results."""

import importlib.util
import json
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "docs" / "planted_geometry.py"


def test_the_tables_of_the_page_are_those_of_the_results():
    spec = importlib.util.spec_from_file_location("planted_geometry", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text()
    between = page.partition(module.BEGIN)[2].partition(module.END)[0]
    assert between == module.tables(json.loads(module.RESULTS.read_text()))
