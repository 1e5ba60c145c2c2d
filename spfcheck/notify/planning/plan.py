"""Plans a night: whom we would message and why, and why not the others. All but the last call is made."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from spfcheck.audit.report.catalogue import Code
from spfcheck.audit.report.model import Report, Status
from spfcheck.notify.audience.query import OF_THE_PERSON
from spfcheck.notify.audience.roster import FORMERLY, TAGGED, Gathered, Member, Members, Roster
from spfcheck.notify.guards import DAY, Guards
from spfcheck.notify.ledger.archive import Archive, DomainState, Sighting
from spfcheck.notify.ledger.ledger import Ledger
from spfcheck.notify.ledger.register import Told
from spfcheck.notify.ledger.restored import Restored
from spfcheck.notify.ledger.stops import Stops
from spfcheck.notify.model import Decision, Intent, MessageStep, NoticeState, OnProgress, PlanRow, Progress, Reason
from spfcheck.notify.planning import evidence
from spfcheck.notify.planning.brakes import in_stage
from spfcheck.notify.planning.checks import DomainChecks
from spfcheck.notify.planning.turns import Due, Turns
from spfcheck.store.database import WriterThread

BATCH = 500
"""Sightings written in one transaction."""

REMINDERS = ((MessageStep.DAY30, 30 * DAY), (MessageStep.DAY7, 7 * DAY))
"""After these times from the first message, latest first; then silence."""


@dataclass(slots=True)
class Tally:
    """The figures of a night, as they come up."""

    statuses: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    opinions: int = 0
    disagreements: int = 0
    asked_twice: int = 0
    resolver_disagreements: int = 0
    given_up: int = 0
    """Domains that no worker could check; DNS has not failed for them, so far as anybody knows."""

    def add(self, other: Tally) -> None:
        """Take in the figures of another part of the night."""
        self.statuses.update(other.statuses)
        for name in ("failed", "opinions", "disagreements", "asked_twice", "resolver_disagreements", "given_up"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the night found out about one domain that is not simply fine."""

    domain: str
    status: str
    fault: str
    remedy: str
    record: str
    report_id: str
    judgement: evidence.Judgement


class Examiner:
    """Checks domains, each once, a few at a time."""

    def __init__(
        self, checks: DomainChecks, guards: Guards, clock: Callable[[], float], ours: frozenset[str] = frozenset()
    ) -> None:
        self._checks = checks
        self._ours = ours
        self._guards = guards
        self._clock = clock
        self.tally = Tally()

    async def each(self, domains: Iterable[str]) -> AsyncIterator[tuple[Sighting, Examined | None]]:
        """What is seen of each of *domains*, as they finish, and what was found of those that are not simply fine."""
        async for report, judgement in self._verdicts(domains):
            fault = evidence.fault_of(report) if report.status is Status.ACTION_NEEDED else ""
            found = None if report.status is Status.OK else _examined(report, fault, judgement)
            yield Sighting(report.domain, report.status, fault), found

    async def _verdicts(self, domains: Iterable[str]) -> AsyncIterator[tuple[Report, evidence.Judgement]]:
        running: set[asyncio.Task[tuple[Report, evidence.Judgement]]] = set()
        try:
            for domain in domains:
                running.add(asyncio.create_task(self._verdict(domain)))
                if len(running) >= self._guards.concurrency:
                    finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in finished:
                        yield task.result()
            while running:
                finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()

    async def _verdict(self, domain: str) -> tuple[Report, evidence.Judgement]:
        report = await self._checks.night(domain, opinion=False)
        tally = self.tally
        tally.statuses[report.status] += 1
        tally.failed += report.status is Status.UNKNOWN
        if any(found.code == Code.TOO_COSTLY for found in report.findings):
            # The DNS has answered; what went unchecked is counted by itself.
            tally.failed -= 1
            tally.given_up += 1
        # The second engine costs several times ours: it is asked only where a message may follow.
        if report.status is Status.ACTION_NEEDED and report.remedy.value:
            report = await self._checks.night(domain, opinion=True)
            tally.opinions += report.opinion.asked
            tally.disagreements += report.opinion.result == "disagrees"
        judgement = evidence.judge(report, now=self._clock(), guards=self._guards)
        if judgement.reason is None:
            judgement = await self._whose(domain)
        if judgement.reason is None:
            second = await self._checks.second(domain)
            tally.asked_twice += second is not None
            judgement = evidence.confirm(report, second, now=self._clock(), guards=self._guards)
            tally.resolver_disagreements += judgement.reason is Reason.RESOLVERS_DIFFER
        return report, judgement

    async def _whose(self, domain: str) -> evidence.Judgement:
        """Whether its customer can be the one to repair *domain*, as far as its name tells."""
        if evidence.is_ours(domain, self._ours):
            return evidence.Judgement(Reason.OURS, Reason.OURS.sentence)
        site = evidence.site_of(domain)
        if not site:
            return evidence.Judgement(None)
        return evidence.of_site(await self._checks.night(site, opinion=False))


