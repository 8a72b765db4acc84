"""A headless Chromium for the tests of the dashboard. Every test ends without an error in its console, which is also
where violations of the page's policy are reported."""

import contextlib
import pathlib
import time

import pytest

from harness import SLOW

AXE = pathlib.Path(__file__).parent / "node_modules/axe-core/axe.min.js"

try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

# A callback shows within a second on a quiet machine; here several tests run at a time.
SOON = 3
SIZES = {"phone": (360, 740), "laptop": (1024, 768), "wide": (1920, 1080)}


class Browser:
    def __init__(self):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-US",
                     "--force-prefers-reduced-motion", "--window-size=1024,768"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.keys = Keys

    def close(self):
        self.driver.quit()

    def open(self, daemon, target=""):
        self.origin = f"http://127.0.0.1:{daemon.api_port}/"
        self.driver.get(self.origin + target)
        self.settle()

    def resize(self, name):
        """The width of the page itself; a window has a least width."""
        width, height = SIZES[name]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def theme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": name}]})

    def settle(self):
        """The view that the URL names is shown."""
        self.until(lambda: self.script("return document.querySelector('main h1') !== null"
                                       " && !document.querySelector('main').hasAttribute('aria-busy')"), "the view")

    def until(self, condition, what, seconds=10):
        end = time.monotonic() + seconds * SLOW
        while True:
            with contextlib.suppress(StaleElementReferenceException):
                if condition():
                    return
            assert time.monotonic() < end, f"waited for {what} at {self.driver.current_url}: {self.text('body')[:2000]}"
            time.sleep(0.02)

    def script(self, text, *values):
        return self.driver.execute_script(text, *values)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector="main"):
        return self.one(selector).text

    def rows(self, caption=None):
        """The cells of the table's rows, by the label of their column."""
        return self.script("""
            const table = [...document.querySelectorAll("main table")]
                .find((table) => arguments[0] === null || table.caption.textContent === arguments[0]);
            if (!table) return [];
            return [...table.tBodies[0].rows].map((row) => Object.fromEntries([...row.cells].map((cell) =>
                [cell.dataset.label, cell.textContent])));""", caption)

    def click(self, selector):
        self.one(selector).click()
        self.settle()

    def follow(self, text):
        """A click on the link with that text."""
        self.driver.find_element(By.LINK_TEXT, text).click()
        self.settle()

    def type(self, selector, *keys):
        self.one(selector).send_keys(*keys)

    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def check_widths(self, daemon, target):
        """The page is not wider than any window."""
        for size in SIZES:
            self.resize(size)
            self.open(daemon, target)
            assert self.script("return document.documentElement.scrollWidth - innerWidth") <= 0, size

    def accessibility(self):
        """What axe-core finds wrong: rule, and the elements."""
        if not AXE.exists():
            pytest.skip("the packages of tests/integration/package.json are not installed")
        self.script(AXE.read_text())
        self.driver.set_script_timeout(60)
        found = self.driver.execute_async_script("""
            const done = arguments[0];
            axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
                .then((result) => done(result.violations.map((rule) => [rule.id, rule.nodes.map((node) => node.html)])),
                      (error) => done([["axe", String(error)]]));""")
        return found

    def transferred(self):
        """Bytes of the page and all that it loaded."""
        return self.script("""return performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
            .reduce((sum, entry) => sum + entry.transferSize, 0);""")
