"""The walls of the prover for plain records, each gone or lower by one."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

FILE = "spfcheck/audit/repair/proof_flat.py"
ALONE = ("tests/audit/repair/test_walls_flat.py::test_a_wall_refuses_with_all_others_off",)
EDGE = ("tests/audit/repair/test_walls_flat.py",)

MUTATIONS = (
    Mutation("plain-spaces-in-a-string", FILE, 'if any(one != one.strip(" ") for one', "if any(False for one", ALONE),
    Mutation("plain-first-record", FILE, "if beside != for_nobody(proposed.domain, trial.sure):", "if False:", ALONE),
    Mutation("plain-version", FILE, "proposed.text[:6] != base.text[:6] or ", "", ALONE),
    Mutation("plain-terms", FILE, " or _texts(base, ours) != _texts(proposed, ours)):", "):", ALONE),
    Mutation("plain-eleven-lookups", FILE, "if lookups > LOOKUPS:", "if lookups > LOOKUPS + 1:", ALONE),
    Mutation("plain-nine-lookups", FILE, "if lookups > LOOKUPS:", "if lookups >= LOOKUPS:", EDGE),
    Mutation(
        "plain-ours-by-other-terms",
        FILE,
        "if [place for place, _ in touching(trial.proposed, trial.ours)] != [place for place, _ in trial.own]:",
        "if False:",
        ALONE,
    ),
    Mutation("plain-ours-not-read", FILE, "if not trial.own:", "if False:", ALONE),
    Mutation(
        "plain-more-than-allowed",
        FILE,
        "if any(known.passing[family] != sender.allowed[family] for family in FAMILIES):",
        "if False:",
        ALONE,
    ),
    Mutation("plain-stopped-at-ours", FILE, "stop.index <= place:", "stop.index < place:", ALONE),
    Mutation("plain-stopped-before-ours", FILE, "stop.index <= place:", "stop.index == place:", ALONE),
    Mutation(
        "plain-several-of-ours", FILE, "if len(trial.own) > 1 or len(trial.ours.senders) > 1:", "if False:", ALONE
    ),
    Mutation(
        "plain-nobody-else",
        FILE,
        "if _others(base, family, trial.ours) != _others(trial.proposed, family, trial.ours):",
        "if False:",
        ALONE,
    ),
    Mutation("plain-others-without-limits", FILE, "None if stop is None else stop.cause.value", "None", ALONE),
)
