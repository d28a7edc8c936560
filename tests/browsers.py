"""A real Chromium for tests of pages: Debian's, driven by Playwright.

Where one of the two is missing the tests are skipped and say so; with GRADPATH_BROWSER=required in
the environment they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser."""
    program = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright is missing: pip install 'gradpath[test]'")
    if not program:
        missing("there is no chromium on PATH: apt install chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def missing(what: str) -> None:
    """Skip the test, or fail where a browser is required."""
    if os.environ.get("GRADPATH_BROWSER") == "required":
        pytest.fail(what)
    pytest.skip(what)


class Visit:
    """A page in the browser, and everything that it complained about or asked the network for.

    Attributes:
        page: Playwright's page.
        troubles: errors, warnings and violations of the content-security policy.
        requests: the addresses it asked for; none but its own may be left at the end.
    """

    def __init__(self, browser: Any, path: Path, /, *, at: str = "", **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self._own = path.as_uri()
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{self._own}#{at}" if at else self._own)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.page.close()
        if kind is None:
            assert not self.troubles
            known = (self._own, "data:,")
            assert not [url for url in self.requests if url.partition("#")[0] not in known]
