"""What is mended and what is left in a text that others rely on, and what is said of the rest, each guard gone."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

HEAL = "spfcheck/audit/text/heal.py"
EQUALS = "spfcheck/audit/text/equals.py"
GLUED = "spfcheck/audit/text/glued.py"
MEND = "spfcheck/audit/text/mend.py"
MEANT = "spfcheck/audit/repair/meant.py"
PROPOSE = "spfcheck/audit/repair/propose.py"
REMAINING = "spfcheck/audit/repair/remaining.py"
UNREAD = "spfcheck/audit/repair/unread.py"
WRAPPED = "spfcheck/audit/text/wrapped.py"
NEAR = "spfcheck/audit/text/near_miss.py"
CHARS = "spfcheck/audit/text/characters.py"
COMPOSED = ("tests/wild/test_composed.py",)
LEFT = ("tests/wild/test_remaining.py",)
REPORTS = ("tests/wild/test_reports.py",)
VERSIONS = ("tests/wild/test_versions.py",)
STRINGS = ("tests/wild/test_strings.py",)
CHARACTERS = ("tests/wild/test_characters.py",)

MUTATIONS = (
    # a record that is used as it is lets nobody in who is not let in today
    Mutation("idle-terms-of-a-valid-record", HEAL, "    if broken or dead:\n", "    if True:\n", COMPOSED),
    Mutation("idle-terms-beside-a-cut", HEAL, "    if broken or dead:\n", "    if broken or work.changes:\n", COMPOSED),
    Mutation("idle-terms-beside-a-dead-name", HEAL, "    if broken or dead:\n", "    if broken:\n", COMPOSED),
    Mutation("idle-terms-of-no-record", HEAL, "    if broken or dead:\n", "    if False:\n", COMPOSED),
    Mutation("a-slip-of-a-host-in-a-valid-record", HEAL, "found[0].slip is Slip.GLUED and ", "", COMPOSED),
    Mutation("glued-behind-a-sign", HEAL, "Slip.GLUED and term.result is Result.PASS", "Slip.GLUED", COMPOSED),
    Mutation("a-redirect-too-many", HEAL, 'isdisjoint(("redirect", "all"))', 'isdisjoint(("all",))', COMPOSED),
    Mutation("a-dead-redirect", HEAL, 'isdisjoint(("redirect", "all"))', 'isdisjoint(("redirect",))', COMPOSED),
    Mutation(
        "an-end-too-early",
        HEAL,
        "    return bool(found.terms) and not _would_end(found, words[index + 1 :])",
        "    return bool(found.terms)",
        COMPOSED,
    ),
    Mutation(
        "a-host-that-exists", HEAL, "    return not (known.has_mail", "    return None is not (known.has_mail", COMPOSED
    ),
    Mutation(
        "modifiers-of-other-names",
        EQUALS,
        "    if len(names) != 1 or not NAME.match(value):",
        "    if not names:",
        COMPOSED,
    ),
    Mutation(
        "sound-with-dead-hosts", MEANT, "return not plain.voids[4] or not plain.voids[6]", "return True", COMPOSED
    ),
    Mutation("several-records-one-by-one", MEANT, "broken=len(case.texts) > 1", "broken=False", COMPOSED),
    # an end that is glued to a redirect
    Mutation("the-end-of-a-redirect", MEND, '_REDIRECT.sub("", rest.text)', "rest.text", COMPOSED),
    Mutation("behind-the-end-of-a-redirect", GLUED, '(match["token"],) if match["token"] else ()', "()", COMPOSED),
    # a look-alike in front of what is nearly all
    Mutation("nearly-all", MEND, " or almost_all(word.text[1:])", "", CHARACTERS),
    # a record over several TXT
    Mutation("the-first-of-several-parts", MEANT, "    if len(lists) > 1:", "    if False:", STRINGS),
    Mutation("parts-that-may-be-words", MEANT, "may_be_list(plain(one)[0].text)", "holds_terms(one)", STRINGS),
    Mutation(
        "words-taken-for-parts",
        MEANT,
        "holds_terms(plain(one)[0].text)",
        "may_be_list(plain(one)[0].text)",
        STRINGS,
    ),
    Mutation(
        "parts-as-they-are-written",
        MEANT,
        "if not any(stray_lists(case, lambda one: holds_terms(plain(one)[0].text))):",
        "if not any(stray_lists(case, holds_terms)):",
        STRINGS,
    ),
    Mutation(
        "parts-with-a-slip",
        WRAPPED,
        "return bool(_TERM.match(words[0]) and _SOME_END.search(text))",
        "return False",
        STRINGS,
    ),
    # the version glued to the first term, modifiers over a joint
    Mutation(
        "a-glued-version",
        HEAL,
        "if work.words and work.words[0].text[: len(_VERSION)].lower() == _VERSION:",
        "if False:",
        COMPOSED,
    ),
    Mutation(
        "modifiers-over-a-joint",
        HEAL,
        'if term.is_modifier and term.name not in ("redirect", "exp"):',
        "if False:",
        COMPOSED,
    ),
    # texts that are meant as SPF
    Mutation(
        "texts-that-say-spf",
        NEAR,
        "return holds_terms(marked.text) and bool(_SAYS_SPF.search(marked.text))",
        "return False",
        VERSIONS,
    ),
    Mutation(
        "texts-that-hold-a-term",
        NEAR,
        "return holds_terms(marked.text) and bool(_SAYS_SPF.search(marked.text))",
        "return holds_terms(marked.text)",
        VERSIONS,
    ),
    Mutation("sender-id", NEAR, "|spf2", "|spf9", VERSIONS),
    Mutation("hints-of-spf", NEAR, "|v=s|", "|", VERSIONS),
    # what a zone file or a program writes, and what is said twice
    Mutation("escaped-spaces", CHARS, "(_ESCAPED_SPACE, Slip.CONTROL), ", "", REPORTS),
    Mutation("escapes-in-a-name", CHARS, r"(?=\\[nrt]|\s|\Z)", "", REPORTS),
    Mutation("twice-the-same-modifier", MEND, "            if text.lower() in seen:", "            if False:", REPORTS),
    Mutation("two-other-modifiers", MEND, "            if text.lower() in seen:", "            if seen:", REPORTS),
    # runs of spaces
    Mutation("strings-of-spaces", PROPOSE, "len(text) > STRING_BYTES and any(", "False and any(", COMPOSED),
    Mutation("all-spaces", PROPOSE, 'any(one != one.strip(" ") for one in split_strings(text))', "True", COMPOSED),
    # what remains for others
    Mutation("limits-by-the-soft-reading", REMAINING, "stop_of(plain, family, STRICT)", "None", LEFT),
    Mutation(
        "limits-that-nobody-meets",
        REMAINING,
        "        if any(part.known.passing",
        "        if True or any(part.known.passing",
        LEFT,
    ),
    Mutation(
        "limits-of-the-long-way",
        REMAINING,
        "        if any(intersect(cell.addresses, passing) for cell in met):",
        "        if False:",
        LEFT,
    ),
    Mutation("unread-terms", REMAINING, ", *unread(case, text))", ",)", LEFT),
    Mutation("behind-the-end", UNREAD, "    if terms:\n", "    if False:\n", LEFT),
    Mutation(
        "behind-the-end-again",
        UNREAD,
        "if _is_listed(one) and key(one, domain) not in read]",
        "if _is_listed(one)]",
        LEFT,
    ),
    Mutation(
        "behind-the-end-denied",
        UNREAD,
        "not term.is_modifier and term.result is Result.PASS",
        "not term.is_modifier",
        LEFT,
    ),
    Mutation(
        "redirects-beside-the-end",
        UNREAD,
        "    if redirect is not None and not any(",
        "    if False and not any(",
        LEFT,
    ),
    Mutation(
        "redirects-that-are-included",
        UNREAD,
        'not any(one[:2] == ("include", redirect.target) for one in read)',
        "True",
        LEFT,
    ),
    Mutation("modifiers-that-are-ignored", UNREAD, "        if meant is not None:", "        if False:", COMPOSED),
    Mutation("names-of-no-host", UNREAD, "    if not (named.has_mail(", "    if None is (named.has_mail(", COMPOSED),
    Mutation("texts-beside-the-record", UNREAD, "len(answer.records) > len(case.texts)", "False", LEFT),
    Mutation("texts-that-go", UNREAD, "if text not in gone and _lists", "if _lists", STRINGS),
    Mutation(
        "texts-that-list-nobody-else",
        UNREAD,
        "_is_listed(term) and key(term, domain) not in read:",
        "_is_listed(term):",
        LEFT,
    ),
    Mutation(
        "texts-with-a-slip", UNREAD, '            if starts_a_term(word) or ":" in word:', "            if False:", LEFT
    ),
)
