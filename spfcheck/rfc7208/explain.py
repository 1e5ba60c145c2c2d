"""The domain owner's explanation of a fail (RFC 7208 6.2)."""

from __future__ import annotations

from collections.abc import Generator

from spfcheck.rfc7208.limits import UNLIMITED, Budget
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.macro import MacroError, compile_explanation, dns_name
from spfcheck.rfc7208.walk import Decided, Strand, Walk

__all__ = ["explanation"]


def explanation(walk: Walk, decided: Decided) -> Generator[Question, Reply, str | None]:
    """The text that ``exp=`` of the deciding record leads to, or None; whatever goes wrong, it is as if absent.

    The record is the one that check_host() ended in: a redirect's target replaces it, an include never does (6.2).
    """
    step = next((step for step in decided.path if step.term is None or step.term.name != "redirect"), None)
    exp = step.record.exp if step and step.record else None
    if step is None or exp is None or exp.spec is None:
        return None
    # 4.6.4: the explanation is no part of the evaluation, and spends nothing of its limits.
    strand = Strand(decided.strand.addresses, Budget(UNLIMITED), decided.strand.depends)
    name = exp.target
    if name is None:
        name = dns_name((yield from walk.expanded(exp.spec, step.domain, strand)))
    if name is None:
        return None
    reply = yield from walk.ask(Question(name, Rtype.TXT), strand.budget)
    # 6.2: no record, more than one, a DNS failure or a syntax error: "proceed as if no "exp" modifier was given".
    if len(reply.records) != 1:
        return None
    try:
        spec = compile_explanation(b"".join(reply.records[0]).decode("latin-1"))
    except MacroError:
        return None
    return (yield from walk.expanded(spec, step.domain, strand))
