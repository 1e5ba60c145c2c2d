"""The pages as HTML: every finding, every kind of bad input, and nothing of a stranger's that runs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from rich.console import Console

from spfcheck.api.context import SERVICE
from spfcheck.api.reports.entries import entry_of
from spfcheck.audit.examine import examine
from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.catalogue import CATALOGUE, Code, finding
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import SenderProfile
from spfcheck.cli.draw import draw
from spfcheck.demo import customers
from spfcheck.names import shown
from spfcheck.notify.model import MessageStep, NotifyError
from spfcheck.notify.sending.message import Writer
from spfcheck.pasted import ReadFrom
from spfcheck.web.help import write_site
from spfcheck.web.words import words
from tests.api.running import ZONE, make_keys, running, settings_of, zone_lookup
from tests.made.held import held_engine
from tests.profile import LONG, scale
from tests.web.payloads import payloads

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """A page's tags, texts and attributes; says when a tag is not closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_nothing_runs(page: Page) -> None:
    """Only our own script, no handler, no style, no link to anywhere else."""
    for tag, attributes in page.tags:
        assert tag not in {"iframe", "object", "embed", "img", "svg", "base", "style"}, tag
        for name, value in attributes.items():
            assert not name.startswith("on"), name
            assert name != "style"
            if name in {"href", "src", "action"}:
                assert value is not None
                assert value.startswith(("/", "#", "?")), value
                assert not value.startswith("//")
        if tag == "script":
            assert attributes.get("src") == "/static/page.js"


async def a_report(zone: str = ZONE, domain: str = "broken.example", **options: Any) -> Report:
    lookup = zone_lookup(zone)
    ours = await prepare([SenderProfile(name="default", include="_spf.mail.example")], lookup, clock=lambda: 1e9)
    return await examine(domain, lookup, ours, clock=lambda: 1e9, new_id=lambda: "x" * 22, **options)


def every_finding() -> list[Any]:
    return [
        finding(code, "broken.example", (0, 6), **{name: f"<{name}>" for name in kind.params})
        for code, kind in CATALOGUE.items()
    ]


async def test_every_finding_renders_on_page_and_command_line() -> None:
    report = replace(await a_report(), findings=tuple(every_finding()), report_id="golden")
    async with running() as client:
        client.app[SERVICE].checks.keeper.keep(entry_of(report))
        async with client.get("/reports/golden") as answer:
            assert answer.status == 200
            page = Page(await answer.text())
    assert_nothing_runs(page)
    out = StringIO()
    draw(report, console=Console(file=out, width=4_000))
    for found in report.findings:
        assert found.message in page.text, found.code
        assert " ".join(found.message.split()) in " ".join(out.getvalue().split()), found.code
        assert any(attributes.get("href") == f"/help/{found.code}" for _, attributes in page.tags)


async def test_every_finding_has_its_help_with_our_include() -> None:
    async with running() as client:
        async with client.get("/help") as answer:
            page = Page(await answer.text())
        anchors = {attributes.get("id") for _, attributes in page.tags}
        assert {code.value for code in Code} <= anchors
        assert "include:_spf.mail.example" in page.text
        for code in Code:
            async with client.get(f"/help/{code.value}") as answer:
                assert answer.status == 200
                text = Page(await answer.text()).text
            assert "{" not in text
        async with client.get("/help/nothing") as answer:
            assert answer.status == 404
            assert answer.content_type == "text/html"


def test_the_help_can_be_written_as_static_pages(tmp_path: Any) -> None:
    written = write_site(tmp_path / "site", settings_of())
    assert len(written) == len(Code) + 3
    for path in written:
        if path.suffix == ".html":
            page = Page(path.read_text())
            for _, attributes in page.tags:
                target = attributes.get("href") or ""
                if target and not target.startswith("#"):
                    assert (path.parent / target).resolve().is_file(), (path, target)


