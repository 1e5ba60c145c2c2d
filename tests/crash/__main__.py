"""``make crash-test``: kills and stops the sender at random instants, and counts what arrived.

The last line is one JSON object. Exit code 0 means that no message arrived twice, none was lost, and that the same test
caught every mutant of the protocol.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spfcheck.notify.notifier import upgrade
from tests import postgres
from tests.crash import back
from tests.crash.play import Play
from tests.crash.scene import Run

MUTANTS = ("no-quiet-time", "5xx-is-not-sent", "timeout-is-not-sent", "no-lock")
PARTS = ("search", "no-search", "postgres", "restore", "narrow", *MUTANTS)


def play(name: str, *, messages: int, kills: int, stops: int, seed: int, **choices: Any) -> dict[str, Any]:
    """Play once in a directory of its own, and say what came of it."""
    print(f"{name}: {messages} messages, {kills} kills, {stops} stops ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="spfcheck-crash-") as directory:
        url = choices.pop("database_url", "") or f"sqlite:///{directory}/ledger.sqlite3"
        run = Run(
            directory=Path(directory),
            database_url=url,
            messages=messages,
            open_conversation=choices.get("open_conversation", True),
            mutant=choices.get("mutant", ""),
            seed=seed,
            mark_tag="spf-notified" if choices.get("part") == "restore" else "",
        )
        figures = back.PLAYS.get(choices.get("part", ""), Play)(run, kills, stops).play()
    print(f"{name}: {json.dumps(figures)}", flush=True)
    return figures


def parts(options: argparse.Namespace) -> dict[str, Any]:
    """Play what was asked for in this process, one after the other; the figures by name."""
    size = {"messages": options.messages, "kills": options.kills, "stops": options.stops, "seed": options.seed}
    short = {**size, "messages": options.mutant_messages, "kills": 40, "stops": 40}
    if options.only == "search":
        return {"searchable": play("searchable conversations", **size, open_conversation=True)}
    if options.only == "no-search":
        return {"unsearchable": play("no conversations", **size, open_conversation=False)}
    if options.only in back.PLAYS:
        return {options.only: play(options.only, **short, part=options.only)}
    if options.only != "postgres":
        return {"mutants": {options.only: play(f"mutant {options.only}", **short, mutant=options.only)["duplicates"]}}
    with contextlib.nullcontext(options.postgres) if options.postgres else postgres.running() as address:
        if address is None:
            print("POSTGRES IS NOT INSTALLED: the crash test did not play on it", flush=True)
            return {}
        upgrade(address)
        return {"postgres": play("postgres", **short, database_url=address)}


def side_by_side() -> dict[str, Any]:
    """Play every part at once, each in a process of its own: most of a play is waiting for clocks to run out."""
    found: dict[str, Any] = {"mutants": {}}
    command = [sys.executable, "-m", "tests.crash", *sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="spfcheck-crash-") as directory:
        files = {part: Path(directory, part) for part in PARTS}
        running = [subprocess.Popen([*command, "--only", part, "--figures", str(file)]) for part, file in files.items()]
        try:
            for process in running:
                process.wait()
        finally:
            for process in running:
                process.kill()
        for file in files.values():
            if not file.exists():
                raise SystemExit(f"the part {file.name} came to no end")
            figures = json.loads(file.read_text())
            found["mutants"] |= figures.pop("mutants", {})
            found |= figures
    return found


def main() -> int:
    """Play both modes in full, then every mutant."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stops", type=int, default=50)
    parser.add_argument("--mutant-messages", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=7208)
    parser.add_argument("--postgres", default="", help="address of an empty database instead of a server of its own")
    parser.add_argument("--only", choices=PARTS, help="one part, in this process")
    parser.add_argument("--figures", type=Path, help="write the figures to this file instead of judging them")
    options = parser.parse_args()
    started = time.monotonic()
    found = parts(options) if options.only else side_by_side()
    if options.figures:
        options.figures.write_text(json.dumps(found))
        return 0
    return verdict(found, round(time.monotonic() - started, 1))


def verdict(found: dict[str, Any], seconds: float) -> int:
    """Print the last line; 0 when every promise held and every mutant was caught."""
    plays = [found[name] for name in ("searchable", "unsearchable", "postgres") if name in found]
    kept = all(not one["duplicates"] and not one["lost"] and not one["violations"] for one in plays)
    kept = kept and all(not one["unclear_without_reason"] for one in plays)
    kept = kept and all(back.verdict(name, found[name]) for name in back.PLAYS if name in found)
    caught = all(found.get("mutants", {"": 1}).values())
    last = {
        "duplicates": sum(one["duplicates"] for one in plays),
        "lost": sum(one["lost"] for one in plays),
        "kills": sum(one["kills"] for one in plays),
        "stops": sum(one["stops"] for one in plays),
        "reconciled": sum(one["reconciled"] for one in plays),
        "unclear": sum(one["unclear"] for one in plays),
        **{name: found[name] for name in back.PLAYS if name in found},
        "mutants": found.get("mutants", {}),
        "seconds": seconds,
        "passed": kept and caught,
    }
    print(json.dumps(last), flush=True)
    return 0 if kept and caught else 1


if __name__ == "__main__":
    sys.exit(main())
