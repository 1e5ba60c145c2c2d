"""The evaluation of a record for a set of addresses of one family (RFC 7208 sections 4 to 6).

A strand is a part of the set for which everything went the same way so far. A term takes what it matches off a strand
and leaves the rest to the next term; what it takes is a decided cell. A single address is a set of one: it has one
strand, and ends in one cell. Each strand has its own `Budget`, so that every address is charged exactly what its own
check_host() would be.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from functools import lru_cache
from typing import Any

from spfcheck.rfc7208.limits import SMALL_SET, Budget, Policy, LimitExceededError
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.macro import Spec, dns_name, expand
from spfcheck.rfc7208.message import Message, reverse_name
from spfcheck.rfc7208.program import Kind, Step, hosts, program
from spfcheck.rfc7208.ranges import BITS, Ranges, addresses, intersect, normalise, size, subtract
from spfcheck.rfc7208.record import Record, Result, Term, parse, select
from spfcheck.rfc7208.trace import Tracer
from spfcheck.rfc7208.verdict import Cause, PathStep

__all__ = ["Asking", "Decided", "Strand", "Walk", "published"]

Asking = Generator[Question, Reply, Any]
"""A generator that yields questions and is sent their replies."""


class Strand:
    """A part of the set that is still undecided, and what it has used up."""

    __slots__ = ("addresses", "budget", "depends")

    def __init__(self, addresses: Ranges, budget: Budget, depends: tuple[PathStep, ...] = ()) -> None:
        self.addresses = addresses
        self.budget = budget
        self.depends = depends

    def part(self, addresses: Ranges) -> Strand:
        """A part of this strand, with a budget of its own."""
        return Strand(addresses, self.budget.fork(), self.depends)


class Decided:
    """A part of the set that is decided at one level: a matched term, an error, or the end of a record."""

    __slots__ = ("cause", "failure", "path", "result", "strand")

    def __init__(
        self, strand: Strand, result: Result, cause: Cause, path: tuple[PathStep, ...], failure: Question | None = None
    ) -> None:
        self.strand = strand
        self.result = result
        self.cause = cause
        self.path = path
        self.failure = failure


class _UnansweredError(Exception):
    """The DNS did not answer *question*."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


@lru_cache(maxsize=8192)
def published(records: tuple[tuple[bytes, ...], ...]) -> Record | int:
    """The one SPF record of a TXT answer, or how many there are when not one (RFC 7208 4.5)."""
    texts = select(records)
    return parse(texts[0]) if len(texts) == 1 else len(texts)


