"""The system's Chromium, as Playwright drives it; tests that need it say loudly when there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


def chromium() -> str:
    """Where the system's Chromium is; empty when there is none."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return os.environ.get("CHROMIUM") or next((path for path in found if path), "")


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless browser; skips the test, with the reason, where none can be started."""
    path = chromium()
    if not path:
        pytest.skip("BROWSER TESTS SKIPPED: no chromium is installed (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Error as error:
            pytest.skip(f"BROWSER TESTS SKIPPED: chromium does not start: {str(error).splitlines()[0]}")
        try:
            yield started
        finally:
            started.close()
