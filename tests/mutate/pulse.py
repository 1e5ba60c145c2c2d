"""What keeps one worker from holding a night: signs of life beside the loop, and an end that comes."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

PULSE = "spfcheck/cluster/pulse.py"
WORKERS = "tests/cluster/test_workers.py"


def _pulse(name: str, old: str, new: str, test: str) -> Mutation:
    return Mutation(name, PULSE, old, new, (test,))


MUTATIONS = (
    _pulse(
        "sessions-stay",
        "ended = connection.execute(END_SESSIONS, [database.WORKERS, self._stalled]).fetchone()",
        "ended = None",
        "tests/cluster/test_work.py::test_a_worker_that_stands_still_while_it_writes_holds_nobody",
    ),
    _pulse(
        "signs-of-life-wait-for-the-loop",
        "                connection.execute(BEAT, [list(self._workers())])\n",
        "                self._loop.call_soon_threadsafe(connection.execute, BEAT, [list(self._workers())])\n",
        f"{WORKERS}::test_a_loop_that_is_busy_is_no_dead_worker",
    ),
    _pulse(
        "a-busy-loop-never-ends",
        "        if not self._over.wait(self._last):\n",
        "        if not self._over.wait(1_000.0):\n",
        f"{WORKERS}::test_a_worker_whose_loop_is_busy_ends_when_it_is_told_to",
    ),
    Mutation(
        "only-the-loop-is-told-to-end",
        "spfcheck/cli/notify.py",
        "            told.set()\n",
        "            pass\n",
        (f"{WORKERS}::test_a_worker_whose_loop_is_busy_ends_when_it_is_told_to",),
    ),
    _pulse(
        "a-loop-may-stand-still-for-good",
        "if time.monotonic() - self._moved > STILL * self._stalled:",
        "if False:",
        f"{WORKERS}::test_a_loop_that_stands_still_for_good_ends_its_worker",
    ),
    Mutation(
        "too-costly-is-a-dns-failure",
        "spfcheck/notify/planning/evidence.py",
        "if any(found.code == Code.TOO_COSTLY for found in report.findings):",
        "if False:",
        (f"{WORKERS}::test_a_domain_that_is_too_costly_is_given_up_alone_at_the_first_try",),
    ),
)
