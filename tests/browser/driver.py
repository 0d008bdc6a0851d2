"""A headless Chromium, driven by Playwright: its own where that is installed, else Debian's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from time import monotonic, sleep

from playwright.sync_api import Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "RINGTRACE_BROWSER_REQUIRED"
"""Set in CI: tests that find no browser then fail instead of being skipped."""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
"""The rules of axe that a page must keep, beside its best practices."""

KEYS = {"Space": " ", **{name: f"Arrow{name}" for name in ("Left", "Right", "Up", "Down")}}


def binary(playwright) -> str | None:
    """The path of a Chromium; None where there is none."""
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> str | None:
    """Name what the tests need and this machine lacks."""
    with sync_playwright() as playwright:
        if binary(playwright):
            return None
    return "no Chromium (apt-get install chromium, or .venv/bin/playwright install chromium)"


def required() -> bool:
    """True where a machine without a browser is a failure."""
    return bool(os.environ.get(REQUIRED))


class Browser:
    """One window, its console and the addresses that it asked for."""

    def __init__(self, width: int = 1280, height: int = 900):
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(
            executable_path=binary(self.playwright),
            args=["--no-sandbox", "--force-color-profile=srgb"],
        )
        self._open(width, height)

    def _open(self, width: int = 1280, height: int = 900, *, scripts: bool = True) -> None:
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=scripts
        )
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))

    def fresh(self, *, scripts: bool = True) -> None:
        """A new window at its first size and colours, with or without scripts."""
        self.page.context.close()
        self._open(scripts=scripts)

    def open(self, page: Path, fragment: str = "") -> None:
        self.page.goto(page.resolve().as_uri() + fragment)

    @property
    def url(self) -> str:
        return self.page.url

    def run(self, script: str, *arguments):
        """Run a function body and return its result; its `arguments` are these."""
        return self.page.evaluate(f"(all) => (function () {{ {script} }})(...all)", [*arguments])

    def run_async(self, script: str, *arguments):
        """The last argument of the script is a function that takes its result."""
        return self.page.evaluate(
            f"(all) => new Promise((done) => (function () {{ {script} }})(...all, done))",
            [*arguments],
        )

    def wait(self, condition: str, seconds: float = 10):
        end = monotonic() + seconds
        while monotonic() < end:
            try:
                if value := self.run(f"return {condition}"):
                    return value
            except Error:  # the page is being replaced by another
                pass
            sleep(0.02)
        raise AssertionError(f"not within {seconds} s: {condition}")

    def click(self, css: str) -> None:
        self.page.locator(css).first.click(timeout=10_000)

    def type(self, css: str, text: str) -> None:
        self.page.locator(css).first.fill(text)

    def press(self, *names: str) -> None:
        """Keys by name, or as characters, to whatever has the focus."""
        for name in names:
            self.page.keyboard.press(KEYS.get(name, name))

    def text(self, css: str) -> str:
        return self.page.locator(css).first.text_content()

    def texts(self, css: str) -> list[str]:
        return self.page.locator(css).all_text_contents()

    def size(self, width: int, height: int) -> None:
        self.page.set_viewport_size({"width": width, "height": height})

    def colors(self, scheme: str) -> None:
        self.page.emulate_media(color_scheme=scheme)

    def media(self, kind: str | None) -> None:
        """`print`, or None for the screen again."""
        self.page.emulate_media(media=kind or "screen")

    def screenshot(self) -> bytes:
        return self.page.screenshot()

    def print(self) -> bytes:
        return self.page.pdf(prefer_css_page_size=True, print_background=True)

    def close(self) -> None:
        self.browser.close()
        self.playwright.stop()


if __name__ == "__main__":
    print(f"Browser tests: {missing() or 'will run'}")  # noqa: T201 - `make test` says so