class Walk:
    """One evaluation: its policy, its message, its view of the DNS, and its trace."""

    __slots__ = ("_family", "_message", "_policy", "_questions_left", "answers", "complete", "tracer")

    def __init__(
        self,
        family: int,
        message: Message,
        policy: Policy,
        *,
        tracer: Tracer | None = None,
        ceiling: int | None = None,
    ) -> None:
        self._family = family
        self._message = message
        self._policy = policy
        self._questions_left = ceiling
        self.answers: dict[Question, Reply] = {}
        self.complete = True
        self.tracer = tracer

    def ask(self, question: Question, budget: Budget) -> Generator[Question, Reply, Reply]:
        """The reply to *question*; the DNS is asked once an evaluation, so that its view cannot change midway."""
        budget.question()
        reply = self.answers.get(question)
        if reply is None:
            if self._questions_left is not None:
                if self._questions_left <= 0:
                    self.complete = False
                    raise LimitExceededError(Cause.QUESTION_CEILING)
                self._questions_left -= 1
            reply = yield question
            self.answers[question] = reply
        if self.tracer is not None:
            self.tracer.asked(question, reply)
        return reply

    def evaluate(
        self, record: Record, domain: str, strand: Strand, stack: tuple[str, ...]
    ) -> Generator[Question, Reply, list[Decided]]:
        """Sort the addresses of *strand* by what *record*, published at *domain*, says of them.

        *stack* holds the domains that led here, this one included.
        """
        decided: list[Decided] = []
        tracer = self.tracer
        strands: Sequence[Strand] = (strand,)
        for step in program(record, self._family, detailed=tracer is not None):
            kind = step.kind
            following: list[Strand] = []
            for part in strands:
                if tracer is not None:
                    tracer.begin(domain, step.term, len(stack) - 1)
                known = len(decided)
                if kind is Kind.NETWORKS:
                    rest = _networks(step, part, record, domain, decided)
                    if rest is not None:
                        following.append(rest)
                elif kind is Kind.ALL:
                    decided.append(_matched(part, record, domain, step.term))
                elif kind is Kind.OTHER_FAMILY:
                    following.append(part)
                else:
                    following.extend((yield from self._term(step, record, domain, part, decided, stack)))
                if tracer is not None:
                    self._trace(tracer, step, part, decided[known:])
            if not following:
                return decided
            strands = following if len(following) == 1 else _merged(following)
        # RFC 7208 4.7: nothing matched and there is no redirect.
        if tracer is not None:
            tracer.default(domain, len(stack) - 1, strands[0].budget)
        end = (PathStep(domain, record, None),)
        decided.extend(Decided(part, Result.NEUTRAL, Cause.DEFAULT, end) for part in strands)
        return decided

    def _term(
        self,
        step: Step,
        record: Record,
        domain: str,
        strand: Strand,
        decided: list[Decided],
        stack: tuple[str, ...],
    ) -> Generator[Question, Reply, Sequence[Strand]]:
        """Evaluate a term that needs the DNS; gives back what it leaves undecided."""
        message = self._message
        if (step.by_local_part and message.local_part is None) or (step.by_helo and message.helo is None):
            return self._unknowable(step, record, domain, strand, decided)
        if step.by_address and not _single(strand.addresses):
            if size(strand.addresses) > SMALL_SET:
                return self._unknowable(step, record, domain, strand, decided)
            rest: list[Strand] = []
            for address in addresses(strand.addresses):
                one = strand.part(((address, address),))
                rest.extend((yield from self._known(step, record, domain, one, decided, stack)))
            return rest
        return (yield from self._known(step, record, domain, strand, decided, stack))

    def _unknowable(
        self, step: Step, record: Record, domain: str, strand: Strand, decided: list[Decided]
    ) -> Sequence[Strand]:
        """Go on as if a term that depends on the message did not match, and mark the strand."""
        here = PathStep(domain, record, step.term)
        strand.depends = (*strand.depends, here)
        try:
            strand.budget.term()
            if step.kind not in (Kind.INCLUDE, Kind.REDIRECT):
                strand.budget.unanswerable()
        except LimitExceededError as spent:
            decided.append(_limited(strand, spent, (here,)))
            return ()
        return (strand,)

    def _known(
        self,
        step: Step,
        record: Record,
        domain: str,
        strand: Strand,
        decided: list[Decided],
        stack: tuple[str, ...],
    ) -> Generator[Question, Reply, Sequence[Strand]]:
        try:
            strand.budget.term()
            question = step.question
            if question is None:
                question = yield from self._question(step, domain, strand)
            match step.kind:
                case Kind.INCLUDE | Kind.REDIRECT:
                    return (yield from self._policy_of(step, record, domain, question, strand, decided, stack))
                case Kind.A if question is not None:
                    return (yield from self._a(step, record, domain, question, strand, decided))
                case Kind.MX if question is not None:
                    return (yield from self._mx(step, record, domain, question, strand, decided))
                case Kind.EXISTS if question is not None:
                    matched = bool((yield from self._records(question, strand.budget)))
                case Kind.PTR if question is not None:
                    names = yield from self.validated_names(strand)
                    matched = any(name == question.name or name.endswith(f".{question.name}") for name in names)
                case _:
                    # RFC 7208 4.8 leaves it open: a name that macros made and that cannot exist is no match.
                    matched = False
        except LimitExceededError as spent:
            decided.append(_limited(strand, spent, (PathStep(domain, record, step.term),)))
            return ()
        except _UnansweredError as failed:
            # RFC 7208 5: a DNS error is temperror for the whole evaluation.
            here = (PathStep(domain, record, step.term),)
            decided.append(Decided(strand, Result.TEMPERROR, Cause.DNS_FAILURE, here, failed.question))
            return ()
        if matched:
            decided.append(_matched(strand, record, domain, step.term))
            return ()
        return (strand,)

    def _question(self, step: Step, domain: str, strand: Strand) -> Generator[Question, Reply, Question | None]:
        """What a term whose name is not fixed asks; None where no such name can exist."""
        spec = step.term.spec
        if spec is None:
            return Question(domain, step.rtype)
        name = dns_name((yield from self.expanded(spec, domain, strand)))
        return None if name is None else Question(name, step.rtype)

    def expanded(self, spec: Spec, domain: str, strand: Strand) -> Generator[Question, Reply, str]:
        """The expansion of *spec* for the single address of *strand*, or for any where no letter depends on it."""
        values = self._message.values(self._family, strand.addresses[0][0], domain)
        if "p" in spec.letters:
            values["p"] = yield from self._client_name(domain, strand)
        return expand(spec, values)

    def _records(self, question: Question, budget: Budget) -> Generator[Question, Reply, tuple[Any, ...]]:
        """The records for *question*: a void lookup is counted, a failure ends the evaluation."""
        reply = yield from self.ask(question, budget)
        records = reply.records
        if not records:
            if reply.failed:
                raise _UnansweredError(question)
            budget.void(question, nxdomain=reply.nxdomain)
        return records

    def _a(
        self, step: Step, record: Record, domain: str, question: Question, strand: Strand, decided: list[Decided]
    ) -> Generator[Question, Reply, Sequence[Strand]]:
        records = yield from self._records(question, strand.budget)
        return (strand,) if self._hosts(records, step, record, domain, strand, decided) else ()

    def _hosts(
        self,
        records: tuple[int, ...],
        step: Step,
        record: Record,
        domain: str,
        strand: Strand,
        decided: list[Decided],
    ) -> bool:
        """Take the addresses near *records* off the strand; whether any are left."""
        if _single(strand.addresses):
            address = strand.addresses[0][0]
            shift = BITS[self._family] - step.prefix
            if any((address ^ host) >> shift == 0 for host in records):
                decided.append(_matched(strand, record, domain, step.term))
                return False
            return True
        near = hosts(records, step.prefix, self._family)
        found = intersect(strand.addresses, near)
        if found:
            decided.append(_matched(strand.part(found), record, domain, step.term))
            strand.addresses = subtract(strand.addresses, near)
        return bool(strand.addresses)

    def _mx(
        self, step: Step, record: Record, domain: str, question: Question, strand: Strand, decided: list[Decided]
    ) -> Generator[Question, Reply, Sequence[Strand]]:
        records = yield from self._records(question, strand.budget)
        policy = self._policy
        # RFC 7208 4.6.4: the address lookups for the names of one mx are limited to ten, else permerror.
        if len(records) > policy.mx_names and policy.mx_excess_at_once:
            raise LimitExceededError(Cause.MX_LIMIT)
        rtype = Rtype.A if self._family == 4 else Rtype.AAAA
        # By preference and name, so that the order of an answer changes nothing.
        for _preference, exchange in sorted(records)[: policy.mx_names]:
            # RFC 7505: a null MX names no host, so there is nothing to ask.
            name = dns_name(exchange)
            if name is None:
                continue
            found = yield from self._records(Question(name, rtype), strand.budget)
            if not self._hosts(found, step, record, domain, strand, decided):
                return ()
        if len(records) > policy.mx_names:
            raise LimitExceededError(Cause.MX_LIMIT)
        return (strand,)

    def _policy_of(
        self,
        step: Step,
        record: Record,
        domain: str,
        question: Question | None,
        strand: Strand,
        decided: list[Decided],
        stack: tuple[str, ...],
    ) -> Generator[Question, Reply, Sequence[Strand]]:
        """Evaluate the record of another domain, for include (RFC 7208 5.2) or redirect (6.1)."""
        here = PathStep(domain, record, step.term)
        is_include = step.kind is Kind.INCLUDE
        if question is None:
            if is_include:
                return (strand,)
            decided.append(Decided(strand, Result.PERMERROR, Cause.REDIRECT_NO_RECORD, (here,)))
            return ()
        target = question.name
        if self._policy.loops_end and target in stack:
            if is_include and target == domain:
                return (strand,)
            decided.append(Decided(strand, Result.PERMERROR, Cause.INCLUDE_LOOP, (here,)))
            return ()
        found: Record | int = 0
        # RFC 7208 4.3: a single label is no domain to check.
        if "." in target:
            reply = yield from self.ask(question, strand.budget)
            if reply.failed:
                raise _UnansweredError(question)
            if not reply.records:
                strand.budget.missing_record()
            found = published(reply.records)
        if isinstance(found, int):
            # 5.2, 6.1: no record is permerror, and so is more than one (4.5).
            missing = Cause.INCLUDE_NO_RECORD if is_include else Cause.REDIRECT_NO_RECORD
            cause = Cause.MULTIPLE_RECORDS if found else missing
            decided.append(Decided(strand, Result.PERMERROR, cause, (here, PathStep(target, None, None))))
            return ()
        if found.problems:
            path = (here, PathStep(target, found, None))
            decided.append(Decided(strand, Result.PERMERROR, Cause.SYNTAX_ERROR, path))
            return ()
        rest: list[Strand] = []
        for inner in (yield from self.evaluate(found, target, strand, (*stack, target))):
            result = inner.result
            if is_include:
                if result is Result.PASS:
                    inner.result = step.term.result
                elif result is not Result.TEMPERROR and result is not Result.PERMERROR:
                    # 5.2: fail, softfail and neutral are "not match".
                    rest.append(inner.strand)
                    continue
            inner.path = (here, *inner.path)
            decided.append(inner)
        return rest

    def validated_names(self, strand: Strand) -> Generator[Question, Reply, list[str]]:
        """The names of the strand's single address that resolve back to it (RFC 7208 5.5)."""
        address = strand.addresses[0][0]
        question = Question(reverse_name(address, self._family), Rtype.PTR)
        reply = yield from self.ask(question, strand.budget)
        if not reply.records:
            # 5.5: "If a DNS error occurs while doing the PTR RR lookup, then this mechanism fails to match."
            if not reply.failed:
                strand.budget.void(question, nxdomain=reply.nxdomain)
            return []
        rtype = Rtype.A if self._family == 4 else Rtype.AAAA
        valid: list[str] = []
        # 4.6.4: of more than ten names the rest are ignored. Sorted, so that the order of an answer changes nothing.
        for name in sorted({name.lower().removesuffix(".") for name in reply.records})[: self._policy.ptr_names]:
            # A byte that no host name has stands as an escape, and such a name cannot be asked for.
            if "\\" in name or dns_name(name) is None:
                continue
            question = Question(name, rtype)
            reply = yield from self.ask(question, strand.budget)
            if reply.failed:
                # 5.5: on a DNS error "that domain name is skipped and the search continues".
                continue
            if not reply.records:
                strand.budget.void(question, nxdomain=reply.nxdomain)
            elif address in reply.records:
                valid.append(name)
        return valid

    def _client_name(self, domain: str, strand: Strand) -> Generator[Question, Reply, str]:
        """What ``%{p}`` stands for (RFC 7208 7.3): the domain itself, else a name below it, else any, else unknown."""
        names = yield from self.validated_names(strand)
        if domain in names:
            return domain
        below = [name for name in names if name.endswith(f".{domain}")]
        return (below or names or ["unknown"])[0]

    def _trace(self, tracer: Tracer, step: Step, strand: Strand, new: Sequence[Decided]) -> None:
        """Close the trace of one step. A trace is made for a single address, so at most one cell is new."""
        budget = new[0].strand.budget if new else strand.budget
        tracer.end(step.kind, new[0].result if new else None, new[0].cause if new else None, budget)


