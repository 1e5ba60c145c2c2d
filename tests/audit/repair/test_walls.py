"""Each wall of the prover by itself: with all others switched off it refuses its own sabotage, and nothing sound."""

from __future__ import annotations

import pytest

from spfcheck.audit.repair.case import Case
from spfcheck.audit.repair.proof import WALLS, Proof, Proposal, Refusal, prove
from spfcheck.audit.repair.trial import Wall
from tests.audit.repair.sabotages import SABOTAGES, SOUND, Sabotage

BY_NAME = {wall.name: wall for wall in WALLS}


def named(sabotage: Sabotage) -> str:
    return f"{sabotage.refusal[0]} {sabotage.wall}: {(sabotage.value or sabotage.sound)[:60]}".strip(" :")


def stands(case: Case, proposal: Proposal, *walls: Wall) -> Proof | Refusal:
    return prove(case, proposal, walls=walls)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=named)
def test_a_wall_refuses_with_all_others_off(sabotage: Sabotage) -> None:
    case = sabotage.case()
    refused = stands(case, sabotage.proposal(case, sabotage.value, sabotage.delete), BY_NAME[sabotage.wall])
    assert isinstance(refused, Refusal), refused
    assert (refused.invariant, refused.why) == sabotage.refusal


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=named)
def test_the_prover_refuses_it_as_well(sabotage: Sabotage) -> None:
    case = sabotage.case()
    proposal = sabotage.proposal(case, sabotage.value, sabotage.delete)
    assert isinstance(prove(case, proposal), Refusal)
    assert isinstance(prove(case, proposal, by_parts=False), Refusal)


@pytest.mark.parametrize("sabotage", [one for one in [*SABOTAGES, *SOUND] if one.sound], ids=named)
def test_what_is_sound_passes_every_wall(sabotage: Sabotage) -> None:
    case = sabotage.case()
    proposal = sabotage.proposal(case, sabotage.sound)
    assert isinstance(prove(case, proposal), Proof), prove(case, proposal)
    whole = prove(case, proposal, by_parts=False)
    assert isinstance(whole, Proof), whole
    for wall in WALLS:
        assert isinstance(stands(case, proposal, wall), Proof), wall.name


def test_every_wall_has_sabotages() -> None:
    assert len(BY_NAME) == len(WALLS)
    for name in BY_NAME:
        assert sum(one.wall == name for one in SABOTAGES) >= 2, name


def test_a_refusal_for_the_count_says_how_many() -> None:
    """A proposer can then tell how far over it is."""
    for wall in ("lookups", "no-loop"):
        sabotage = next(one for one in SABOTAGES if one.wall == wall)
        case = sabotage.case()
        refused = stands(case, sabotage.proposal(case, sabotage.value), BY_NAME[wall])
        assert isinstance(refused, Refusal)
        assert refused.lookups is not None
        assert refused.lookups > 10