@pytest.mark.parametrize("number", range(len(customers.load().customers)))
async def test_the_demos_customers_look_right(number: int) -> None:
    cast = customers.load()
    domain = cast.customers[number].domain
    async with running(lookup=zone_lookup(cast.zone)) as client:
        async with client.get(f"/domains/{domain}?expand=all") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
            page = Page(await answer.text())
        async with client.get(f"/v1/check/{domain}") as answer:
            report = await answer.json()
    assert_nothing_runs(page)
    assert report["headline"] in page.text
    assert report["remedy"]["value"] in page.text
    headings = [tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


async def test_several_records_are_all_shown_and_named_for_deletion() -> None:
    cast = customers.load()
    async with running(lookup=zone_lookup(cast.zone)) as client, client.get("/domains/garage.example") as answer:
        text = Page(await answer.text()).text
    assert "There are several SPF records" in text
    assert text.count("v=spf1 include:_spf.google.com -all") >= 3  # the record, what to delete, the customer's text
    assert "and delete these TXT records" in text


PLACES = (
    ZONE
    + """
lost.example MX 10 mx.bare.example
_spf.lost.example TXT "v=spf1 mx include:_spf.mail.example ~all"
www.other.example A 198.51.100.7
full.example TXT "v=spf1 include:f.example include:servers.mcsv.net include:sendgrid.net ~all"
f.example TXT "v=spf1 a:h1.example a:h2.example a:h3.example a:h4.example a:h5.example a:h6.example a:h7.example ~all"
servers.mcsv.net TXT "v=spf1 ip4:198.51.100.64/28 ?all"
sendgrid.net TXT "v=spf1 ip4:198.51.100.32/28 ?all"
"""
    + "\n".join(f"h{n}.example A 198.51.100.{n}\nh{n}.example AAAA 2001:db8:9::{n}" for n in range(1, 8))
)


@pytest.mark.parametrize(
    ("domain", "mail_from", "said", "unsaid"),
    [
        (
            "lost.example",
            "postmaster@{domain}",
            [
                "The SPF record for lost.example stands at _spf.lost.example, where no mail server looks for it.",
                "publish one TXT record at lost.example with this text: v=spf1 mx include:_spf.mail.example ~all",
                "and delete these TXT records: _spf.lost.example: v=spf1 mx include:_spf.mail.example ~all",
            ],
            ["Did you mean"],
        ),
        ("www.other.example", "postmaster@{domain}", ["Did you mean other.example?"], []),
        ("other.example", "postmaster@{domain}", [], ["Did you mean", "judged at"]),
        (
            "other.example",
            "bounce@bounce.{domain}",
            [
                "bounce.other.example publishes no SPF record",
                "please publish one TXT record at bounce.other.example",
                "The record of other.example itself is another matter and stays as it is. It takes effect",
            ],
            ["does not exist", "Did you mean"],
        ),
        (
            "full.example",
            "postmaster@{domain}",
            [
                "- Remove include:servers.mcsv.net. Mail from Mailchimp has a return-path that Mailchimp provides",
                "This saves 1 lookup. - Remove include:sendgrid.net.",
                "- Send our mail from a subdomain. Its return-path is judged by a record of its own, with ten",
                "Documented at https://support.sendgrid.com/",
            ],
            ["as proposed"],
        ),
    ],
)
async def test_what_stands_elsewhere_and_what_makes_room_is_said(
    domain: str, mail_from: str, said: list[str], unsaid: list[str]
) -> None:
    lookup = zone_lookup(PLACES)
    async with running(settings_of(mail_from=mail_from), lookup) as client, client.get(f"/domains/{domain}") as answer:
        page = Page(await answer.text())
    assert_nothing_runs(page)
    shown_text = " ".join(page.text.split())
    for words_ in said:
        assert words_ in shown_text, words_
    for words_ in unsaid:
        assert words_ not in shown_text, words_


async def page_of(domain: str) -> Page:
    lookup = zone_lookup(customers.load().zone)
    async with running(lookup=lookup) as client, client.get(f"/domains/{domain}") as answer:
        return Page(await answer.text())


async def test_a_character_of_several_bytes_is_shown_as_it_was_typed() -> None:
    text = (await page_of("notary.example")).text
    assert "v=spf1 include:_spf.mail.example \N{EN DASH}all" in text
    assert "\\x80" not in text
    out = StringIO()
    draw(await a_report(customers.load().zone, "notary.example"), console=Console(file=out, width=300))
    lines = out.getvalue().splitlines()
    record = lines.index("  v=spf1 include:_spf.mail.example \N{EN DASH}all")
    assert lines[record + 1] == " " * 35 + "^"


@pytest.mark.parametrize(
    ("domain", "question"),
    [
        ("theatre.example", "needs 12 without us, and our servers need 1 more: 3 too many."),
        ("bank.example", "The record turns our servers away on purpose, by the term -include:_spf.mail.example."),
        ("shop.mall.example", "The record comes from the wildcard *.mall.example. Who manages that DNS?"),
    ],
)
async def test_where_no_record_can_be_sent_a_question_can(domain: str, question: str) -> None:
    page = await page_of(domain)
    assert f"because of the SPF record of {domain}. " in page.text
    assert question in page.text
    assert next(a.get("data-copy") for _, a in page.tags if a.get("data-copy")) == "customer-text"


def test_each_reason_for_no_record_has_its_question() -> None:
    assert set(words()["manual"]) == set(words()["ask"])


PASTED = [
    ("fine.example", 303, "/domains/fine.example"),
    (" fine.example. ", 303, "/domains/fine.example"),
    ("FINE.example", 303, "/domains/fine.example"),
    ("bücher.example", 303, "/domains/xn--bcher-kva.example"),
    ("https://fine.example/path", 303, "/domains/fine.example"),
    ("jane@fine.example", 303, "/domains/fine.example"),
    ("fine,example", 200, "fine.example"),
    ("192.0.2.1", 200, None),
    ("v=spf1 include:_spf.mail.example -all", 200, None),
    ("💩.example", 200, None),
    ("x" * 10_240, 200, None),
    ("junk, <b>and</b> more\n" * 500, 200, None),
    ("\u202e\x00" * 5_000, 200, None),
    ("\U0001f4a9" * 2_560, 200, None),
    ("<script>alert(1)</script>", 200, None),
    ("\x00\x1b[31m", 200, None),
    ("", 200, None),
]


@pytest.mark.parametrize(("text", "status", "likely"), PASTED)
async def test_whatever_is_pasted_is_understood_or_kept(text: str, status: int, likely: str | None) -> None:
    async with running() as client:
        if len(quote(text)) < 7_000:
            async with client.get(f"/?q={quote(text)}") as answer:
                assert answer.status == status
                if status == 303:
                    assert answer.headers["Location"] == likely
        async with client.post("/", data={"q": text}, allow_redirects=True) as answer:
            assert answer.status == 200
            page = Page(await answer.text())
            if status == 303:
                assert answer.url.path == likely
                return
    assert_nothing_runs(page)
    links = [attributes.get("href") for _, attributes in page.tags]
    assert (f"/domains/{likely}" in links) == (likely is not None)
    assert [tag for tag, attributes in page.tags if attributes.get("id") == "domain"] == ["textarea"]
    # A form ends its lines in CR LF, and a text area drops a line end right behind its tag (HTML 13.2.5.2).
    assert "\n".join(shown(line, 100_000) for line in text.splitlines()) in page.text
    assert any(attributes.get("role") == "alert" for _, attributes in page.tags)


@pytest.mark.parametrize("text", [text for text, _, _ in PASTED])
async def test_whatever_is_typed_on_a_domains_page_stays_in_its_form(text: str) -> None:
    async with running() as client:
        for name, field in (("record", "try-record"), ("ip", "ip"), ("sender", "sender"), ("helo", "helo")):
            form = {name: text} if name == "record" else {"ip": "192.0.2.7", "sender": "", "helo": "", name: text}
            async with client.post("/domains/other.example", data=form, allow_redirects=True) as answer:
                assert answer.status == 200
                page = Page(await answer.text())
            assert_nothing_runs(page)
            tag, attributes = next((tag, found) for tag, found in page.tags if found.get("id") == field)
            if tag == "textarea":
                assert "This is not what is published" in page.text or any("alert" in a.values() for _, a in page.tags)
                assert shown(" ".join(text.split()), 100_000) in " ".join(page.text.split())
            else:
                assert attributes["value"] == shown(text, 100_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v=spf1 include:_spf.mail.example -all", "This is an SPF record, not a domain."),
        ("192.0.2.1", "192.0.2.1 is an IP address, not a domain name. Look up the domain that it sends for"),
        ("2001:db8::1", "2001:db8::1 is an IP address, not a domain name. Look up the domain that it sends for"),
        ("no name\nin two lines", "No domain was found in this text."),
        ("\U0001f4a9.example", "has a character that no domain name can have."),
        ("x" * 10_240, "is too long for a domain name: 10240 characters"),
    ],
)
async def test_the_page_says_what_it_took_the_text_for(text: str, said: str) -> None:
    async with running() as client, client.post("/", data={"q": text}, allow_redirects=True) as answer:
        assert said in Page(await answer.text()).text