def _examined(report: Report, fault: str, judgement: evidence.Judgement) -> Examined:
    return Examined(
        domain=report.domain,
        status=report.status,
        fault=fault,
        remedy=report.remedy.kind,
        record=report.remedy.value,
        report_id=report.report_id,
        judgement=judgement,
    )


async def examine_all(
    examiner: Examiner,
    plan_id: str,
    roster: Roster,
    archive: Archive,
    write: WriterThread,
    clock: Callable[[], float],
    progress: OnProgress | None,
) -> list[Examined]:
    """Examine a whole roster and write down what was seen; what was found, in order of names."""
    found: list[Examined] = []
    total, done = roster.domain_count(), 0
    waiting: list[Sighting] = []
    async for sighting, examined in examiner.each(roster.domains()):
        done += 1
        waiting.append(sighting)
        if examined is not None:
            found.append(examined)
        if len(waiting) >= BATCH:
            await write(archive.see, plan_id, waiting, clock())
            waiting = []
        if progress:
            progress(Progress("domains", done, total, f"{sighting.domain}: {sighting.status}"))
    await write(archive.see, plan_id, waiting, clock())
    return sorted(found, key=lambda item: item.domain)


_NOT_TOLD = {
    NoticeState.REJECTED: Reason.API_REFUSED,
    NoticeState.UNCLEAR: Reason.UNCLEAR,
    NoticeState.SENDING: Reason.UNCLEAR,
}
"""Why a letter that is in hand told nobody anything, so far as is known."""


class Planner:
    """Turns what a night found into rows and intents; synchronous, runs in the writer thread."""

    def __init__(self, ledger: Ledger, archive: Archive, stops: Stops, guards: Guards, now: float) -> None:
        self._ledger = ledger
        self._archive = archive
        self._stops = stops
        self._guards = guards
        self._now = now
        gap = Restored(ledger).gap()
        self._vouches_from = gap.until if gap else 0.0
        self._turns = Turns(guards, now)
        self._letters: dict[tuple[str, MessageStep], Intent] = {}
        self._rows: list[PlanRow] = []

    def decide(self, examined: Sequence[Examined], roster: Members) -> tuple[list[PlanRow], list[Intent]]:
        """The rows of all domains that are not simply fine, and the letters that follow, in the order of sending."""
        states = self._archive.states([item.domain for item in examined])
        for item in examined:
            self._rows.append(self._row(item, states.get(item.domain, DomainState()), roster))
        if self._guards.thanks:
            unchecked = frozenset(i.domain for i in examined if i.judgement.reason is Reason.NOT_CHECKED)
            self._thank(roster, unchecked)
        return self._rows, self._order()

    def _row(self, item: Examined, state: DomainState, roster: Members) -> PlanRow:
        judgement = item.judgement
        if judgement.reason is None:
            judgement = evidence.seen_enough(state, item.fault, now=self._now, guards=self._guards)
        row = PlanRow(
            domain=item.domain,
            status=item.status,
            finding=item.fault,
            remedy=item.remedy,
            decision=Decision.LEFT_ALONE,
            reason=judgement.reason or "",
            detail=judgement.detail,
            persons=0,
            record=item.record,
            report_id=item.report_id,
        )
        return row if judgement.reason is not None else self._address(row, state, roster)

    def _address(self, row: PlanRow, state: DomainState, roster: Members) -> PlanRow:
        """Who of the domain's people gets which message, and why the others do not."""
        told = self._ledger.told(row.domain)
        held: Counter[str] = Counter()
        steps: Counter[str] = Counter()
        candidates: list[Due] = []
        for member, hashes in one_each(roster.members(row.domain), roster):
            step, reason = self._for_member(member, hashes, row.domain, state, told)
            if step is None:
                held[reason] += 1
            else:
                candidates.append(Due(member, step))
        taken = self._turns.take(candidates, told, state.episode)
        if len(taken) < len(candidates):
            held[Reason.OTHERS_FIRST] += len(candidates) - len(taken)
        for candidate in taken:
            self._add(candidate.member, row.domain, state.episode, candidate.step)
            steps[candidate.step] += 1
        if steps:
            first = min(steps, key=lambda name: list(MessageStep).index(MessageStep(name)))
            return replace(
                row, decision=Decision.MESSAGE, persons=steps.total(), held=dict(held), step=first, detail=""
            )
        reason = Reason(held.most_common(1)[0][0]) if held else Reason.ALREADY_TOLD
        return replace(row, reason=reason, detail=reason.sentence, held=dict(held))

    def _for_member(
        self, member: Member, hashes: frozenset[str], domain: str, state: DomainState, told: list[Told]
    ) -> tuple[MessageStep | None, str]:
        if member.hold:
            return None, member.hold
        if any(map(self._stops.suppressed, hashes)):
            return None, Reason.SUPPRESSED
        mine = [row for row in told if row.person in hashes]
        if member.tagged and not any(self._ledger.was_sent_to(person, self._vouches_from) for person in hashes):
            return None, Reason.NO_LEDGER_ROW
        if not in_stage(self._guards, domain, member.contact_id):
            return None, Reason.OUTSIDE_STAGE
        return self._step(state, mine)

    def _step(self, state: DomainState, mine: list[Told]) -> tuple[MessageStep | None, str]:
        here = {row.step: row for row in mine if row.episode == state.episode and row.in_hand}
        first = here.get(MessageStep.FIRST)
        if first is None:
            last = max((row.sent_at for row in mine), default=0.0)
            if last and self._now - last < self._guards.cool_off:
                return None, Reason.COOL_OFF
            return MessageStep.FIRST, ""
        if first.state is not NoticeState.SENT:
            return None, _NOT_TOLD.get(first.state) or first.reason or Reason.BY_HAND
        if not self._guards.reminders:
            return None, Reason.ALREADY_TOLD
        for step, after in REMINDERS:
            if self._now - first.sent_at >= after:
                # Only the latest step that is due: whoever missed the seventh day is not reminded twice in a row.
                return (None, Reason.ALREADY_TOLD) if step in here else (step, "")
        return None, Reason.ALREADY_TOLD

    def _thank(self, roster: Members, unchecked: frozenset[str]) -> None:
        for domain, episode in self._archive.thankable(self._now - 7 * DAY):
            if domain in unchecked:
                continue
            told = self._ledger.told(domain)
            here = [row for row in told if row.episode == episode]
            for member, hashes in one_each(roster.members(domain), roster):
                mine = [row for row in here if row.person in hashes]
                written = any(row.state is NoticeState.SENT for row in mine)
                thanked = any(row.step == MessageStep.THANKS and row.in_hand for row in mine)
                held = member.hold or any(map(self._stops.suppressed, hashes))
                if written and not thanked and not held and in_stage(self._guards, domain, member.contact_id):
                    self._add(member, domain, episode, MessageStep.THANKS)

    def _add(self, member: Member, domain: str, episode: int, step: MessageStep) -> None:
        key = (member.person, step)
        letter = self._letters.get(key)
        if letter is None:
            self._letters[key] = Intent(
                ref=new_ref(),
                person=member.person,
                contact_id=member.contact_id,
                step=step,
                domains=(domain,),
                episodes=(episode,),
                contacts=(member.contact_id,),
            )
        else:
            self._letters[key] = replace(
                letter,
                domains=(*letter.domains, domain),
                episodes=(*letter.episodes, episode),
                contacts=(*letter.contacts, member.contact_id),
            )

    def _order(self) -> list[Intent]:
        """First messages before reminders before thanks; one a person and night; then the ceiling."""
        rank = {step: number for number, step in enumerate(MessageStep)}
        letters = sorted(
            self._letters.values(), key=lambda letter: (rank[letter.step], letter.domains[0], letter.person)
        )
        ordered: list[Intent] = []
        seen: set[str] = set()
        room = self._guards.ceiling_per_run
        for letter in letters:
            waiting = ""
            if letter.person in seen:
                waiting = Reason.ONE_A_NIGHT
            elif room <= 0:
                waiting = Reason.CEILING
            else:
                room -= 1
            seen.add(letter.person)
            ordered.append(replace(letter, waiting=waiting))
        return ordered


