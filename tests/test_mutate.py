"""The list of mutations fits the code: what it breaks is there, and so are the tests that have to notice."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.mutate.mutation import ROOT, Mutation, StaleError, rooms

LISTED = [mutation for mutations in rooms().values() for mutation in mutations]


@pytest.mark.parametrize("mutation", LISTED, ids=lambda mutation: mutation.name)
def test_each_stands_once_in_its_file_and_its_tests_exist(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text()
    mutated = mutation.applied(text)
    assert mutated != text
    ast.parse(mutated)
    assert mutation.tests
    for named in mutation.tests:
        file, _, test = named.partition("::")
        assert (ROOT / file).exists(), named
        if test:
            assert test.partition("[")[0] in _functions(file), named


def test_names_are_told_apart() -> None:
    names = Counter([*rooms(), *(mutation.name for mutation in LISTED)])
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize(("text", "times"), [("a = 2\n", 0), ("a = 1\na = 1\n", 2)])
def test_a_list_that_went_stale_is_an_error(text: str, times: int) -> None:
    stale = Mutation("one", "file.py", "a = 1", "a = 3", ())
    with pytest.raises(StaleError, match=rf"one: its text stands {times} times in file\.py"):
        stale.applied(text)


def _functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
