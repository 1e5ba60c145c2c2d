"""What was pasted is understood: the domain that SPF judged, and never the receiver's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spfcheck.names import domain_name
from spfcheck.pasted import LONGEST, Meant, Nothing, ReadFrom, read
from tests.pasted.texts import ALL, NOTHING, Pasted


@pytest.mark.parametrize("name", ALL)
def test_each_text_leads_where_it_must(name: str) -> None:
    pasted: Pasted = ALL[name]
    reading = read(pasted.text)
    assert reading.nothing is None
    assert reading.meanings[0] == Meant(
        pasted.domain, ReadFrom(pasted.source), pasted.ip, pasted.sender, pasted.helo, pasted.result
    )
    assert reading.sure is pasted.sure


def test_there_are_at_least_sixty() -> None:
    assert len(ALL) >= 60


@pytest.mark.parametrize("text", NOTHING)
def test_what_names_nobody_says_why(text: str) -> None:
    reading = read(text)
    assert (reading.meanings, reading.nothing, reading.sure) == ((), Nothing(NOTHING[text]), False)


@pytest.mark.parametrize("name", ALL)
def test_the_receiver_is_never_meant(name: str) -> None:
    domains = [meaning.domain for meaning in read(ALL[name].text).meanings if ALL[name].sure]
    assert not [domain for domain in domains if domain.endswith(("baker.example", "google.com", "outlook.com"))]


def test_the_from_is_offered_beside_what_was_judged() -> None:
    assert [(one.domain, one.source) for one in read(ALL["microsoft"].text).meanings] == [
        ("bounce.florist.example", ReadFrom.AUTHENTICATION_RESULTS),
        ("florist.example", ReadFrom.FROM),
    ]


def test_both_hops_are_offered_where_they_differ() -> None:
    reading = read(ALL["two hops that differ"].text)
    assert [one.domain for one in reading.meanings] == ["forwarder.example", "florist.example"]
    assert reading.meanings[1].ip == "192.0.2.1"


def test_connections_are_not_mixed() -> None:
    """Two verdicts on one domain by two receivers: the address of the one is not told with the HELO of the other."""
    first = "Received-SPF: fail (mx: domain of florist.example does not designate 192.0.2.1 as permitted sender)\n"
    second = (
        "Received-SPF: pass (identity=mailfrom) client-ip=192.0.2.2; helo=h.example; envelope-from=a@florist.example"
    )
    (only,) = read(first + second).meanings
    assert (only.ip, only.helo, only.result) == ("192.0.2.1", "", "fail")


def test_hops_of_ones_own_network_are_passed_over() -> None:
    inner = "Received: from inner.baker.example (inner [10.0.0.5]) by mx2.baker.example\n"
    outer = "Received: from out.sender.example (out [192.0.2.5]) by mx.baker.example\n"
    verdict = "Authentication-Results: mx.baker.example; spf=fail smtp.mailfrom=info@florist.example\n"
    assert read(inner + outer + verdict).meanings[0] == Meant(
        "florist.example",
        ReadFrom.AUTHENTICATION_RESULTS,
        "192.0.2.5",
        "info@florist.example",
        "out.sender.example",
        "fail",
    )


def test_a_long_text_is_read_up_to_its_limit() -> None:
    head = ALL["gmail"].text + "\n" + "x" * 1_000_000
    assert read(head).meanings[0].domain == "florist.example"
    assert read("x" * LONGEST + "\nDomain: florist.example").nothing is Nothing.NO_NAME


def test_parts_within_parts_are_not_followed_for_ever() -> None:
    head = "Content-Transfer-Encoding: base64\n"
    assert read(head + "Content-Type: message/rfc822\n\n" * 2_000 + "Domain: florist.example").meanings[0].domain == (
        "florist.example"
    )


def test_a_name_somewhere_in_a_refusal_is_asked_for() -> None:
    reading = read("550 5.7.1 Rejected. Your postmaster at florist.example knows more")
    assert [one.domain for one in reading.meanings] == ["florist.example"]
    assert not reading.sure


def test_a_helo_name_that_cannot_be_shown_is_left_out() -> None:
    said = "Received-SPF: fail client-ip=192.0.2.1; envelope-from=a@florist.example; helo="
    assert read(said + "mail\u202e.example").meanings[0].helo == ""
    assert read(said + "mail.example").meanings[0].helo == "mail.example"


def test_json_is_looked_through_up_to_its_bound() -> None:
    inner = '{"domain": "florist.example"}'
    assert read(f"[{'{},' * 1_000}{inner}]").meanings[0].source is ReadFrom.JSON
    assert read(f"[{'{},' * 3_000}{inner}]").meanings[0].source is not ReadFrom.JSON


def test_a_person_is_shown_a_handful() -> None:
    assert len(read(" ".join(f"d{number}.example" for number in range(50))).meanings) == 8


@pytest.mark.parametrize("made", [st.text(), st.text("=;:<>[]()@.\n spfdomaintru-/?&%\"'0123456789")])
def test_whatever_is_read_is_a_name_and_an_address(made: st.SearchStrategy[str]) -> None:
    @given(made, st.sampled_from(sorted(ALL)), st.integers(0, 400))
    def property_(noise: str, name: str, place: int) -> None:
        text = ALL[name].text
        for meaning in read(text[:place] + noise + text[place:]).meanings:
            assert domain_name(meaning.domain) == meaning.domain
            assert (meaning.sender + meaning.helo + meaning.ip).isprintable() or not (
                meaning.sender + meaning.helo + meaning.ip
            )

    property_()
