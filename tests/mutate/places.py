"""The wrong place: each reason not to take a text for an attempt, not to look for one, and not to wait for it."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

PLACES = "spfcheck/audit/judgement/places.py"
SEARCH = "spfcheck/audit/elsewhere.py"
LONG_WAY = "spfcheck/audit/thorough.py"
ROWS = "tests/wild/test_places.py::test_misplaced"
TESTS = "tests/audit/test_elsewhere.py"
WHERE = "test_the_places"
ONLY = "test_it_is_made_only_where_nothing_is_published"
WILD = "test_a_wildcard_that_cannot_be_told_leaves_the_attempt_alone"
ODD = "test_an_answer_that_is_no_evidence_is_no_attempt"
HOST = "test_a_host_without_any_mail_is_asked_about"
ABOVE = "test_nobody_is_asked_about_a_domain_above_that_has_no_mail"
ROOM = "test_it_stays_within_the_ceiling_of_the_audit"
OWN = "test_a_host_with_a_record_of_its_own_is_meant"
MAIL = "test_whether_an_attempt_has_mail_is_asked_of_it_alone_and_is_evidence"
LATE = "test_an_attempt_whose_mail_hosts_never_come_is_left_alone"
ALIAS = "test_of_an_alias_of_the_domain_the_record_is_no_other_matter"
LISTS = "test_the_domain_above_lists_us_only_where_it_includes_us"
TRIED = "test_a_record_that_is_only_tried_stands_nowhere_else"
MORE = "test_a_report_says_whether_a_search_might_find_more"
VENDORS = "tests/audit/judgement/test_vendors.py"
NOTIFIER = "tests/notify/planning/test_evidence.py"
SAME = f"{NOTIFIER}::test_a_record_in_the_wrong_place_is_the_same_fault_for_all_who_look"


def _places(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(f"places-{name}", PLACES, old, new, tuple(_test(one) for one in tests))


def _search(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(f"search-{name}", SEARCH, old, new, tuple(_test(one) for one in tests))


def _long(name: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(f"search-{name}", LONG_WAY, old, new, tuple(_test(one) for one in tests))


def _test(one: str) -> str:
    return one if "/" in one else f"{TESTS}::{one}"


JUDGED = f"{NOTIFIER}::test_the_guards_read_the_name_that_is_judged"
EMPTY = "self.answer.failed or self.texts or self.near or self.typed"
HAS_NONE = " or spf_texts(texts) or hosts.records:"
CERTIFICATES = "spfcheck/audit/repair/certificates.py"
CHECKS = "spfcheck/notify/planning/checks.py"


def _beside(name: str, part: str) -> Mutation:
    """A search although *part* says that something is published, or that nobody knows."""
    return _long(f"beside-{name}", EMPTY, EMPTY.replace(f"{part} or ", "").replace(f" or {part}", ""), ONLY)


MUTATIONS = (
    _places("of-a-wildcard", " if text not in everywhere]", "]", ROWS),
    _places("wildcard-failed", "anywhere is None or anywhere.failed:", "anywhere is None:", WILD),
    _places(
        "wildcard-unknown",
        " or anywhere is None or anywhere.failed:\n        return None\n    everywhere = _meant(",
        ":\n        return None\n    everywhere = () if anywhere is None else _meant(",
        WILD,
    ),
    _places("of-an-alias", "if not answer.proven or answer.chain:", "if not answer.proven:", ROWS),
    _places("not-proven", "if not answer.proven or answer.chain:", "if answer.chain:", ODD),
    _places("public-suffix", "if is_public_suffix(judged) or not", "if not", WHERE),
    _places("below-nothing", "    if exists:\n        found += ", "    if True:\n        found += ", WHERE),
    _places("too-long", "if max(map(len, one)) <= MAX_NAME]", "if one.name]", WHERE),
    _places("wildcard-too-long", "max(map(len, one)) <= MAX_NAME", "len(one.name) <= MAX_NAME", WHERE),
    _places("null-mx-of-a-host", HAS_NONE, HAS_NONE.replace("hosts.records", "any(n for _, n in hosts.records)"), HOST),
    _places("host-with-a-record", HAS_NONE, " or hosts.records:", OWN),
    _places("host-unanswered", "texts.failed or hosts.failed or", "texts.failed or", HOST),
    _places("null-mx-above", "any(exchange for _, exchange in hosts.records))", "bool(hosts.records))", ABOVE),
    _places(
        "above-by-a-near-miss",
        "() if zone == judged or answer is None or not answer.proven or answer.chain else spf_texts(answer)",
        '() if answer is None or zone == judged else tuple(b"".join(one) for one in answer.records)',
        LISTS,
    ),
    _places("above-turns-us-away", "not (passing and ", "not (False and ", LISTS),
    _search(
        "above-misspells-us",
        "if not own.isdisjoint(names):",
        'if any(one.startswith("_spf.mail.") for one in names):',
        LISTS,
    ),
    _places("below-its-own-alias", " and typed not in chain and", " and", ALIAS),
    _places("our-name-with-more-behind", "re.escape(one) + _BEHIND", "re.escape(one)", ROWS),
    _search("sure-of-a-host", 'meant = "" if attempts else likely(', "meant = likely(", ROWS),
    _search("not-behind-includes", "if await _lists_us(place, own, ask, ground) else", "if place.names_us else", ROWS),
    _search("failures-as-evidence", "if answer is not None and not answer.failed:", "if answer is not None:", ROWS),
    _search("part-of-another", "if place.name not in parts and ", "if ", ROWS),
    _search("part-of-a-mail-domain", "parts |= await _read_by(place.texts, ask)", "pass", ROWS),
    _search("mail-domain", " and has_no_mail(place.name, hosts)]", "]", ROWS),
    _search(
        "mail-no-evidence",
        "    _keep([Question(place.name, Rtype.MX) for place in attempts], hosts, basis)\n",
        "",
        MAIL,
    ),
    _places(
        "mail-unanswered", "hosts is not None and hosts.proven and not any(", "hosts is not None and not any(", ROWS
    ),
    _places("mail-unknown", "return hosts is not None and hosts.proven and not", "return hosts is None or not", LATE),
    _places("null-mx-of-an-attempt", "not any(exchange for _, exchange in hosts.records)", "not hosts.records", ROWS),
    _search("without-a-ceiling", "missing[: witness.reserve(len(missing))]", "missing", ROOM),
    Mutation("search-not-counted", "spfcheck/audit/fetch.py", "        self._ceiling -= room\n", "", (_test(ROOM),)),
    _long("what-if", "and ours.ready and not check.hypothetical:", "and ours.ready:", TRIED),
    _beside("a-near-miss", "self.near"),
    _beside("type-99", "self.typed"),
    _beside("a-record", "self.texts"),
    _beside("no-answer", "self.answer.failed"),
    _long("domain-missing", 'return check.domain if answer.nxdomain else ""', 'return ""', JUDGED),
    _long("return-path-missing", "look.missing = await _missing(check, witness)", "look.missing = look.name", JUDGED),
    Mutation(
        "search-what-if-again",
        "spfcheck/audit/examine.py",
        "return not report.hypothetical and any(",
        "return any(",
        (_test(MORE),),
    ),
    Mutation(
        "batch-for-all",
        "spfcheck/api/reports/checks.py",
        "latest=not made.unsearched",
        "latest=True",
        ("tests/api/test_check.py::test_a_batch_looks_in_no_wrong_place_and_who_asks_for_one_domain_is_told",),
    ),
    Mutation(
        "night-searches-all", CHECKS, "opinion=opinion, search=opinion)", "opinion=opinion, search=True)", (SAME,)
    ),
    Mutation(
        "second-resolver-searches-not", CHECKS, "opinion=False, search=True)", "opinion=False, search=False)", (SAME,)
    ),
    Mutation(
        "deleted-though-read",
        "spfcheck/audit/repair/propose.py",
        "        if place.name not in read:\n",
        "        if True:\n",
        ("tests/wild/test_places.py::test_what_the_proposal_leads_to_is_not_deleted",),
    ),
    Mutation(
        "needless-below-the-domain",
        CERTIFICATES,
        " or case.domain != registrable(case.domain):\n        return None\n    known",
        ":\n        return None\n    known",
        (f"{VENDORS}::test_below_the_registered_domain_an_include_may_be_the_one_that_counts",),
    ),
    Mutation(
        "needless-though-it-counts",
        CERTIFICATES,
        "return known if known is not None and known.own else None",
        "return known",
        (f"{VENDORS}::test_what_makes_room",),
    ),
)
