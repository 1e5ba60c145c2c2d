"""Signs that deny: each reason not to let in by a mend what may be denied."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

MEND = "spfcheck/audit/text/mend.py"
MEANINGS = "spfcheck/audit/text/meanings.py"
CERTIFICATES = "spfcheck/audit/repair/certificates.py"
KEPT = ("tests/wild/test_signs.py::test_a_sign_stays_with_its_term",)
LEFT = ("tests/wild/test_signs.py::test_what_may_be_denied_is_left_to_its_owner",)

MUTATIONS = (
    Mutation("colon-between-spaces", MEND, 'if joined[-1:] in ":=" and', "if False and", KEPT),
    Mutation("bare-word-behind-a-sign", MEND, "if bare and found.terms and", "if False and", LEFT),
    Mutation("not-is-no-word", MEND, 'if before is not None and before.text == "!":', "if False:", LEFT),
    Mutation("not-in-front-of-a-word", MEND, 'if sign == "!" or (', "if (", LEFT),
    Mutation("denied-argument-is-lost", MEANINGS, ' and match["sign"] in ("", "+"):', ":", LEFT),
    Mutation("prefix-of-what-is-glued", MEANINGS, "([^:=/]+)/[0-9]{1,3}", "(.+)/[0-9]{1,3}", KEPT),
    Mutation("no-room-where-there-is-room", CERTIFICATES, "if lookups + cost <= LOOKUPS:", "if False:", LEFT),
)
