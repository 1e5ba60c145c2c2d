"""Who is in the audience: consent that is the person's, and a search that is read until it is whole."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

GATHER = "spfcheck/notify/audience/gather.py"
QUERY = "spfcheck/notify/audience/query.py"
CONSENT = "tests/notify/audience/test_consent.py"
QUERIES = "tests/notify/audience/test_query.py"
MAILBOX = f"{CONSENT}::test_one_contact_that_is_held_holds_the_mailbox"
BEYOND_TEN = f"{CONSENT}::test_a_tag_beyond_the_ten_that_a_contact_shows_holds_the_mailbox"
MISSING_FLAG = f"{CONSENT}::test_a_flag_that_is_missing_in_one_contact_holds_the_mailbox"
MISSING_TAG = f"{CONSENT}::test_a_tag_that_opts_out_and_does_not_exist_holds_the_night"

HELD = (
    Mutation("held-never-searched-for", GATHER, "enumerate(held, start=1)", "enumerate(held[:0], start=1)", (MAILBOX,)),
    Mutation(
        "held-by-the-audience-alone",
        GATHER,
        "            await self._book.note(self._against(page), gathered)\n",
        "",
        (MISSING_FLAG,),
    ),
    Mutation(
        "tags-beyond-ten-unread",
        GATHER,
        "if not contact.more_tags or self._hold(contact) in query.OF_THE_PERSON:",
        "if True:",
        (BEYOND_TEN,),
    ),
    Mutation(
        "missing-tags-unnoticed",
        GATHER,
        "tuple(name for name in names if name.lower() not in tags)",
        "()",
        (MISSING_TAG,),
    ),
    Mutation(
        "held-by-three-flags-alone",
        QUERY,
        '    against += [{"field": "tag_id", "operator": "=", "value": tag} for tag in sorted(tag_ids)]\n',
        "",
        (BEYOND_TEN, QUERIES),
    ),
    Mutation("bounces-hold-one-contact", QUERY, "    Reason.BOUNCED,\n    Reason.MARKED_SPAM,\n    Reason.OPTED_OUT,\n",
             "    Reason.MARKED_SPAM,\n    Reason.OPTED_OUT,\n", (MAILBOX,)),
    Mutation(
        "role-before-consent",
        QUERY,
        "    if against is not None:\n        return against\n    if contact.role",
        "    if contact.role",
        (MAILBOX,),
    ),
)  # fmt: skip

GATHERING = "tests/notify/audience/test_gather.py"
OVERLAPS = f"{GATHERING}::test_pages_that_overlap_are_read_again_until_everybody_came"
REPEATS = f"{GATHERING}::test_repeats_are_not_counted_and_a_search_that_stays_short_holds_the_night"
ANEW = f"{GATHERING}::test_a_scroll_that_breaks_is_begun_anew"
BUSY = f"{GATHERING}::test_another_scroll_is_waited_for_and_not_for_ever"
CLIENT = "spfcheck/intercom/client.py"

WHOLE = (
    Mutation(
        "repeats-counted",
        GATHER,
        "gathered.received += len(fresh)",
        "gathered.received += len(page.contacts)",
        (REPEATS,),
    ),
    Mutation("read-once", GATHER, "READINGS = 3", "READINGS = 1", (OVERLAPS,)),
    Mutation("short-is-settled", GATHER, " and missing <= FEW * self._total", "", (OVERLAPS,)),
    Mutation(
        "read-three-times",
        GATHER,
        "if settled or (not missing and not overlaps):",
        "if settled:",
        (f"{GATHERING}::test_a_search_that_is_whole_is_read_once",),
    ),
    Mutation(
        "companies-beyond-ten-unread",
        GATHER,
        "if not self._company_sources or not contact.more_companies:",
        "if True:",
        (f"{GATHERING}::test_companies_beyond_the_ten_that_a_contact_lists_are_read",),
    ),
    Mutation("scroll-gone-on-with", CLIENT, 'params={"scroll_param": following}, tries=1)',
             'params={"scroll_param": following})', (ANEW,)),
    Mutation("scroll-begun-once", CLIENT, "SCROLLS = 4", "SCROLLS = 1", (ANEW,)),
    Mutation("another-scroll-not-waited-for", CLIENT, "if not scroll_is_open(error):", "if True:", (BUSY,)),
    Mutation("another-scroll-for-ever", CLIENT, "if waited >= SCROLL_WAIT:", "if waited >= 9999:", (BUSY,)),
    Mutation(
        "scroll-repeats-unnoticed",
        CLIENT,
        "            if ids in seen:\n",
        "            if False:\n",
        (f"{GATHERING}::test_a_scroll_without_end_ends",),
    ),
    Mutation(
        "scroll-without-a-bound",
        CLIENT,
        "pages > MOST_SCROLL_PAGES or",
        "",
        (f"{GATHERING}::test_a_scroll_without_end_ends",),
    ),
    Mutation(
        "companies-of-one-page",
        CLIENT,
        "            if not following:\n                return tuple(found)\n",
        "            return tuple(found)\n",
        (f"{GATHERING}::test_companies_beyond_the_ten_that_a_contact_lists_are_read",),
    ),
)  # fmt: skip

MAILBOXES = "tests/notify/audience/test_mailboxes.py"
SAME = f"{MAILBOXES}::test_one_mailbox_is_one_person"
FORMER = f"{MAILBOXES}::test_whoever_was_suppressed_or_told_under_an_older_hash_still_is"
PLAN = "spfcheck/notify/planning/plan.py"

PEOPLE = (
    Mutation("invisible-characters-differ", QUERY, 'not in ("Cf", "Cc")', 'not in ("Cc",)', (SAME,)),
    Mutation("labels-differ", QUERY, "        domain = domain_name(domain)\n", "        pass\n", (SAME,)),
    Mutation("plus-differs", QUERY, "    if not plus_differs:\n", "    if False:\n", (SAME,)),
    Mutation("plus-never-differs", QUERY, "    if not plus_differs:\n", "    if True:\n", (MAILBOXES,)),
    Mutation("dots-at-gmail-differ", QUERY, 'local.replace(".", ""), GMAIL[0]', "local, GMAIL[0]", (SAME,)),
    Mutation("dots-nowhere-differ", QUERY, "    if domain in GMAIL:\n", "    if True:\n", (MAILBOXES,)),
    Mutation("older-hashes-forgotten", PLAN, "frozenset({person, *former})", "frozenset({person})", (FORMER,)),
    Mutation("older-hashes-ungathered", GATHER, "FORMERLY + known for known in", "TAGGED for known in", (FORMER,)),
)

DOCTOR = "spfcheck/cli/doctor.py"
SEEN = "tests/cli/test_plans.py::test_the_doctor_compares_the_workspace_with_the_settings"

WORKSPACE = (
    Mutation("doctor-blind-to-tags", DOCTOR, "    if unknown:\n", "    if False:\n", (SEEN,)),
    Mutation("doctor-blind-to-admins", DOCTOR, "if settings.intercom.admin_id not in admins:", "if False:", (SEEN,)),
    Mutation(
        "doctor-blind-to-regions", DOCTOR, "if asked and region and asked != region.upper():", "if False:", (SEEN,)
    ),
)

MUTATIONS = (*HELD, *WHOLE, *PEOPLE, *WORKSPACE)
