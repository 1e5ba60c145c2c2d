"""Addresses that are asked for a whole network: what they say of those that were not."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

SAMPLES = "spfcheck/audit/judgement/samples.py"
DEAR = ("tests/audit/judgement/test_verdict.py::test_a_network_whose_addresses_are_too_dear_to_ask_is_no_partial_one",)

MUTATIONS = (Mutation("the-set-guesses", SAMPLES, "if known or not sampled:", "if True:", DEAR),)