def one_each(members: Sequence[Member], roster: Members) -> list[tuple[Member, frozenset[str]]]:
    """One contact for each person, the first that may be messaged, and every hash that the person may be known by.

    What any contact of the person says of consent, or shows of our tag, is said of that one, whatever domain it names.
    """
    by_person: dict[str, Member] = {}
    marks: dict[str, set[str]] = {}
    for member in members:
        known = by_person.get(member.person)
        if known is None or (known.hold and not member.hold):
            by_person[member.person] = member
        marks.setdefault(member.person, set()).update((member.hold, TAGGED if member.tagged else ""))
    for person, against in roster.against(by_person).items():
        marks[person].update(against)
    found: list[tuple[Member, frozenset[str]]] = []
    for person, member in by_person.items():
        hold = next((reason for reason in OF_THE_PERSON if reason in marks[person]), member.hold)
        former = {mark.removeprefix(FORMERLY) for mark in marks[person] if mark.startswith(FORMERLY)}
        found.append((member._replace(hold=hold, tagged=TAGGED in marks[person]), frozenset({person, *former})))
    return found


def new_ref() -> str:
    """A word that no message held before, found by search as one word."""
    return f"spfref{secrets.token_hex(8)}"


def new_plan_id() -> str:
    """The name of a plan, short enough to type."""
    return f"plan-{secrets.token_hex(5)}"


def totals(tally: Tally, gathered: Gathered, intents: list[Intent]) -> dict[str, int]:
    """The figures under a plan."""
    going = [intent for intent in intents if not intent.waiting]
    return {
        **{status.value: tally.statuses[status] for status in Status},
        "messages": len(going),
        "waiting": len(intents) - len(going),
        "people_messaged": len({intent.person for intent in going}),
        "contacts_without_domain": gathered.without_domain,
        "texts_refused": gathered.refusals,
        "kept_out_by_consent": gathered.kept_out,
        "asked_second_engine": tally.opinions,
        "not_checked": tally.given_up,
        "dns_failed": tally.failed,
    }
