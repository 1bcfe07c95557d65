"""The page of one tab as a reader uses it."""

import time

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


class Tab:
    """One open page."""

    def __init__(self, browser, address):
        self.browser = browser
        browser.get(address)
        self.wait(lambda: self.one("train").is_displayed())
        self.wait(lambda: "Choose a graph" in self.text("status"))

    def one(self, name):
        return self.browser.find_element(By.ID, name)

    def text(self, name):
        return self.one(name).text

    def click(self, name):
        self.wait(self.one(name).is_enabled)
        self.one(name).click()

    def choose(self, group, value):
        box = self.browser.find_element(By.CSS_SELECTOR, f"#{group} input[value='{value}']")
        box.find_element(By.XPATH, "ancestor::label").click()

    def fill(self, name, value):
        field = self.one(name)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(value, Keys.TAB)

    def key(self, *keys, pane="shown"):
        """Press keys on the slider of a pane."""
        found = f"#{pane}-view input[type=range]"
        self.browser.find_element(By.CSS_SELECTOR, found).send_keys(*keys)

    def viewer(self, script, pane="shown"):
        """Return what a script says of the viewer of a pane."""
        begin = f'const viewer = document.querySelector("#{pane}-view").viewer || {{frames: []}}; '
        return self.browser.execute_script(begin + script)

    def facts(self, pane="shown"):
        """Return the numbers of a pane by name, as text."""
        return dict(
            self.browser.execute_script(
                """const rows = document.querySelectorAll(`#${arguments[0]}-facts dl > div`);
                return [...rows].map((row) => [...row.children].map((x) => x.textContent));""",
                pane,
            )
        )

    def drawn(self, pane="shown"):
        """Return the coordinates of the nodes that are drawn."""
        points = self.viewer("return Array.from(viewer.frames[viewer.place])", pane)
        return [points[place : place + 3] for place in range(0, len(points), 3)]

    def wait(self, condition, seconds=90):
        """Wait until `condition` holds, which may speak of elements that are being redrawn."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except (NoSuchElementException, StaleElementReferenceException):
                pass
            time.sleep(0.05)
        raise AssertionError(f"waited in vain; status: {self.text('status')!r}, "
                             f"message: {self.text('message')!r}")  # fmt: skip

    def train(self, *, calm=False):
        self.choose("pace", "calm" if calm else "fast")
        self.click("train")

    def trained(self):
        self.train()
        self.wait(lambda: self.text("status").startswith("done"))
        self.wait(lambda: self.facts().get("step") == self.text("status").split()[1])