BOUNCE = """550-5.7.26 SPF [fine.example] with ip: [198.51.100.9] = did not pass
From: Flora <flora@other.example>
To: Bob <bob@baker.example>
"""


async def test_a_pasted_refusal_opens_with_its_connection_tested() -> None:
    async with running() as client, client.post("/", data={"q": BOUNCE}, allow_redirects=True) as answer:
        assert answer.status == 200
        assert answer.url.path == "/domains/fine.example"
        assert dict(answer.url.query) == {
            "read": "bounce", "also": "other.example:from", "ip": "198.51.100.9", "sender": "fine.example", "helo": "",
        }  # fmt: skip
        page = Page(await answer.text())
    assert "Read from the pasted text: the refusal." in page.text
    assert "It also names other.example (the visible From, which SPF does not judge)." in page.text
    assert "/domains/other.example" in [attributes.get("href") for _, attributes in page.tags]
    assert [tag.get("value") for _, tag in page.tags if tag.get("id") == "ip"] == ["198.51.100.9"]
    assert "fail" in page.text


async def test_the_page_opens_at_the_test() -> None:
    async with running() as client, client.get("/", params={"q": BOUNCE}, allow_redirects=False) as answer:
        assert answer.headers["Location"].endswith("&helo=#test")


async def test_where_several_may_be_meant_a_person_is_asked() -> None:
    text = "Mail from fine.example to other.example is lost\nWhat now?"
    async with running() as client, client.post("/", data={"q": text}, allow_redirects=True) as answer:
        assert answer.status == 200
        page = Page(await answer.text())
    links = [attributes.get("href") for _, attributes in page.tags]
    assert "Which domain do you mean?" in page.text
    assert "/domains/fine.example?read=text" in links
    assert "/domains/other.example?read=text" in links
    assert text in page.text