def _single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _matched(strand: Strand, record: Record, domain: str, term: Term) -> Decided:
    return Decided(strand, term.result, Cause.MATCHED, (PathStep(domain, record, term),))


def _limited(strand: Strand, spent: LimitExceededError, path: tuple[PathStep, ...]) -> Decided:
    # RFC 7208 4.6.4: the standard's limits are permerror. Our own ceiling says nothing about the record: temperror.
    result = Result.TEMPERROR if spent.cause is Cause.QUESTION_CEILING else Result.PERMERROR
    return Decided(strand, result, spent.cause, path)


def _networks(step: Step, strand: Strand, record: Record, domain: str, decided: list[Decided]) -> Strand | None:
    """Take what a run of networks matches off the strand; the rest, or None."""
    if _single(strand.addresses):
        owner = step.owner(strand.addresses[0][0])
        if owner is None:
            return strand
        decided.append(_matched(strand, record, domain, owner))
        return None
    found, rest = step.split(strand.addresses)
    for term, part in found:
        decided.append(_matched(strand.part(part), record, domain, term))
    strand.addresses = rest
    return strand if rest else None


def _merged(strands: Iterable[Strand]) -> list[Strand]:
    """Strands whose future is the same become one."""
    groups: dict[Any, list[Strand]] = {}
    for strand in strands:
        groups.setdefault((strand.budget.state(), strand.depends), []).append(strand)
    merged: list[Strand] = []
    for group in groups.values():
        first = group[0]
        if len(group) > 1:
            first.addresses = normalise(item for strand in group for item in strand.addresses)
        merged.append(first)
    return merged
