"""The system's Chromium, as Playwright drives it; tests that need it say loudly when there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.web.night import Morning

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


def visit(chrome: Browser, url: str, *, width: int = 1200, scheme: str = "light", script: bool = True) -> Page:
    """A page of its own context, so that nothing is left from the one before; close the context when done."""
    context = chrome.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=script,
    )
    page = context.new_page()
    page.goto(url)
    return page


def signed_in(chrome: Browser, service: Morning, **look: Any) -> Page:
    """The first page of *service*, entered with its key."""
    page = visit(chrome, f"{service.url}/sign-in", **look)
    page.get_by_label("Access key").fill(service.key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{service.url}/")
    return page
