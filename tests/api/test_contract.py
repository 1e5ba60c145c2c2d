"""The running service against `openapi.yaml`: schemathesis with its defaults, and our own answers by schema."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from spfcheck.api.routes import contract
from spfcheck.demo import customers
from spfcheck.serve.app import create_app
from tests.api.running import in_a_thread, make_keys, running, settings_of, zone_lookup
from tests.profile import LONG

ROOT = Path(__file__).resolve().parents[2]


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    keys = make_keys()
    settings = settings_of(api_keys=list(keys.lines), cold_per_minute=1_000_000)
    with in_a_thread(lambda: create_app(settings, zone_lookup())) as url:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.yaml",
            "--exclude-path", "/v1/check/batch", "--no-color", "-H", f"Authorization: Bearer {keys.check}",
        ]  # fmt: skip
        # Free to find something new on a developer's machine, the same every time where a red run must mean a change.
        if os.environ.get("CI"):
            command += ["--seed", "20261122"]
        if not LONG:
            command += ["--max-examples", "40"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=540, check=False)
    assert "8 selected / 9 total" in done.stdout
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]


async def test_reports_of_all_the_demos_customers_are_of_the_promised_shape() -> None:
    cast = customers.load()
    document = yaml.safe_load(contract())
    schemas = {
        name: jsonschema.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )
        for name in ("Report", "Summary")
    }
    seen = set()
    async with running(lookup=zone_lookup(cast.zone)) as client:
        for customer in cast.customers:
            for view, name in (("full", "Report"), ("summary", "Summary")):
                async with client.get(f"/v1/check/{customer.domain}?view={view}") as answer:
                    assert answer.status == 200
                    body = await answer.json()
                schemas[name].validate(body)
            seen.add(body["status"])
    assert seen == {"ok", "at_risk", "action_needed", "unknown"}


def test_the_contract_lies_at_the_root_too() -> None:
    assert (ROOT / "openapi.yaml").read_bytes() == contract()


@pytest.mark.parametrize("name", ["Report", "Summary", "Problem", "Verdict"])
def test_answers_promise_exactly_their_fields(name: str) -> None:
    schema = yaml.safe_load(contract())["components"]["schemas"][name]
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"])
