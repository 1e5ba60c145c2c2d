"""The files under deploy/: each is what its tool takes, they name each other rightly, and every setting exists."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from spfcheck.resolver.authoritative import serve
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.types import Outcome
from spfcheck.resolver.zone import Zone
from spfcheck.rfc7208.lookup import Question, Rtype
from spfcheck.settings import CONFIG_VARIABLE, SECRETS_VARIABLE, known_variables
from tests.api.running import free_port

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
KUBERNETES: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def checkconf(*arguments: str) -> str:
    command = shutil.which("unbound-checkconf") or "/usr/sbin/unbound-checkconf"
    if not Path(command).exists():
        pytest.skip("UNBOUND IS NOT INSTALLED: deploy/unbound.conf was not checked")
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("interface", "127.0.0.1"), ("access-control", "127.0.0.0/8 allow"), ("module-config", "validator iterator"),
        ("serve-expired", "no"), ("val-permissive-mode", "no"), ("prefetch", "yes"), ("edns-buffer-size", "1232"),
        ("qname-minimisation", "yes"), ("cache-max-ttl", "3600"), ("cache-max-negative-ttl", "300"), ("ede", "yes"),
        ("do-not-query-localhost", "yes"), ("private-address", ""), ("forward-zone", ""),
    ],
)  # fmt: skip
def test_the_resolver_is_what_the_verdicts_rest_on(option: str, value: str) -> None:
    path = str(DEPLOY / "unbound.conf")
    if option == "forward-zone":
        assert not re.search(r"^\s*(forward|stub|auth)-zone:", Path(path).read_text(), re.MULTILINE)
    else:
        assert checkconf("-o", option, path) == value


def test_unbound_takes_its_settings_alone_and_for_compose(tmp_path: Path) -> None:
    assert "no errors" in checkconf(str(DEPLOY / "unbound.conf"))
    moved = (DEPLOY / "unbound-compose.conf").read_text().replace("/etc/spfcheck", str(DEPLOY))
    (tmp_path / "unbound.conf").write_text(moved)
    assert "no errors" in checkconf(str(tmp_path / "unbound.conf"))


def containers() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for document in KUBERNETES:
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec).get("template", {}).get("spec")
        if spec:
            every = spec["containers"] + spec.get("initContainers", [])
            found += [(document["metadata"]["name"], container) for container in every]
    return found


def test_every_variable_in_them_is_a_setting() -> None:
    known = {*known_variables(), CONFIG_VARIABLE, SECRETS_VARIABLE}
    text = "".join(path.read_text() for path in DEPLOY.iterdir())
    named = set(re.findall(r"\bSPFCHECK_[A-Z_]+", text))
    assert named
    assert named <= known


def test_the_resolver_is_asked_where_it_listens() -> None:
    port = checkconf("-o", "port", str(DEPLOY / "unbound.conf"))
    config = KUBERNETES[0]["data"]["spfcheck.toml"]
    assert f'nameservers = ["127.0.0.1:{port}"]' in config
    address = COMPOSE["services"]["resolver"]["networks"]["inside"]["ipv4_address"]
    assert COMPOSE["x-spfcheck"]["environment"]["SPFCHECK_NAMESERVERS"] == f"{address}:{port}"
    assert f"interface: {address}" in (DEPLOY / "unbound-compose.conf").read_text()


def test_whatever_asks_the_dns_has_the_resolver_beside_it_and_no_rights() -> None:
    roles = {"spfcheck", "spfcheck-night", "spfcheck-worker"}
    assert {name for name, _ in containers()} == {*roles, "spfcheck-prune"}
    assert {name for name, container in containers() if container["name"] == "resolver"} == roles
    for name, container in containers():
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"], name
        assert rights["capabilities"] == {"drop": ["ALL"]}, name
    commands = {name: container["args"] for name, container in containers() if "args" in container}
    assert commands["spfcheck-worker"] == ["worker"]
    assert commands["spfcheck-prune"] == ["db", "prune"]
    assert COMPOSE["services"]["worker"]["command"] == ["worker"]
    for name, service in COMPOSE["services"].items():
        if name != "postgres":  # its image begins as root to own its volume
            assert service["cap_drop"] == ["ALL"], name


@contextlib.contextmanager
def unbound(folder: Path, authority: int) -> Iterator[int]:
    """A real Unbound by our settings, which asks the server at port *authority* for example; its own port."""
    command = shutil.which("unbound") or "/usr/sbin/unbound"
    if not Path(command).exists():
        pytest.skip("UNBOUND IS NOT INSTALLED: deploy/unbound.conf was not run")
    port = free_port()
    text = (DEPLOY / "unbound.conf").read_text()
    text = re.sub(r"\n    port: \d+", f"\n    port: {port}", text).replace("control-enable: yes", "control-enable: no")
    (folder / "unbound.conf").write_text(
        f"{text}\nserver:\n    do-not-query-localhost: no\n    domain-insecure: example.\n"
        f"    local-zone: example. nodefault\nstub-zone:\n    name: example.\n    stub-addr: 127.0.0.1@{authority}\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([command, "-d", "-c", folder / "unbound.conf"], stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def ask(resolver: Resolver, name: str, *, until: bool = False) -> Outcome:
    """What becomes of a TXT question; with *until*, asked again while the resolver starts."""
    ends = time.monotonic() + 10
    while True:
        outcome = (await resolver.with_deadline(fresh=True).ask(Question(name, Rtype.TXT))).outcome
        if outcome is Outcome.OK or not until or time.monotonic() > ends:
            return outcome
        await asyncio.sleep(0.1)


async def test_the_resolver_answers_and_gives_nothing_that_has_run_out(tmp_path: Path) -> None:
    zone = Zone.parse('fine.example 2 TXT "v=spf1 -all"\ninside.example A 10.1.2.3')
    async with serve(zone) as authority:
        with unbound(tmp_path, authority.port) as port:
            async with Resolver([("127.0.0.1", port)]) as resolver:
                assert await ask(resolver, "fine.example", until=True) is Outcome.OK, (tmp_path / "log").read_text()
                assert await ask(resolver, "missing.example") is Outcome.NXDOMAIN
                inside = await resolver.with_deadline().ask(Question("inside.example", Rtype.A))
                assert inside.records, "an address of a machine inside is what the record means"
                authority.zone = Zone.parse("fine.example TXT SERVFAIL\nmissing.example TXT SERVFAIL")
                await asyncio.sleep(4.0)  # Unbound counts whole seconds
                # An older answer would be a verdict on a domain as it was.
                assert await ask(resolver, "fine.example") is Outcome.SERVFAIL
