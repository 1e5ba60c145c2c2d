"""The pages in a real browser: with and without JavaScript, narrow and wide, light and dark."""

# ruff: noqa: E501 - two scripts that run in the browser

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from spfcheck.api.keys import Scope
from spfcheck.serve.app import create_app
from tests.api.running import in_a_thread, settings_of, zone_lookup
from tests.made.held import held_engine
from tests.web.browser import signed_in, visit
from tests.web.night import MENDED, Morning, morning

STATES = {
    "home": "/",
    "fault": "/?q=192.0.2.1",
    "choices": "/?q=from+plumber.example+to+bakery.example",
    "pasted": "/?q=SPF+%5Bplumber.example%5D+with+ip%3A+%5B192.0.2.77%5D+did+not+pass",
    "fine": "/domains/bakery.example",
    "at-risk": "/domains/courier.example",
    "action": "/domains/plumber.example",
    "typo": "/domains/travel.example",
    "manual": "/domains/theatre.example",
    "unknown": "/domains/lighthouse.example",
    "tried": "/domains/plumber.example?record=v%3Dspf1+include:_spf.mail.example+-all",
    "help": "/help",
    "help-finding": "/help/lookup-limit",
    "overview": "/overview",
}
BOTH = pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
MADE_VISIBLE = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@BOTH
def test_looking_a_domain_up(chrome: Browser, open_service: str, script: bool) -> None:
    page = visit(chrome, open_service, script=script)
    page.get_by_label("Domain").fill("https://plumber.example/")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("plumber.example")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Action needed")
    expect(page.locator("#remedy-value")).to_have_text("v=spf1 include:_spf.google.com include:_spf.mail.example ~all")
    # What is wrong and what to send stand on the first screen.
    for part in ("#verdict", "#remedy-value"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
    page.locator("#tree summary").nth(1).click()
    expect(page.locator("#tree")).to_contain_text("ip4:198.51.100.0/26")
    page.context.close()


HEADERS = """Return-Path: <info@plumber.example>
Received: from out.mail.example (out.mail.example [203.0.113.77])
    by mx.baker.example with ESMTPS
Authentication-Results: mx.baker.example;
    spf=softfail smtp.mailfrom=info@plumber.example
From: Piet <info@plumber.example>
To: bob@baker.example
"""


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_pasted_headers_lead_to_the_tested_connection(chrome: Browser, open_service: str, script: bool) -> None:
    page = visit(chrome, open_service, script=script)
    page.get_by_label("Domain").fill(HEADERS)
    page.keyboard.press("Enter")  # it is part of what was pasted
    expect(page.get_by_role("heading", level=1)).to_contain_text("Look a domain up")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("plumber.example")
    expect(page.locator("#pasted")).to_contain_text("Authentication-Results, what the receiver judged")
    expect(page.locator("#pasted")).to_contain_text("The receiver said: softfail.")
    expect(page.locator("#test")).to_contain_text("softfail")
    assert page.locator("#ip").input_value() == "203.0.113.77"
    assert page.locator("#sender").input_value() == "info@plumber.example"
    assert page.locator("#helo").input_value() == "out.mail.example"
    page.context.close()


FIRST_SCREEN = {
    "theatre.example": ("needs 13 of 10 DNS lookups", "Those that are removed must save 3 lookups"),
    "garage.example": ("publishes 2 SPF records", "v=spf1 include:_spf.google.com include:_spf.mail.example -all"),
    "notary.example": ("a character that is not allowed", "v=spf1 include:_spf.mail.example -all"),
    "bank.example": ("turns our servers", "Ask the customer whether that is still meant."),
    "lighthouse.example": ("DNS did not answer", "Wait and check again."),
}


@pytest.mark.parametrize("domain", FIRST_SCREEN)
def test_what_is_wrong_and_what_to_send_are_on_the_first_screen(
    chrome: Browser, open_service: str, domain: str
) -> None:
    page = visit(chrome, f"{open_service}/domains/{domain}")
    for part, text in zip(("#verdict", "#remedy"), FIRST_SCREEN[domain], strict=True):
        found = page.locator(part).get_by_text(text).first
        expect(found).to_be_visible()
        box = found.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 720
    if domain != "lighthouse.example":
        expect(page.get_by_role("button", name="Copy the text for the customer")).to_be_in_viewport()
    page.context.close()


@BOTH
def test_the_second_opinion_is_filled_in_when_it_is_there(chrome: Browser, script: bool) -> None:
    with in_a_thread(lambda: create_app(settings_of(), zone_lookup())) as url, held_engine() as let_go:
        page = visit(chrome, f"{url}/domains/other.example", script=script)
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        opinion = page.locator("#opinion")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Action needed")
        expect(opinion).to_contain_text("We are still asking a second SPF engine (pyspf).")
        page.get_by_label("SPF record", exact=True).fill("v=spf1 -all")
        let_go.set()
        if not script:
            opinion.get_by_role("link", name="Look again").click()
        expect(opinion).to_contain_text("pyspf agrees")
        expect(opinion.get_by_role("link")).to_have_count(0)
        if script:
            expect(page.get_by_label("SPF record", exact=True)).to_have_value("v=spf1 -all")
        assert faults == [], "the page's own rules let it look"
        page.context.close()


def test_at_twice_the_size_and_on_paper(chrome: Browser, open_service: str) -> None:
    """At 200 % a window of 1280 is 640 wide (WCAG 1.4.4, 1.4.10); paper has what is wrong and what to do, no forms."""
    page = visit(chrome, f"{open_service}/domains/garage.example", width=640)
    assert page.evaluate(MADE_VISIBLE)
    page.emulate_media(media="print")
    for part in ("#verdict", "#remedy-value", "#record", "#facts"):
        expect(page.locator(part)).to_be_visible()
    for part in (".top", "#try", "#test", "[data-copy]", ".links"):
        expect(page.locator(part).first).to_be_hidden()
    assert page.evaluate(MADE_VISIBLE)
    page.context.close()


@BOTH
def test_trying_a_record_and_testing_an_address(chrome: Browser, open_service: str, script: bool) -> None:
    page = visit(chrome, f"{open_service}/domains/plumber.example", script=script)
    page.get_by_label("IP address").fill("192.0.2.7")
    page.get_by_role("button", name="Test").click()
    expect(page.locator("#test")).to_contain_text("softfail")
    page.get_by_label("SPF record").fill("v=spf1 include:_spf.mail.example -all")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fine")
    expect(page.locator("ins")).to_have_count(2)
    page.get_by_role("link", name="Back to what is published").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Action needed")
    page.context.close()


def test_copying(chrome: Browser, open_service: str) -> None:
    page = visit(chrome, f"{open_service}/domains/plumber.example")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=open_service)
    page.get_by_role("button", name="Copy the record").click()
    expect(page.locator("#voice")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "v=spf1 include:_spf.google.com include:_spf.mail.example ~all"
    page.get_by_role("button", name="Copy the text for the customer").click()
    expect(page.get_by_role("button", name="Copied")).to_have_count(2)
    text = page.evaluate("navigator.clipboard.readText()")
    assert copied in text
    assert "/help/sender-not-included" in text
    page.context.close()


def test_without_script_texts_are_copied_by_hand(chrome: Browser, open_service: str) -> None:
    """No button that does nothing; a click selects the whole record, the keyboard reaches the text for the customer."""
    page = visit(chrome, f"{open_service}/domains/plumber.example", script=False)
    expect(page.get_by_role("button", name="Copy the record")).to_have_count(0)
    assert page.locator("#remedy-value").evaluate("(e) => getComputedStyle(e).userSelect") == "all"
    summary = page.get_by_text("Text for the customer", exact=True)
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#customer-text")).to_be_visible()
    page.context.close()


@BOTH
def test_a_permalink_stays(chrome: Browser, open_service: str, script: bool) -> None:
    page = visit(chrome, f"{open_service}/domains/travel.example", script=script)
    page.get_by_role("link", name="Permalink").click()
    expect(page.locator("main")).to_contain_text("This is the report as it was")
    assert "/reports/" in page.url
    page.goto(f"{page.url}?format=json")
    assert '"domain":"travel.example"' in page.content()
    page.context.close()


def test_keys_only(chrome: Browser, open_service: str) -> None:
    page = visit(chrome, f"{open_service}/domains/travel.example")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("bakery.example")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("bakery.example")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.context.close()


@pytest.mark.parametrize("name", STATES)
def test_nothing_scrolls_sideways_and_nothing_is_refused_by_the_policy(
    chrome: Browser, open_service: str, name: str
) -> None:
    for width in (320, 640, 1200):
        page = visit(chrome, "about:blank", width=width)
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(open_service + STATES[name])
        assert page.evaluate(MADE_VISIBLE), width
        assert not said
        page.context.close()


CONTRAST = """() => {
  const lum = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const rgba = (t) => { const m = t.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c.slice(0, 3); }
    return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!own || box.width < 2 || e.closest(".hidden, .skip, option")) continue;
    const a = lum(rgba(getComputedStyle(e).color).slice(0, 3)), b = lum(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) poor.push(e.tagName + "." + e.className + " " + ratio.toFixed(2) + " " + e.textContent.trim().slice(0, 30));
  }
  return poor;
}"""

NAMELESS = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), textarea, select, summary")].filter((e) => {
  const label = e.labels && e.labels.length ? e.labels[0].textContent : "";
  return !(e.textContent.trim() || label.trim() || e.getAttribute("aria-label"));
}).map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", STATES)
def test_everything_can_be_read_and_has_a_name(chrome: Browser, open_service: str, name: str, scheme: str) -> None:
    """WCAG 2.2 AA as far as it is measured here: contrast of 4.5, names of controls, language, one main, headings in order."""
    page = visit(chrome, open_service + STATES[name], scheme=scheme)
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("main").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((e) => +e.tagName[1])")
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.title()
    page.context.close()


