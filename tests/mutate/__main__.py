"""``make mutants``: makes each mutation in a copy of the tree, one at a time, and says which test caught it.

Exit code 0 means that every one was caught.
"""

from __future__ import annotations

import argparse
import queue
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutate.mutation import Mutation, StaleError, rooms
from tests.mutate.scratch import Outcome, Scratch


def chosen(only: list[str]) -> list[tuple[str, Mutation]]:
    """The mutations to make, each with its room: those of the rooms or names *only*, or all."""
    listed = [(room, mutation) for room, mutations in rooms().items() for mutation in mutations]
    unknown = set(only) - {room for room, _ in listed} - {mutation.name for _, mutation in listed}
    if unknown:
        raise SystemExit(f"There is no room and no mutation named {', '.join(sorted(unknown))}.")
    return [(room, one) for room, one in listed if not only or room in only or one.name in only]


def tried(wanted: list[tuple[str, Mutation]], jobs: int) -> list[Outcome]:
    """What the tests say of each of *wanted*, which have to pass without a mutation first."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        idle: queue.SimpleQueue[Scratch] = queue.SimpleQueue()
        for number in range(jobs):
            idle.put(Scratch(Path(folder, str(number))))
        scratch = idle.get()
        sound = scratch.test(tuple(dict.fromkeys(test for _, one in wanted for test in one.tests)), mutated=False)
        idle.put(scratch)
        if sound.by or sound.broken:
            raise SystemExit(f"The tests fail without any mutation: {sound.by or sound.broken}")

        def work(mutation: Mutation) -> Outcome:
            scratch = idle.get()
            try:
                found = scratch.run(mutation)
            except StaleError as stale:
                found = Outcome(broken=str(stale))
            finally:
                idle.put(scratch)
            print(".", end="", file=sys.stderr, flush=True)
            return found

        with ThreadPoolExecutor(jobs) as workers:
            return list(workers.map(work, [one for _, one in wanted]))


def main() -> int:
    """Run, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="ROOM_OR_NAME", help="may be given again")
    parser.add_argument("--jobs", type=int, default=2, help="copies of the tree that work at the same time")
    parser.add_argument("--list", action="store_true", help="say what would be made, and make nothing")
    arguments = parser.parse_args()
    wanted = chosen(arguments.only)
    width = max(len(f"{room}: {one.name}") for room, one in wanted)
    if arguments.list:
        for room, one in wanted:
            print(f"{room + ': ' + one.name:{width}}  {one.file}")
        return 0
    outcomes = tried(wanted, max(arguments.jobs, 1))
    print(file=sys.stderr)
    for (room, one), found in zip(wanted, outcomes, strict=True):
        verdict = f"BROKEN {found.broken}" if found.broken else found.by or "SURVIVED"
        print(f"{room + ': ' + one.name:{width}}  {verdict}")
    survived = sum(not found.by for found in outcomes)
    print(f"{len(outcomes) - survived} of {len(outcomes)} mutations were caught.")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