@pytest.mark.parametrize("also", ["other.example:<b>", "<b>:from", "192.0.2.1:from", "//evil.example:from", ":", ",,,"])
async def test_what_a_link_says_of_a_text_is_not_believed(also: str) -> None:
    values = {"read": "from", "also": also, "said": also}
    async with (
        running() as client,
        client.get("/domains/fine.example", params=values) as answer,
    ):
        assert answer.status == 200
        assert_nothing_runs(page := Page(await answer.text()))
    assert "<b>" not in page.text
    assert "The receiver said" not in page.text
    async with running() as client, client.get("/domains/fine.example?read=<b>") as answer:
        assert answer.status == 200
        assert "Read from" not in await answer.text()


def test_each_source_has_its_words() -> None:
    assert set(words()["pasted"]) == set(ReadFrom) | {"banner", "also", "said"}


async def test_what_was_typed_outlives_a_sign_in() -> None:
    keys = make_keys()
    async with running(settings_of(api_keys=list(keys.lines))) as client:
        for path, form, goal in (
            ("/", {"q": "https://fine.example/"}, "/?q=https%3A%2F%2Ffine.example%2F"),
            ("/domains/fine.example", {"record": "v=spf1 -all"}, "/domains/fine.example?record=v%3Dspf1+-all"),
        ):
            async with client.post(path, data=form) as answer:
                assert answer.headers["Location"] == goal
            async with client.get(goal) as answer:
                assert answer.headers["Location"] == "/sign-in?" + urlencode({"next": goal})
        async with client.post("/domains/fine.example", data={"record": "x" * 3_000}) as answer:
            assert answer.status == 401
        headers = {"Authorization": f"Bearer {keys.check}"}
        async with client.post("/domains/fine.example", data={"record": "x" * 3_000}, headers=headers) as answer:
            assert answer.status == 403
        async with client.post("/", data={"q": "x" * 70_000}) as answer:
            assert answer.status == 413


