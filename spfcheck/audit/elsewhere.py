"""The search for a record in the wrong place: asked beside a check that found none, and never in its way.

What does not come in time, or fails, is as if it were not there: nothing is said of it, and no verdict hangs on it.
Only the answers that something is concluded from become evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from spfcheck.audit.fetch import Sleep, Witness
from spfcheck.audit.judgement.places import (
    NOWHERE,
    Elsewhere,
    Guess,
    Place,
    above,
    candidates,
    has_no_mail,
    likely,
    likely_questions,
    placed,
    targets_of,
)
from spfcheck.names import registrable
from spfcheck.resolver.types import Answer, Lookup
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.rfc7208.record import spf_texts

__all__ = ["Ask", "Found", "ask_aside", "look_elsewhere"]

ASIDE_S: Final = 2.0
"""Seconds for which the answers are waited for at a time: they may explain a verdict that stands without them."""
DEPTH: Final = 3
"""Levels of includes behind which our own is looked for."""
WIDTH: Final = 10
"""Includes of one level that are looked at; more cannot be evaluated anyway (RFC 7208 4.6.4)."""

Ask = Callable[[Sequence[Question]], Awaitable[Mapping[Question, Answer]]]
"""What answers questions as far as it can; those that it cannot are left out."""


class Found(NamedTuple):
    """What was found elsewhere, and the answers that this rests on."""

    elsewhere: Elsewhere
    answers: Mapping[Question, Answer]


async def ask_aside(
    lookup: Lookup, witness: Witness, sleep: Sleep, questions: Sequence[Question]
) -> dict[Question, Answer]:
    """The answers to *questions* that *witness* has, or that come from *lookup* in time and within its ceiling."""
    found: dict[Question, Answer] = {}
    missing: list[Question] = []
    for question in questions:
        answer = witness.answers.get(question) or lookup.cached(question)
        if answer is None:
            missing.append(question)
        else:
            found[question] = answer
    asking = {asyncio.ensure_future(lookup.ask(one)): one for one in missing[: witness.reserve(len(missing))]}
    timer = asyncio.ensure_future(sleep(ASIDE_S))
    try:
        while asking and not timer.done():
            await asyncio.wait({*asking, timer}, return_when=asyncio.FIRST_COMPLETED)
            for task in [one for one in asking if one.done()]:
                found[asking.pop(task)] = task.result()
    finally:
        for left in (*asking, timer):
            left.cancel()
    return found


async def look_elsewhere(domain: str, judged: str, own: frozenset[str], *, exists: bool, ask: Ask) -> Found:
    """What stands elsewhere of the mail of *domain*, which is judged by *judged*, where nothing is published.

    *own* are our includes; *exists* says whether the judged name does.
    """
    names = candidates(judged, exists=exists)
    wanted = [Question(name, Rtype.TXT) for one in names for name in one]
    if registrable(judged) != judged:
        wanted.append(Question(registrable(judged), Rtype.TXT))
    if registrable(domain) != domain:
        wanted += likely_questions(domain)
    if not wanted:
        return Found(NOWHERE, {})
    answers = await ask(list(dict.fromkeys(wanted)))
    basis: dict[Question, Answer] = {}
    attempts, others = await _sorted(names, answers, own, judged, ask, basis)
    zone = registrable(judged)
    listed = await _leads_to_us(above(judged, answers), own, ask, basis)
    meant = "" if attempts else likely(domain, answers)
    if listed:
        _keep([Question(zone, Rtype.TXT)], answers, basis)
    if meant:
        _keep([Question(name, rtype) for name in (domain, meant) for rtype in (Rtype.TXT, Rtype.MX)], answers, basis)
    return Found(Elsewhere(tuple(attempts), tuple(others), zone if listed else "", meant), basis)


async def _sorted(
    names: Iterable[Guess],
    answers: Mapping[Question, Answer],
    own: frozenset[str],
    judged: str,
    ask: Ask,
    basis: dict[Question, Answer],
) -> tuple[list[Place], list[Place]]:
    """The places that name us, and the others; what they rest on goes into *basis*."""
    attempts: list[Place] = []
    others: list[Place] = []
    grounds: dict[str, dict[Question, Answer]] = {}
    for one in names:
        place = placed(one, answers, own, judged)
        if place is None:
            continue
        ground = grounds[place.name] = {}
        _keep([Question(name, Rtype.TXT) for name in one], answers, ground)
        (attempts if await _lists_us(place, own, ask, ground) else others).append(place)
    mail = [Question(place.name, Rtype.MX) for place in attempts]
    hosts = await ask(mail) if mail else {}
    # One that another includes is a part of that one, and stays where it is, as does the record of a mail domain.
    parts = {name for place in attempts for name in targets_of(place.texts) if name != place.name}
    for place in attempts:
        if not has_no_mail(place.name, hosts):
            parts |= await _read_by(place.texts, ask)
    attempts = [place for place in attempts if place.name not in parts and has_no_mail(place.name, hosts)]
    for place in (*attempts, *others):
        basis.update(grounds[place.name])
    _keep([Question(place.name, Rtype.MX) for place in attempts], hosts, basis)
    return attempts, others


async def _read_by(texts: Sequence[bytes], ask: Ask) -> set[str]:
    """The names whose records a receiver may come to read by *texts*, as far as they answer."""
    names = targets_of(texts)
    read: set[str] = set()
    for _ in range(DEPTH):
        fresh = [name for name in dict.fromkeys(names) if name not in read][:WIDTH]
        if not fresh:
            break
        read.update(fresh)
        answers = await ask([Question(name, Rtype.TXT) for name in fresh])
        names = targets_of([text for answer in answers.values() for text in spf_texts(answer)])
    return read


def _keep(questions: Iterable[Question], answers: Mapping[Question, Answer], basis: dict[Question, Answer]) -> None:
    """Take the answers to *questions* for evidence, failures aside."""
    for question in questions:
        answer = answers.get(question)
        if answer is not None and not answer.failed:
            basis[question] = answer


async def _lists_us(place: Place, own: frozenset[str], ask: Ask, basis: dict[Question, Answer]) -> bool:
    """Whether a text at *place* names us, or includes a record that does; that is evidence where it does."""
    return place.names_us or await _leads_to_us(place.texts, own, ask, basis)


async def _leads_to_us(texts: Sequence[bytes], own: frozenset[str], ask: Ask, basis: dict[Question, Answer]) -> bool:
    """Whether *texts* include us, themselves or by what they include; a misspelling of us is somebody else."""
    names = targets_of(texts, passing=True)
    seen: set[str] = set()
    found: dict[Question, Answer] = {}
    for _ in range(DEPTH):
        if not own.isdisjoint(names):
            basis.update(found)
            return True
        fresh = [name for name in dict.fromkeys(names) if name not in seen][:WIDTH]
        if not fresh:
            break
        seen.update(fresh)
        answers = await ask([Question(name, Rtype.TXT) for name in fresh])
        found.update((question, answer) for question, answer in answers.items() if answer.proven)
        names = targets_of(
            [text for answer in answers.values() if answer.proven for text in spf_texts(answer)], passing=True
        )
    return False
