"""check_host() and the partition of a set of addresses, as generators of questions (RFC 7208 section 4).

Drive a generator with `spfcheck.rfc7208.drive`, or by hand: it yields `Question`s, is sent `Reply`s, and returns its
verdict. Nothing here waits, and nothing raises for what the DNS or a record does.
"""

from __future__ import annotations

from collections.abc import Generator
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from spfcheck.rfc7208.branch import Decided, Strand
from spfcheck.rfc7208.effort import Effort
from spfcheck.rfc7208.evaluation import Walk
from spfcheck.rfc7208.explain import explanation
from spfcheck.rfc7208.initial import decide, verdict_of
from spfcheck.rfc7208.limits import AUDIT_QUESTIONS, STRICT, Budget, Policy
from spfcheck.rfc7208.lookup import Question, Reply
from spfcheck.rfc7208.memo.check import swiftly
from spfcheck.rfc7208.memo.plan import PLANS, plan_of
from spfcheck.rfc7208.message import Message, ascii_domain, client
from spfcheck.rfc7208.ranges import Ranges, normalise
from spfcheck.rfc7208.record import Result
from spfcheck.rfc7208.trace import Tracer
from spfcheck.rfc7208.verdict import Cause, Cell, Partition, Verdict

# A named tuple made directly: its own constructor takes three times as long, which a bulk run notices.
_new: Final = tuple.__new__


def check_host(
    ip: str | IPv4Address | IPv6Address,
    domain: str,
    sender: str | None = None,
    helo: str | None = None,
    *,
    policy: Policy = STRICT,
    trace: bool = False,
    explain: bool = False,
    receiver: str = "unknown",
    timestamp: int = 0,
) -> Generator[Question, Reply, Verdict]:
    """Judge whether *ip* may send as *domain* (RFC 7208 4.1): yields questions and returns a `Verdict`.

    *sender* is the MAIL FROM address, for macros only; without one it is ``postmaster`` at *domain*. *helo* is the HELO
    name, for ``%{h}``. *trace* asks for an event a step, *explain* for the domain's own text with a fail (6.2), which
    may take one more question. *receiver* and *timestamp* (Unix seconds) are what ``%{r}`` and ``%{t}`` stand for.

    Raises `ValueError`, at once, where *ip* is no address, and nothing else.
    """
    family, address = client(ip)
    if policy is STRICT and not (trace or explain):
        plan = PLANS.get((domain, family)) or plan_of(domain, family)
        if plan is not None:
            return swiftly(plan, address, sender, helo)
    message = _new(Message, (ascii_domain(domain) or "", sender or "", helo or "", receiver, timestamp))
    return _evaluated(message, family, address, policy, Tracer() if trace else None, explain)


def _evaluated(
    message: Message, family: int, address: int, policy: Policy, tracer: Tracer | None, explain: bool
) -> Generator[Question, Reply, Verdict]:
    """check_host() by any policy, traced and explained as asked for; *message* has no domain where that is none."""
    name = message.domain
    if not name:
        return Verdict(result=Result.NONE, cause=Cause.INVALID_DOMAIN)
    walk = Walk(family, message, policy, tracer)
    (decided,) = yield from decide(walk, name, Strand(((address, address),), Budget(policy)))
    text = None
    if explain and decided.result is Result.FAIL:
        text = yield from explanation(walk, decided)
    return verdict_of(decided, text, tuple(tracer.events) if tracer else ())


def partition(
    addresses: Ranges,
    family: int,
    domain: str,
    sender: str | None = None,
    helo: str | None = None,
    *,
    policy: Policy = STRICT,
    ceiling: int = AUDIT_QUESTIONS,
    work: Effort | None = None,
) -> Generator[Question, Reply, Partition]:
    """Judge every address of a set at once: yields questions and returns a `Partition`.

    The cells say exactly what check_host() says of each address by itself, counters and limits included. *addresses*
    is a set as `spfcheck.rfc7208.ranges` makes it, of *family* 4 or 6 (RFC 7208 5: an IPv4-mapped address belongs to
    family 4, so it has no place in a set of family 6). *sender* and *helo* may be None: they differ from message to
    message, and a term that depends on them is marked in `Cell.depends` and taken as no match. So is a term that
    depends on the address (``%{i}``, ``%{p}``, ptr) where more than 16 addresses are undecided; for fewer, each is
    asked about. *ceiling* is the most different questions that the walk may ask; what it leaves is temperror.

    Raises `TooLargeError` where the ranges that it goes through are more than *work* allows, if that is given.
    """
    name = ascii_domain(domain)
    if name is None:
        cell = Cell(
            addresses=addresses,
            result=Result.NONE,
            cause=Cause.INVALID_DOMAIN,
            path=(),
            lookups=0,
            void_lookups=0,
            questions=0,
        )
        return Partition(family=family, cells=(cell,) if addresses else ())
    if not addresses:
        return Partition(family=family, cells=())
    walk = Walk(family, Message(name, sender, helo), policy, ceiling=ceiling, work=work)
    decided = yield from decide(walk, name, Strand(addresses, Budget(policy)))
    return Partition(family=family, cells=_cells(decided), complete=walk.complete)


def _cells(decided: list[Decided]) -> tuple[Cell, ...]:
    """The decided parts as cells, those with the same facts joined."""
    groups: dict[Any, list[Decided]] = {}
    for item in decided:
        budget = item.strand.budget
        counters = (budget.lookups, budget.voids, budget.questions)
        key = (item.result, item.cause, item.path, counters, item.strand.depends, item.failure)
        groups.setdefault(key, []).append(item)
    return tuple(
        [
            _new(Cell, (_addresses(group), result, cause, path, *counters, depends, failure))
            for (result, cause, path, counters, depends, failure), group in groups.items()
        ]
    )


def _addresses(group: list[Decided]) -> Ranges:
    if len(group) == 1:
        return group[0].strand.addresses
    return normalise(one for item in group for one in item.strand.addresses)
