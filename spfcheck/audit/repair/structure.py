"""The walls of a record's own words: what it says and costs beside what the owner meant (repair, section A).

*Insertion*: one of our includes, which holds plain networks only (I0), never matches outside what it authorises and
never errs, so it leaves every other term the same answers in the same order; only the count of lookups moves.
*Deletion*: a term that asks what an earlier one asked, one after ``all``, and a redirect beside ``all`` can never
decide. What the lemmas say holds for every address and every message, macros and ``ptr`` included.
"""

from __future__ import annotations

from typing import Final

from spfcheck.audit.judgement.tree import RecordState
from spfcheck.audit.repair.certificates import obstacle
from spfcheck.audit.repair.claims import LOOKUPS, for_nobody
from spfcheck.audit.repair.deletion import deletable
from spfcheck.audit.repair.meant import NoBase, Origin, base_of
from spfcheck.audit.repair.trial import Refused, Trial, Wall
from spfcheck.audit.report.strings import split_strings
from spfcheck.audit.text.addresses import WIDEST_V4, WIDEST_V6
from spfcheck.audit.text.terms import ends_in, is_own
from spfcheck.rfc7208.record import Result, live_terms, parse

__all__ = ["BY_STRUCTURE", "form"]


def _ready(trial: Trial) -> None:
    """I0: our includes hold plain networks only."""
    if not trial.case.ours.ready:
        raise Refused("I0", "Our own includes are not known to be plain networks.")


def _editable(trial: Trial) -> None:
    """I8: the owner of the domain can publish at that name."""
    certificate = obstacle(trial.case, trial.proposal.name)
    if certificate is not None:
        raise Refused("I8", f"Nothing can be published there ({certificate['reason']}).")


def _text(trial: Trial) -> None:
    """I5 of the text alone."""
    text = trial.text
    if not text.isascii() or text != text.strip(" "):
        raise Refused("I5", "The record is not plain text, or begins or ends with a space.")
    if any(one != one.strip(" ") for one in split_strings(text)):
        raise Refused("I5", "The record cannot be split into character-strings.")


def _alone(trial: Trial) -> None:
    """I5: nothing else stays published beside the record (RFC 7208 4.5)."""
    going = set(trial.proposal.delete)
    if any(raw.decode("latin-1") not in going for raw in trial.case.texts):
        raise Refused("I5", "An SPF record would stay beside the proposed one.")


def _one_reading(trial: Trial) -> None:
    """I8: there is a text that the owner meant, or none at all."""
    if isinstance(base_of(trial.case), NoBase):
        raise Refused("base", "What is published has no single reading.")


def _width(trial: Trial) -> None:
    """I3: what was mended authorises nothing wide."""
    for change in trial.base.changes if trial.base is not None else ():
        for term in parse(f"v=spf1 {change.becomes}").terms:
            if term.network is not None and (term.cidr4 < WIDEST_V4 or term.cidr6 < WIDEST_V6):
                raise Refused("I3", f"{term.text} was mended and is too wide.")


def form(trial: Trial) -> None:
    """I5: the record can be read."""
    if not trial.new.valid:
        raise Refused("I5", f"The record does not parse: {trial.new.problems[0].detail}.")


def _publishable(trial: Trial) -> None:
    """P: where nothing is published, the recognised provider or the mail hosts pass beside us, and nobody else."""
    case, new = trial.case, trial.new
    if base_of(case) is not None:
        return
    own = case.ours.names
    others = [term for term in new.terms if not (is_own(term, own) and term.result is Result.PASS)]
    if new.all_term is None or others[-1] is not new.all_term:
        raise Refused("P", "The record must end in all.")
    wanted, end = for_nobody(case.domain, case.sure)
    if [term.text for term in others[:-1]] != wanted:
        raise Refused("P", f"Beside us the record must list {' '.join(wanted) or 'nobody'}.")
    if new.all_term.result is not end:
        raise Refused("P", f"The record must say {end.value} of everyone else.")


def _not_everybody(trial: Trial) -> None:
    """I3: where the base is not what is published, it does not authorise everybody."""
    base = trial.base
    if base is not None and base.origin is not Origin.PUBLISHED and ends_in(base.record) is Result.PASS:
        raise Refused("I3", "The record authorises everybody, and is not what is published.")


def _version(trial: Trial) -> None:
    """I7: the version stays byte for byte."""
    if trial.base is not None and trial.text[:6] != trial.base.text[:6]:
        raise Refused("I7", "The version was changed.")


def _not_denied(trial: Trial) -> None:
    """I2: the owner did not mean to turn us away."""
    base, own = trial.base, trial.case.ours.names
    for term in live_terms(base.record) if base is not None else ():
        if is_own(term, own) and term.result is Result.FAIL:
            raise Refused("I2", f"{term.text} turns our servers away by name.")


def _own_authorise(trial: Trial) -> None:
    """I7: what is added of ours is added to authorise us."""
    base, own = trial.base, trial.case.ours.names
    old = {term.text for term in base.record.terms} if base is not None else set()
    for term in trial.new.terms:
        if is_own(term, own) and term.result is not Result.PASS and term.text not in old:
            raise Refused("I7", f"{term.text} is new and does not authorise.")


def _nothing_added(trial: Trial) -> None:
    """I7: the other terms are those of the base, in its order, byte for byte."""
    if trial.base is not None:
        trial.compare(trial.base.record)
        if trial.stranger is not None:
            raise Refused("I7", f"{trial.stranger.text} is not in the record that is meant, or not at that place.")


def _nothing_lost(trial: Trial) -> None:
    """I2 by the deletion lemma: what is left out can never decide."""
    base = trial.base
    if base is not None:
        dead = {id(term) for term in deletable(base.record, trial.case.domain)}
        for term in trial.compare(base.record):
            if id(term) not in dead:
                raise Refused("I2", f"{term.text} was dropped, and may decide.")


def _no_loop(trial: Trial) -> None:
    """I4: the tree ends."""
    if any(use.state is RecordState.LOOP for use in trial.found.uses):
        raise Refused("loop", "The record leads back to itself.", trial.found.lookups)


def _lookups(trial: Trial) -> None:
    """I4 for the whole tree: no path costs more than ten lookups (RFC 7208 4.6.4)."""
    lookups = trial.found.lookups
    if lookups > LOOKUPS:
        raise Refused("I4", f"The record would need {lookups} of {LOOKUPS} lookups.", lookups)


def _answered(trial: Trial) -> None:
    """I4 is counted on answers."""
    for question in trial.found.failed:
        raise Refused("unknown", f"The DNS did not answer for {question.name}.")


def _counted(trial: Trial) -> None:
    """I4 is counted to the end."""
    if trial.found.at_least:
        raise Refused("unknown", "The include tree is too large to be counted.")


BY_STRUCTURE: Final = (
    Wall("ready", _ready, early=True),
    Wall("editable", _editable, early=True),
    Wall("text", _text, early=True),
    Wall("alone", _alone, early=True),
    Wall("one-reading", _one_reading, early=True),
    Wall("width", _width, early=True),
    Wall("form", form),
    Wall("publishable", _publishable),
    Wall("not-everybody", _not_everybody),
    Wall("version", _version),
    Wall("not-denied", _not_denied),
    Wall("own-authorise", _own_authorise),
    Wall("nothing-added", _nothing_added),
    Wall("nothing-lost", _nothing_lost),
    Wall("no-loop", _no_loop),
    Wall("lookups", _lookups),
    Wall("answered", _answered),
    Wall("counted", _counted),
)
"""In the order in which they refuse: the cheapest first."""