async def test_an_address_is_tested_and_a_fault_shown_beside_the_field() -> None:
    async with running() as client:
        for ip, said in (("192.0.2.7", "pass"), ("198.51.100.1", "fail"), ("1.2.3", "1.2.3 is not an IP address.")):
            async with client.get(f"/domains/fine.example?ip={ip}&sender=&helo=") as answer:
                assert answer.status == 200
                assert said in Page(await answer.text()).text


async def test_a_record_is_tried_and_compared() -> None:
    async with running() as client:
        record = "v=spf1+ip4:198.51.100.7+include:_spf.mail.example+~all"
        async with client.get(f"/domains/other.example?record={record}") as answer:
            page = Page(await answer.text())
        assert "This is not what is published" in page.text
        assert [tag for tag, _ in page.tags if tag in ("ins", "del")] == ["ins"]
        async with client.get("/domains/other.example?record=+") as answer:
            assert "Type the record" in Page(await answer.text()).text


async def test_history_shows_changes_and_a_report_stays_as_it_was() -> None:
    now = [1_000_000.0]
    zone = [ZONE]

    class Changing:
        def cached(self, question: Any) -> Any:
            return None

        async def ask(self, question: Any) -> Any:
            return zone_lookup(zone[0]).cached(question)

    async with running(lookup=Changing(), clock=lambda: now[0]) as client:
        async with client.get("/v1/check/other.example") as answer:
            first = await answer.json()
        now[0] += 7_200
        zone[0] = ZONE.replace("ip4:198.51.100.7 ~all", "ip4:198.51.100.7 include:_spf.mail.example ~all")
        async with client.get("/domains/other.example") as answer:
            page = Page(await answer.text())
        assert f"/reports/{first['report_id']}" in [attributes.get("href") for _, attributes in page.tags]
        assert "ins" in [tag for tag, _ in page.tags]
        async with client.get(f"/reports/{first['report_id']}") as answer:
            frozen = Page(await answer.text())
    assert first["headline"] in frozen.text
    assert "This is the report as it was" in frozen.text


ASKING = "We are still asking a second SPF engine (pyspf)."


