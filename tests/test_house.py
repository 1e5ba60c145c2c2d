"""The rules of the house that a machine can hold us to."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted((ROOT / "spfcheck").rglob("*.py"))
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

DNS_DOORS = {"spfcheck/resolver/transport.py", "spfcheck/resolver/authoritative.py"}
"""The one room that asks over the network, and the server that answers for the demo and the tests."""


def calls(path: Path) -> set[str]:
    """The names of all functions and methods that a module calls."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            target = node.func
            names.add(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return names


def test_only_the_transport_opens_dns_sockets() -> None:
    doors = {
        str(path.relative_to(ROOT))
        for path in PRODUCT
        if calls(path) & {"create_datagram_endpoint", "open_connection", "SOCK_DGRAM"}
    }
    assert doors <= DNS_DOORS


def test_locks_name_packages_and_hashes_but_no_index() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text), lock.name
        requirements = re.findall(r"^[a-z0-9][^\n]*==", text, re.MULTILINE)
        assert requirements, lock.name
        for block in re.split(r"\n(?=[a-z0-9])", text.strip()):
            assert "--hash=sha256:" in block, f"{lock.name}: {block.splitlines()[0]} has no hash"


def test_every_run_time_dependency_is_declared_and_locked() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = (ROOT / "requirements/run.txt").read_text()
    for requirement in declared:
        name = re.split(r"[<>=!~; ]", requirement)[0]
        assert re.search(rf"^{re.escape(name)}==", locked, re.MULTILINE | re.IGNORECASE), name


@pytest.mark.parametrize("pattern", [r"(?<![\w.-])/(home|root|work)/[a-z]", r"\bTODO\b", r"\bFIXME\b"])
def test_nothing_committed_names_a_machine_or_leaves_a_task_behind(pattern: str) -> None:
    found = []
    for name in TRACKED:
        path = ROOT / name
        if path == Path(__file__) or not path.is_file() or path.suffix in {".svg", ".png", ".woff2"}:
            continue
        if re.search(pattern, path.read_text(errors="replace")):
            found.append(name)
    assert not found


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in PRODUCT if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_every_public_class_has_a_name_of_its_own() -> None:
    homes: dict[str, list[str]] = {}
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


SAME_FILE_NAME = {
    "__init__.py": "every room has one",
    "check.py": "one check by what is remembered, and spfcheck check",
    "checks.py": "domains checked for a night, and for the service: each over its own limits",
    "client.py": "the main app's, which is imported as spfcheck.client, and the messaging API's",
    "desk.py": "what a person does beside the nights, and the commands for it",
    "drive.py": "the same evaluation run by function and by lookup",
    "env.py": "Alembic's own name",
    "evidence.py": "the field's word for both: the answers behind a report, and what warrants a message",
    "keys.py": "the keys, and spfcheck keys",
    "message.py": "the one that SPF judges, and the one that a customer gets",
    "metrics.py": "what the service counts, and what the notifier does",
    "model.py": "the facts of a report, and those of a night",
    "plan.py": "the plan of a night, and of an evaluation",
    "record.py": "a record as the grammar reads it, and as address ranges",
    "roster.py": "the audience of a night on one machine, and shared by many",
    "senders.py": "what a sender is, and our senders as they are now",
    "tables.py": "each database has its own",
    "worker.py": "the worker, and spfcheck worker",
}
"""File names that several rooms may have, each with its reason."""


def test_a_file_name_stands_once_or_has_a_reason() -> None:
    times = Counter(path.name for path in PRODUCT)
    assert {name for name, count in times.items() if count > 1} == set(SAME_FILE_NAME)


CIRCLES = {
    ("spfcheck.resolver.exchange", "spfcheck.resolver.transport"): "an exchange and its socket call each other",
}
"""Modules that may import each other, types and imports inside functions included, each with its reason."""


def imports(modules: dict[str, Path]) -> dict[str, set[str]]:
    """What each of *modules* imports of them, wherever in its text: for types only and inside functions, too."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                wanted = [f"{node.module}.{alias.name}" for alias in node.names]
                graph[name].update(one if one in modules else node.module for one in wanted)
            elif isinstance(node, ast.Import):
                graph[name].update(alias.name for alias in node.names)
        graph[name] = graph[name] & modules.keys() - {name}
    return graph


def circles(graph: dict[str, set[str]]) -> set[tuple[str, ...]]:
    """The sets of modules that lead to each other."""
    reached: dict[str, set[str]] = {}
    for name in graph:
        seen: set[str] = set()
        todo = [name]
        while todo:
            new = graph[todo.pop()] - seen
            seen |= new
            todo.extend(new)
        reached[name] = seen
    return {
        tuple(sorted(other for other in seen if name in reached[other]))
        for name, seen in reached.items()
        if name in seen
    }  # fmt: skip


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {("b", "c")}
    assert circles({"a": {"b"}, "b": set()}) == set()


def test_no_module_imports_what_imports_it() -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PRODUCT}
    graph = imports({name.removesuffix(".__init__"): path for name, path in modules.items()})
    assert sum(map(len, graph.values())) > len(modules)
    assert circles(graph) == set(CIRCLES)


def test_what_is_left_uncompiled_is_there_and_has_a_reason() -> None:
    declared = ast.parse((ROOT / "setup.py").read_text())
    (left,) = [
        ast.literal_eval(node.value)
        for node in declared.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "LEFT"  # type: ignore[attr-defined]
    ]
    assert {name for name in left if not (ROOT / "spfcheck" / name).exists()} == set()
    assert all(left.values())
