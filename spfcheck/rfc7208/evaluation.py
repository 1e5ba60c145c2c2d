"""The evaluation of a record for a set of addresses of one family (RFC 7208 sections 4 to 6).

A strand is a part of the set for which everything went the same way so far. A term takes what it matches off a strand
and leaves the rest to the next term; what it takes is decided. A single address is a set of one: it has one strand, and
is decided once. Each strand has its own `Budget`, so that every address is charged exactly what its own check_host()
would be.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final

from spfcheck.rfc7208.branch import (
    Decided,
    Level,
    Strand,
    UnansweredError,
    leave_hosts,
    leave_near,
    leave_networks,
    merged,
)
from spfcheck.rfc7208.effort import Effort, Measure
from spfcheck.rfc7208.limits import DEEPEST, REPEATS_PER_QUESTION, SMALL_SET, Budget, LimitExceededError, Policy
from spfcheck.rfc7208.lookup import Question, Reply, Rtype
from spfcheck.rfc7208.macro import Spec, dns_name, expand, host_name
from spfcheck.rfc7208.message import Message, reverse_name
from spfcheck.rfc7208.ranges import Ranges, addresses, size
from spfcheck.rfc7208.record import Record, Result, published
from spfcheck.rfc7208.steps import Run, Step, StepKind, hosts, program
from spfcheck.rfc7208.trace import Tracer
from spfcheck.rfc7208.verdict import Cause, PathStep

TermQuestions = Generator[Question, Reply, Sequence[Strand]]
"""Yields questions, is sent their replies, and returns what a term leaves undecided."""


class Walk:
    """One evaluation: its policy, its message, its view of the DNS, and its trace.

    *ceiling* is the most different questions that it may ask; `complete` becomes False when that, or the work that
    goes with it, is not enough. *work* is what the ranges that it goes through are spent from, if they are.
    """

    __slots__ = (
        "_ceiling",
        "_family",
        "_message",
        "_near",
        "_opened",
        "_policy",
        "_repeats_left",
        "_work",
        "answers",
        "complete",
        "tracer",
    )

    def __init__(
        self,
        family: int,
        message: Message,
        policy: Policy,
        tracer: Tracer | None = None,
        ceiling: int = 1 << 30,
        work: Effort | None = None,
    ) -> None:
        self._family = family
        self._message = message
        self._policy = policy
        self._ceiling = ceiling
        self._repeats_left = ceiling * REPEATS_PER_QUESTION
        self._work = work
        self._near: dict[tuple[Question, int], Ranges] = {}
        self._opened: dict[Question, Record | int] = {}
        self.answers: dict[Question, Reply] = {}
        self.complete = True
        self.tracer = tracer

    def known(self, question: Question, budget: Budget) -> Reply | None:
        """Charge for *question*; its reply where this evaluation has it, else `learn` what asking brings.

        The DNS is asked once an evaluation, so that its view of the DNS cannot change midway.
        """
        budget.question()
        reply = self.answers.get(question)
        if reply is not None:
            self._repeats_left -= 1
            if self.tracer is not None:
                self.tracer.asked(question, reply)
        if self._repeats_left < 0 or (reply is None and len(self.answers) >= self._ceiling):
            self.complete = False
            raise LimitExceededError(Cause.QUESTION_CEILING)
        return reply

    def learn(self, question: Question, reply: Reply) -> Reply:
        """Keep the *reply* that came."""
        self.answers[question] = reply
        if self.tracer is not None:
            self.tracer.asked(question, reply)
        return reply

    def evaluate(
        self,
        record: Record,
        domain: str,
        strand: Strand,
        stack: tuple[str, ...],
        steps: Sequence[Step | Run] | None = None,
    ) -> Generator[Question, Reply, list[Decided]]:
        """Sort the addresses of *strand* by what *record*, published at *domain*, says of them.

        *stack* holds the domains that led here, this one included. *steps* are those to go through, if not all.
        """
        level = Level(record, domain, stack)
        tracer = self.tracer
        strands: Sequence[Strand] = (strand,)
        for step in program(record, self._family, tracer is not None) if steps is None else steps:
            kind = step.kind
            following: list[Strand] = []
            for part in strands:
                if tracer is not None:
                    tracer.begin(domain, step.term, len(stack) - 1, len(level.decided))
                if self._work is not None:
                    self._work.spend(_CELLS, len(part.addresses))
                if isinstance(step, Run):
                    if leave_networks(level, step, part):
                        following.append(part)
                elif kind is _ALL:
                    level.matched(part, step.term)
                elif kind is _OTHER_FAMILY:
                    following.append(part)
                elif step.by_message and not self._is_known(step, part):
                    following += yield from self._unknown(level, step, part)
                elif step.of_record:
                    following += yield from self._policy_of(level, step, part)
                else:
                    following += yield from self._mechanism(level, step, part)
                if tracer is not None:
                    tracer.end(kind, level.decided, part.budget)
            if not following:
                return level.decided
            strands = following if len(following) == 1 else merged(following)
        # RFC 7208 4.7: nothing matched and there is no redirect.
        if tracer is not None:
            tracer.default(domain, len(stack) - 1, strands[0].budget)
        end = (level.step(None),)
        level.decided.extend(Decided(part, Result.NEUTRAL, Cause.DEFAULT, end) for part in strands)
        return level.decided

    def _is_known(self, step: Step, strand: Strand) -> bool:
        """Whether all that *step* depends on is known of every message from *strand*."""
        message = self._message
        if (step.by_local_part and message.sender is None) or (step.by_helo and message.helo is None):
            return False
        return not step.by_address or strand.single is not None

    def _unknown(self, level: Level, step: Step, strand: Strand) -> TermQuestions:
        """A term that depends on the message: asked about for each address of a small set, else marked as no match."""
        rest: list[Strand] = []
        if size(strand.addresses) <= SMALL_SET:
            singles = [strand.part(((address, address),)) for address in addresses(strand.addresses)]
            if self._is_known(step, singles[0]):
                evaluate = self._policy_of if step.of_record else self._mechanism
                for single in singles:
                    rest += yield from evaluate(level, step, single)
                return rest
        strand.depends = (*strand.depends, level.step(step.term))
        try:
            strand.budget.term()
            # The answer that does not match is a void one, except for the record of another domain.
            if not step.of_record:
                strand.budget.unanswerable()
        except LimitExceededError as error:
            return level.stopped(strand, step.term, error)
        return (strand,)

    def _mechanism(self, level: Level, step: Step, strand: Strand) -> TermQuestions:
        """The mechanisms a, mx, exists and ptr (RFC 7208 5.3 to 5.5, 5.7)."""
        try:
            strand.budget.term()
            question = step.question or (yield from self._question(step, level.domain, strand))
            if question is None:
                # RFC 7208 4.8 leaves it open: a name that macros made and that cannot exist is no match.
                return (strand,)
            match step.kind:
                case StepKind.A:
                    found = yield from self._records(question, strand.budget)
                    return self._leave(level, step, strand, question, found)
                case StepKind.MX:
                    return (yield from self._mx(level, step, strand, question))
                case StepKind.EXISTS:
                    matched = bool((yield from self._records(question, strand.budget)))
                case _:
                    matched = yield from self._ptr(question.name, strand)
        except (LimitExceededError, UnansweredError) as error:
            return level.stopped(strand, step.term, error)
        if matched:
            level.matched(strand, step.term)
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
        reply = self.known(question, budget) or self.learn(question, (yield question))
        records = reply.records
        if not records:
            if reply.failed:
                raise UnansweredError(question)
            budget.void(question, nxdomain=reply.nxdomain)
        return records

    def _leave(
        self, level: Level, step: Step, strand: Strand, question: Question, records: tuple[int, ...]
    ) -> Sequence[Strand]:
        """Take the addresses near *records*, the answer to *question*, off the strand; what is left of it."""
        if strand.single is not None:
            return leave_hosts(level, step, strand, records)
        near = self._near.get((question, step.prefix))
        if near is None:
            if self._work is not None:
                self._work.spend(_CELLS, len(records))
            near = self._near[question, step.prefix] = hosts(records, step.prefix, step.family)
        return leave_near(level, step, strand, near)

    def _mx(self, level: Level, step: Step, strand: Strand, question: Question) -> TermQuestions:
        """The mx mechanism (RFC 7208 5.4)."""
        records = yield from self._records(question, strand.budget)
        allowed = self._policy.mx_names
        # RFC 7208 4.6.4: the address lookups for the names of one mx are limited to ten, else permerror.
        if len(records) > allowed and self._policy.mx_excess_at_once:
            raise LimitExceededError(Cause.MX_LIMIT)
        # By preference and name, so that the order of an answer changes nothing.
        for _preference, exchange in sorted(records)[:allowed]:
            name = host_name(exchange)
            # RFC 7505: a null MX names no host, so there is nothing to ask.
            if name is None:
                continue
            asked = Question(name, _ADDRESS[self._family])
            found = yield from self._records(asked, strand.budget)
            if not self._leave(level, step, strand, asked, found):
                return ()
        if len(records) > allowed:
            raise LimitExceededError(Cause.MX_LIMIT)
        return (strand,)

    def _policy_of(self, level: Level, step: Step, strand: Strand) -> TermQuestions:
        """The record of another domain, for include (RFC 7208 5.2) or redirect (6.1)."""
        term = step.term
        is_include = step.kind is _INCLUDE
        try:
            strand.budget.term()
            question = step.question or (yield from self._question(step, level.domain, strand))
            if question is None:
                return (strand,) if is_include else level.permerror(strand, term, Cause.REDIRECT_NO_RECORD)
            target = question.name
            if self._policy.loops_end and target in level.stack:
                is_direct = is_include and target == level.domain
                return (strand,) if is_direct else level.permerror(strand, term, Cause.INCLUDE_LOOP)
            if len(level.stack) > DEEPEST:
                raise LimitExceededError(Cause.QUESTION_CEILING)
            found: Record | int = 0
            # RFC 7208 4.3: a single label is no domain to check.
            if "." in target:
                reply = self.known(question, strand.budget) or self.learn(question, (yield question))
                if not reply.records:
                    if reply.failed:
                        raise UnansweredError(question)
                    strand.budget.missing_record()
                known = self._opened.get(question)
                # One that is too large to be kept would be read again for each strand.
                found = self._opened[question] = published(reply.records) if known is None else known
        except (LimitExceededError, UnansweredError) as error:
            return level.stopped(strand, term, error)
        if isinstance(found, int):
            # 5.2, 6.1: no record is permerror, and so is more than one (4.5).
            missing = Cause.INCLUDE_NO_RECORD if is_include else Cause.REDIRECT_NO_RECORD
            return level.permerror(
                strand, term, Cause.MULTIPLE_RECORDS if found else missing, PathStep(target, None, None)
            )
        if found.problems:
            return level.permerror(strand, term, Cause.SYNTAX_ERROR, PathStep(target, found, None))
        rest: list[Strand] = []
        here: PathStep | None = None
        for inner in (yield from self.evaluate(found, target, strand, (*level.stack, target))):
            result = inner.result
            if is_include:
                if result is Result.PASS:
                    inner.result = term.result
                elif result is not Result.TEMPERROR and result is not Result.PERMERROR:
                    # 5.2: fail, softfail and neutral are "not match".
                    rest.append(inner.strand)
                    continue
            here = here or level.step(term)
            inner.path = (here, *inner.path)
            level.decided.append(inner)
        return rest

    def _ptr(self, target: str, strand: Strand) -> Generator[Question, Reply, bool]:
        """The ptr mechanism (RFC 7208 5.5): a validated name is the target or lies below it, label by label."""
        names = yield from self._validated_names(strand)
        return any(name == target or name.endswith(f".{target}") for name in names)

    def _validated_names(self, strand: Strand) -> Generator[Question, Reply, list[str]]:
        """The names of the strand's single address that resolve back to it (RFC 7208 5.5)."""
        address = strand.addresses[0][0]
        question = Question(reverse_name(address, self._family), Rtype.PTR)
        reply = self.known(question, strand.budget) or self.learn(question, (yield question))
        if not reply.records:
            # 5.5: "If a DNS error occurs while doing the PTR RR lookup, then this mechanism fails to match."
            if not reply.failed:
                strand.budget.void(question, nxdomain=reply.nxdomain)
            return []
        valid: list[str] = []
        # 4.6.4: of more than ten names the rest are ignored. Sorted, so that the order of an answer changes nothing.
        for name in sorted({name.lower().removesuffix(".") for name in reply.records})[: self._policy.ptr_names]:
            if host_name(name) is None:
                continue
            question = Question(name, _ADDRESS[self._family])
            reply = self.known(question, strand.budget) or self.learn(question, (yield question))
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
        names = yield from self._validated_names(strand)
        if domain in names:
            return domain
        below = [name for name in names if name.endswith(f".{domain}")]
        return (below or names or ["unknown"])[0]


# Global names are found faster than the attributes of an enum, and these are looked at for every step.
_ALL, _OTHER_FAMILY = StepKind.ALL, StepKind.OTHER_FAMILY
_INCLUDE: Final = StepKind.INCLUDE
_CELLS: Final = Measure.CELLS
_ADDRESS: Final = {4: Rtype.A, 6: Rtype.AAAA}
