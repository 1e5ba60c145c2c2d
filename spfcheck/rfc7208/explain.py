"""The domain owner's explanation of a fail (RFC 7208 6.2)."""

from __future__ import annotations

from collections.abc import Generator

from spfcheck.rfc7208.branch import Decided, Strand
from spfcheck.rfc7208.evaluation import Walk
from spfcheck.rfc7208.limits import UNLIMITED, Budget
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.macro import MacroError, compile_explanation, dns_name


def explanation(walk: Walk, decided: Decided) -> Generator[Question, Reply, str | None]:
    """The text that ``exp=`` of the deciding record leads to, or None; whatever goes wrong, it is as if absent.

    The record is the one that check_host() ended in: a redirect's target replaces it, an include never does (6.2).
    """
    domain, record = next((at, record) for at, record, term in decided.path if term and term.name != "redirect")
    exp = record.exp if record else None
    if exp is None or exp.spec is None:
        return None
    # 4.6.4: the explanation is no part of the evaluation, and spends nothing of its limits.
    strand = Strand(decided.strand.addresses, Budget(UNLIMITED), decided.strand.depends)
    name = exp.target
    if name is None:
        name = dns_name((yield from walk.expanded(exp.spec, domain, strand)))
    if name is None:
        return None
    question = Question(name, Rtype.TXT)
    reply = walk.known(question, strand.budget) or walk.learn(question, (yield question))
    # 6.2: no record, more than one, a DNS failure or a syntax error: "proceed as if no "exp" modifier was given".
    if len(reply.records) != 1:
        return None
    try:
        spec = compile_explanation(b"".join(reply.records[0]).decode("latin-1"))
    except MacroError:
        return None
    return (yield from walk.expanded(spec, domain, strand))
