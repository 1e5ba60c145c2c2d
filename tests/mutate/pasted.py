"""What a pasted text may not lead to: each guard left out, one by one."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

MEANING = "spfcheck/pasted/meaning.py"
HEADERS = "spfcheck/pasted/headers.py"
BLOCKS = "spfcheck/pasted/blocks.py"
PRINTED = "spfcheck/pasted/printed.py"
UNDERSTAND = "spfcheck/pasted/understand.py"
LOOK_UP = "spfcheck/web/look_up.py"
READING = "tests/pasted/test_reading.py"
WHERE = (f"{READING}::test_each_text_leads_where_it_must",)
NOBODY = (f"{READING}::test_what_names_nobody_says_why",)
LINK = ("tests/web/test_pages.py::test_what_a_link_says_of_a_text_is_not_believed",)

MUTATIONS = (
    Mutation("connections-mixed", MEANING, 'elif one.ip in ("", mine.ip) or not mine.ip:', "else:",
             (f"{READING}::test_connections_are_not_mixed",)),
    Mutation("any-sender", MEANING, 'and not set(" /:") & set(word)', "", WHERE),
    Mutation("any-helo-name", MEANING,
             'return word if word.isprintable() and " "', 'return word if " "',
             (f"{READING}::test_a_helo_name_that_cannot_be_shown_is_left_out",)),
    Mutation("inner-hops-count", HEADERS, "if ip and _is_public(ip):", "if ip:",
             (f"{READING}::test_hops_of_ones_own_network_are_passed_over",)),
    Mutation("parts-without-end", BLOCKS, "except (RecursionError, ", "except (",
             (f"{READING}::test_parts_within_parts_are_not_followed_for_ever",)),
    Mutation("json-without-end", PRINTED, "while waiting and seen < NODES:", "while waiting:",
             (f"{READING}::test_json_is_looked_through_up_to_its_bound",)),
    Mutation("text-without-end", UNDERSTAND, 'text = text[:LONGEST].replace', "text = text.replace",
             (f"{READING}::test_a_long_text_is_read_up_to_its_limit",)),
    Mutation("receivers-are-meant", UNDERSTAND, "to_whom = receivers(line) if refused else frozenset()",
             "to_whom = frozenset()", NOBODY),
    Mutation("pages-of-receivers-are-meant", UNDERSTAND, 'or (refused and "://" in word)', "", NOBODY),
    Mutation("a-guess-is-sure", UNDERSTAND, "sure=alone and not guessed", "sure=alone",
             (f"{READING}::test_a_name_somewhere_in_a_refusal_is_asked_for",)),
    Mutation("choices-without-end", UNDERSTAND, "found[:CHOICES]", "found",
             (f"{READING}::test_a_person_is_shown_a_handful",)),
    Mutation("link-with-any-source", LOOK_UP, 'if values.get("read", "") not in set(ReadFrom):',
             'if not values.get("read"):', LINK),
    Mutation("link-with-any-word", LOOK_UP, 'result_in(values.get("said", ""))', 'values.get("said", "")', LINK),
)  # fmt: skip