@pytest.mark.parametrize("path", ["/domains/other.example", "/domains/other.example?record=v%3Dspf1+-all"])
async def test_a_page_stands_before_the_second_opinion_and_says_so(path: str) -> None:
    async with running() as client:
        checks = client.app[SERVICE].checks
        with held_engine() as let_go:
            async with client.get(path) as answer:
                assert answer.status == 200
                early = Page(await answer.text())
            assert_nothing_runs(early)
            assert "Action needed" in early.text
            assert ASKING in early.text
            assert ("meta", {"http-equiv": "refresh", "content": "3"}) not in early.tags, "nobody is read away"
            (place,) = [attributes for _, attributes in early.tags if attributes.get("id") == "opinion"]
            permalink = place["data-ask"]
            assert permalink is not None
            assert f"{permalink}#opinion" in [attributes.get("href") for _, attributes in early.tags]
            async with client.get(permalink) as answer:
                assert ASKING in Page(await answer.text()).text
            async with client.get(f"{permalink}?format=json") as answer:
                assert (await answer.json())["retry_after_s"] == 2
            let_go.set()
            await asyncio.wait(checks.opinions.tasks())
        for again in (permalink, "/domains/other.example"):
            async with client.get(again) as answer:
                page = Page(await answer.text())
            assert ASKING not in page.text
            assert "pyspf agrees" in page.text
            assert [attributes for _, attributes in page.tags if "data-ask" in attributes] == []


def _zone_text(payload: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03d}" for b in payload)


@pytest.mark.parametrize("place", ["txt", "exp", "term", "cname"])
async def test_injected_text_reaches_nobody_unescaped(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    writer = Writer("https://help.example")
    places = ("txt", "exp", "term", "cname")
    # Each payload in one place, or in the long profile in all of them.
    chosen = payloads() if LONG else payloads()[places.index(place) :: len(places)]
    async with running(settings_of(log_format="json")) as client:
        for payload in chosen:
            raw = _zone_text(payload.encode("utf-8"))[:900]
            record = {
                "txt": f'evil.example TXT "v=spf1 {raw} -all"',
                "exp": 'evil.example TXT "v=spf1 exp=why.example -all"\nwhy.example TXT "' + raw + '"',
                "term": f'evil.example TXT "v=spf1 include:{raw}.example -all"',
                "cname": 'evil.example TXT "v=spf1 include:a.example -all"\na.example TXT "v=spf1 redirect='
                + raw
                + '"',
            }[place]
            report = await a_report(ZONE + record, "evil.example")
            entry = replace(entry_of(report), report_id="evil")
            client.app[SERVICE].checks.keeper.keep(entry)
            async with client.get("/reports/evil") as answer:
                assert answer.status == 200
                text = await answer.text()
            page = Page(text)
            assert_nothing_runs(page)
            assert all(char.isprintable() or char == "\n" for char in text), payload
            async with client.get("/reports/evil?format=json") as answer:
                assert answer.content_type == "application/json"
                body = await answer.read()
            assert body.isascii()
            assert json.loads(body)["domain"] == "evil.example"
            out = StringIO()
            draw(report, console=Console(file=out, width=500))
            assert all(char.isprintable() or char == "\n" for char in out.getvalue()), payload
            if report.remedy.value:
                try:
                    message = writer.write(MessageStep.FIRST, [writer.named(report)], "REF")
                except NotifyError:
                    continue  # a record that no message may carry
                assert "<script" not in message.html
                assert all(char.isprintable() or char == "\n" for char in message.html + message.subject)
    for line in capfd.readouterr().err.splitlines():
        json.loads(line)


async def test_injected_domains_are_refused_or_harmless(capfd: pytest.CaptureFixture[str]) -> None:
    async with running() as client:
        for payload in payloads()[:: scale(3, 1)]:
            text = quote(payload.encode("utf-8")[:1_500], safe="")
            for path in (
                f"/domains/{text}",
                f"/?q={text}",
                f"/v1/check/{text}",
                f"/help/{text}",
                f"/sign-in?next={text}",
            ):
                async with client.get(path) as answer:
                    assert answer.status in (200, 303, 400, 404), (path, answer.status)
                    content = await answer.text()
                    if answer.content_type == "text/html":
                        assert_nothing_runs(Page(content))
                    else:
                        assert content.isascii()
                    assert answer.headers.get("Location", "/").startswith("/")
    for line in capfd.readouterr().err.splitlines():
        assert json.loads(line)["event"] in ("request", "ready"), line