@BOTH
def test_sign_in_pause_and_sign_out(chrome: Browser, tmp_path: Path, script: bool) -> None:
    with morning(tmp_path, Scope.ADMIN) as service:
        url = service.url
        page = visit(chrome, f"{url}/domains/bakery.example", script=script)
        assert "/sign-in" in page.url
        page.get_by_label("Access key").fill("spfk_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("not valid")
        page.goto(f"{url}/domains/bakery.example")
        page.get_by_label("Access key").fill(service.key)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("bakery.example")
        page.get_by_role("link", name="Last night").click()
        expect(page.locator("#notifier")).to_contain_text("Sending is on")
        page.get_by_label("Reason").fill("a <b>test</b>")
        page.get_by_role("button", name="Pause sending").click()
        expect(page.locator("#notifier")).to_contain_text("a <b>test</b>")
        page.get_by_label("Reason").fill("done")
        page.get_by_role("button", name="Resume sending").click()
        expect(page.locator("#notifier")).to_contain_text("Sending is on")
        page.get_by_role("button", name="Sign out").click()
        page.goto(f"{url}/overview")
        assert "/sign-in" in page.url
        page.context.close()


def test_pausing_is_not_for_everybody(chrome: Browser, tmp_path: Path) -> None:
    with morning(tmp_path, Scope.SUPPORT) as service:
        page = visit(chrome, f"{service.url}/overview")
        page.get_by_label("Access key").fill(service.key)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#notifier")).to_contain_text("Pausing needs a key with the scope admin.")
        expect(page.get_by_role("button", name="Pause sending")).to_have_count(0)
        page.context.close()


@BOTH
def test_history_and_messages(chrome: Browser, tmp_path: Path, script: bool) -> None:
    """What changed since when, what it was then, and what the notifier wrote about it."""
    now = [1_700_000_000.0]
    with morning(tmp_path, clock=lambda: now[0]) as service:
        page = visit(chrome, f"{service.url}/domains/plumber.example", script=script)
        expect(page.locator("#notices")).to_contain_text("first")
        expect(page.locator("#notices")).to_contain_text("planned")
        service.zone.publish(MENDED)
        now[0] += 86_400
        page.goto(f"{service.url}/domains/plumber.example")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Fine")
        expect(page.locator("#history ins")).to_have_text("include:_spf.mail.example")
        page.locator("#history").get_by_role("link", name="2023-11-14 22:13 UTC").click()
        expect(page.locator("main")).to_contain_text("This is the report as it was")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Action needed")
        page.get_by_role("link", name="Check the domain now").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Fine")
        page.context.close()


@BOTH
def test_finding_a_domain_of_last_night(chrome: Browser, full_service: Morning, script: bool) -> None:
    page = signed_in(chrome, full_service, script=script)
    page.get_by_role("link", name="Last night").click()
    page.get_by_label("Domain contains").fill("flor")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#plan tbody tr")).to_have_count(1)
    page.get_by_role("link", name="florist.example").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fine")
    page.context.close()


def test_screenshots(chrome: Browser, open_service: str) -> None:
    """Writes pictures of the main states where SCREENSHOTS names a folder; without it there is nothing to do."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        pytest.skip("pictures are written only when asked for: make screenshots")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, path in STATES.items():
        for scheme, width in (("light", 1200), ("dark", 1200), ("light", 320)):
            page = visit(chrome, open_service + path, scheme=scheme, width=width)
            page.screenshot(path=str(Path(folder) / f"{name}-{scheme}-{width}.png"), full_page=True)
            page.context.close()
