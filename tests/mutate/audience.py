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

MUTATIONS = HELD
