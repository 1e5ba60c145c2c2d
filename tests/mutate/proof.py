"""The walls of the prover, each gone or lower by one, where nothing else stands in its place."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

STRUCTURE = "spfcheck/audit/repair/structure.py"
SETS = "spfcheck/audit/repair/sets.py"
WORLD = "spfcheck/audit/repair/world.py"
PROOF = "spfcheck/audit/repair/proof.py"
TRIAL = "spfcheck/audit/repair/trial.py"
ALONE = ("tests/audit/repair/test_walls.py::test_a_wall_refuses_with_all_others_off",)
SOUND = ("tests/audit/repair/test_walls.py::test_what_is_sound_passes_every_wall",)
EVERYBODY = ("tests/wild/test_everybody.py",)
WHOLE = ("tests/audit/repair/test_walls.py::test_the_prover_refuses_it_as_well",)


def _off(name: str, file: str, condition: str) -> Mutation:
    """The wall whose *condition* refuses, gone."""
    return Mutation(name, file, condition, "if False:", ALONE)


MUTATIONS = (
    # I0, I8, I5
    _off("our-include-may-be-anything", STRUCTURE, "if not trial.case.ours.ready:"),
    _off("any-name-is-editable", STRUCTURE, "if certificate is not None:"),
    _off("any-reading-will-do", STRUCTURE, "if isinstance(base_of(trial.case), NoBase):"),
    _off("any-text-will-do", STRUCTURE, 'if not text.isascii() or text != text.strip(" "):'),
    Mutation("any-bytes-will-do", STRUCTURE, "not text.isascii() or text", "text", ALONE),
    Mutation("spaces-at-the-ends", STRUCTURE, ' or text != text.strip(" "):', ":", ALONE),
    _off("spaces-in-a-string-of-their-own", STRUCTURE, 'if any(one != one.strip(" ") for one in split_strings(text)):'),
    Mutation("a-record-beside-it", STRUCTURE, "not in going for raw", "is None for raw", ALONE),
    _off("what-does-not-parse", STRUCTURE, "if not trial.new.valid:"),
    # I3
    Mutation("any-width-of-ip4", STRUCTURE, "term.cidr4 < WIDEST_V4 or ", "", ALONE),
    Mutation("any-width-of-ip6", STRUCTURE, " or term.cidr6 < WIDEST_V6", "", ALONE),
    Mutation("narrower-than-wide-ip4", STRUCTURE, "term.cidr4 < WIDEST_V4", "term.cidr4 <= WIDEST_V4", SOUND),
    Mutation("narrower-than-wide-ip6", STRUCTURE, "term.cidr6 < WIDEST_V6", "term.cidr6 <= WIDEST_V6", SOUND),
    Mutation("mended-to-pass-all", STRUCTURE, "ends_in(base.record) is Result.PASS:", "False:", ALONE),
    Mutation("published-pass-all", STRUCTURE, "base.origin is not Origin.PUBLISHED and ", "", SOUND),
    Mutation("the-whole-world", WORLD, "    if terms:\n        raise", "    if False:\n        raise", ALONE),
    Mutation(
        "the-whole-world-as-published", WORLD, "    if base.origin is Origin.PUBLISHED:", "    if False:", EVERYBODY
    ),
    Mutation("the-whole-world-today", WORLD, "if not _is_open_today(case, family):", "if True:", EVERYBODY),
    # P
    Mutation("first-record-without-end", STRUCTURE, " or others[-1] is not new.all_term:", ":", ALONE),
    _off("first-record-for-anybody", STRUCTURE, "if [term.text for term in others[:-1]] != wanted:"),
    _off("first-record-with-another-end", STRUCTURE, "if new.all_term.result is not end:"),
    Mutation("first-record-with-more-behind", PROOF, "        if unread:\n", "        if False:\n", WHOLE),
    # I7
    Mutation("any-version", STRUCTURE, "trial.text[:6] != trial.base.text[:6]", "False", ALONE),
    Mutation("ours-that-do-not-authorise", STRUCTURE, "term.text not in old:", "False:", ALONE),
    Mutation(
        "ours-as-they-were",
        STRUCTURE,
        "term.result is not Result.PASS and term.text not in old",
        "term.result is not Result.PASS",
        SOUND,
    ),
    _off("terms-added", STRUCTURE, "if trial.stranger is not None:"),
    Mutation(
        "terms-in-any-case",
        TRIAL,
        "given[position].text == term.text",
        "given[position].text.lower() == term.text.lower()",
        ALONE,
    ),
    # I2 by the lemmas
    Mutation("denied-by-name", STRUCTURE, "is_own(term, own) and term.result is Result.FAIL", "False", ALONE),
    _off("terms-dropped", STRUCTURE, "if id(term) not in dead:"),
    # I4
    _off("loops", STRUCTURE, "if any(use.state is RecordState.LOOP for use in trial.found.uses):"),
    Mutation("eleven-lookups", STRUCTURE, "if lookups > LOOKUPS:", "if lookups > LOOKUPS + 1:", ALONE),
    Mutation("nine-lookups", STRUCTURE, "if lookups > LOOKUPS:", "if lookups >= LOOKUPS:", SOUND),
    Mutation("without-answers", STRUCTURE, "for question in trial.found.failed:", "for question in ():", ALONE),
    _off("counted-in-part", STRUCTURE, "if trial.found.at_least:"),
    # I1
    Mutation("ours-not-read", SETS, "if not own and (base is None", "if False and (base is None", ALONE),
    _off("ours-that-fail", SETS, "if cell.result is not Result.PASS:"),
    _off("ours-without-answers", SETS, "if cell.result is Result.TEMPERROR:"),
    Mutation("ours-behind-a-question", SETS, "term.name not in _MESSAGE_TERMS or ", "", ALONE),
    Mutation(
        "ours-behind-a-no",
        SETS,
        "if term is None or term.name not in _MESSAGE_TERMS or term.result is not Result.PASS:",
        "if term is None or term.name not in _MESSAGE_TERMS:",
        ALONE,
    ),
    _off("ours-behind-a-host-turned-away", SETS, "if term.network is None and term.result is not Result.PASS:"),
    Mutation("ours-behind-a-network", SETS, "if term.network is None and term", "if term", SOUND),
    Mutation("terms-behind-ours", SETS, "if own and term is own[0]:", "if False:", SOUND),
    Mutation(
        "networks-that-fail",
        SETS,
        "if any(cell.result is not Result.PASS for cell in parts.cells):",
        "if False:",
        ALONE,
    ),
    Mutation("only-ours-that-are-named", SETS, "if sender.include in names:", "if True:", SOUND),
    # I2 by sets
    Mutation(
        "nobody-else-by-sets",
        SETS,
        "if any(after.having(result) != before.having(result) for result in Result):",
        "if False:",
        ALONE,
    ),
    _off("nobody-else-by-cause", SETS, "if old.cause not in _LIMIT_CAUSES:"),
    Mutation(
        "nobody-else-without-limits",
        SETS,
        "if subtract(normalise(parts), lifted.having(result)):",
        "if False:",
        ALONE,
    ),
    # I6
    Mutation("new-errors", SETS, "if use.state is not RecordState.RECORD and (", "if False and (", ALONE),
    Mutation("old-errors", SETS, " and (use.target, use.state) not in known:", ":", SOUND),
    # What a proof by parts rests on
    Mutation("a-subset-of-walls-by-parts", PROOF, "by_parts and walls is WALLS", "by_parts", ALONE),
    Mutation("parts-before-all-early-walls", PROOF, "if by_parts and not wall.early:", "if by_parts:", WHOLE),
    Mutation(
        "another-tail",
        PROOF,
        "if _unread(case, base.record) != _unread(case, trial.new):",
        "if False:",
        WHOLE,
    ),
)
