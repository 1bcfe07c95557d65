"""A real run on the published path-star of 20,001 nodes: its page is small and opens at once."""

import time

import pytest
from pages import requests_made
from report_pages import trained, wait
from selenium.webdriver.common.by import By

from geometric_memory.report.write import report

MODEL = ("--transformer_layer_count", "1", "--embedding_dimension", "16",
         "--attention_head_count", "1", "--path_finetuning_batch_size", "16384")  # fmt: skip
STAR = ("--star_degree", "5000", "--path_length", "5", "--path_finetuning_epochs", "1")


@pytest.mark.slow
def test_a_page_of_20001_nodes_is_small_and_opens_at_once(browser, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    run = trained(workplace, "big", *STAR, *MODEL, "--track_embedding_evolution")
    begin = time.process_time()
    page = report([run])
    assert time.process_time() - begin < 60
    assert page.stat().st_size < 15e6
    browser.get(page.resolve().as_uri())
    wait(lambda: browser.execute_script("return document.documentElement.dataset.drawn"))
    assert requests_made(browser) == [page.resolve().as_uri()]
    live = browser.find_elements(By.CSS_SELECTOR, "figure.live")
    names = {figure.get_attribute("data-name") for figure in live}
    assert {"space", "similarity", "arm-matrices", "map", "hops"} <= names
    assert "100 of 5,000 arms, 50 held out" in browser.find_element(By.ID, "arms").text
