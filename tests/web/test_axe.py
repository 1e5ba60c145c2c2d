"""axe-core looks at every page, light and dark, wide and narrow, and finds nothing serious."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browser import signed_in, visit
from tests.web.night import Morning

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  const bad = found.violations.filter((rule) => ["serious", "critical"].includes(rule.impact));
  return {
    passes: found.passes.length,
    bad: bad.map((rule) => rule.id + ": " + rule.help + " " + rule.nodes.map((n) => n.html.slice(0, 160)).join(" | ")),
  };
}"""
LOOKS = (("light", 1200), ("dark", 1200), ("light", 320))

PAGES = {
    "home": "/",
    "home-fault": "/?q=192.0.2.1",
    "home-choices": "/?q=from+plumber.example+to+bakery.example",
    "pasted": "/?q=SPF+%5Bplumber.example%5D+with+ip%3A+%5B192.0.2.77%5D+did+not+pass",
    "broken": "/domains/plumber.example",
    "broken-open": "/domains/theatre.example?expand=all",
    "manual": "/domains/theatre.example",
    "several": "/domains/garage.example",
    "fine": "/domains/bakery.example",
    "at-risk": "/domains/courier.example",
    "unknown": "/domains/lighthouse.example",
    "tried": "/domains/plumber.example?record=v%3Dspf1+include:_spf.mail.example+-all",
    "tested": "/domains/plumber.example?ip=192.0.2.7&sender=&helo=",
    "test-fault": "/domains/plumber.example?ip=1.2.3&sender=&helo=",
    "overview": "/overview",
    "overview-nothing": "/overview?q=nobody.example",
    "help": "/help",
    "help-finding": "/help/lookup-limit",
    "problem": "/problems/not-found",
    "error": "/help/nothing",
}


def assert_nothing_serious(page: Page) -> None:
    page.evaluate(AXE)  # through the debugger, which the page's own policy does not bind
    told = page.evaluate(RUN)
    assert told["passes"] > 5  # it did look
    assert told["bad"] == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing_serious(chrome: Browser, full_service: Morning, scheme: str, width: int) -> None:
    page = signed_in(chrome, full_service, scheme=scheme, width=width)
    for name, path in PAGES.items():
        page.goto(full_service.url + path)
        if name == "broken":
            for summary in page.locator("summary").all():
                if summary.evaluate("(e) => !e.parentElement.open"):
                    summary.click()
        assert_nothing_serious(page)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    page.goto(f"{full_service.url}/domains/plumber.example")
    page.get_by_role("link", name="Permalink").click()
    page.wait_for_url("**/reports/*")
    assert_nothing_serious(page)
    page.context.close()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing_serious_at_the_door(chrome: Browser, full_service: Morning, scheme: str, width: int) -> None:
    page = visit(chrome, f"{full_service.url}/sign-in", scheme=scheme, width=width)
    assert_nothing_serious(page)
    page.get_by_label("Access key").fill("spfk_wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    assert_nothing_serious(page)
    page.context.close()


def test_axe_does_find_what_is_wrong(chrome: Browser) -> None:
    """The measure itself: a page with a nameless button and pale text is told."""
    page = visit(chrome, "about:blank")
    page.set_content("<main><button></button><p style='color:#ccc;background:#fff'>pale</p><p>1<p>2</main>")
    page.evaluate(AXE)
    told = " ".join(page.evaluate(RUN)["bad"])
    assert "button-name" in told
    assert "color-contrast" in told
    page.context.close()
