"""The steps of a night one by one, on a real Postgres and the sandbox over HTTP; the engine hands out nothing here."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from aiohttp import web
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status
from sqlalchemy.engine import Engine
from structlog.testing import capture_logs

from spfcheck.api.observe.gauges import LedgerGauges
from spfcheck.audit.report.model import Report
from spfcheck.cluster import nights as nights_module
from spfcheck.cluster.chunks import Chunks
from spfcheck.cluster.errands import see_jobs
from spfcheck.cluster.nights import Night, NightState
from spfcheck.cluster.pulse import Pulse
from spfcheck.cluster.rescue import Rescue
from spfcheck.cluster.work import Work
from spfcheck.intercom.client import Intercom
from spfcheck.notify.ledger.approvals import Approvals
from spfcheck.notify.ledger.archive import Archive
from spfcheck.notify.ledger.shared_night import ChunkState, shared
from spfcheck.notify.planning.checks import CheckHealth, DnsChecks
from spfcheck.notify.sending.message import Writer
from spfcheck.notify.sending.scope import scope_of
from spfcheck.store.database import connect_arguments, open_engine
from tests.notify.world import World, broken, world

NAMES = [f"b{number:03}.example" for number in range(310)]
"""Three pages of contacts."""


class Desk:
    """A worker that is told what to do."""

    def __init__(self, w: World, engine: Engine, **changes: Any) -> None:
        self.w = w
        settings = w.settings()
        self.intercom = Intercom(settings.intercom, clock=w.clock, sleep=w.clock.sleep)
        self.stop = asyncio.Event()
        self.work = Work(
            settings,
            engine=engine,
            intercom=self.intercom,
            checks=w.dns(),
            stop=self.stop,
            guards=replace(w.guards, **changes),
            clock=w.clock,
        )

    def approve(self, plan_id: str) -> None:
        """A person approves a plan, with everything as it is set here."""
        settings, engine = self.w.settings(), self.work.engine
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE plans SET approved_by = 'mira'"))
        scope = scope_of(settings, self.work.guards, Writer(settings.public_url))
        approvals = Approvals(engine, settings.intercom.workspace)
        approvals.grant(plan_id, who="mira", now=self.w.clock(), scope=scope)

    async def begun(self) -> str:
        await self.work.begin(int(self.w.clock()))
        return self.night().plan_id

    def night(self) -> Night:
        night = self.work.nights.load()
        assert night is not None
        return night

    async def planned(self) -> str:
        plan_id = await self.begun()
        await self.work.plan_night(plan_id, 1)
        for claim in self.work.chunks.in_state(plan_id, ChunkState.WAITING):
            await self.work.audit_chunk(plan_id, claim.number, 1)
        await self.work.finish_plan(plan_id, 1)
        return plan_id


@contextlib.asynccontextmanager
async def desk(w: World, engine: Engine, **changes: Any) -> AsyncIterator[Desk]:
    made = Desk(w, engine, min_runs=1, min_between_runs=0.0, **changes)
    async with made.intercom:
        yield made
    made.work.write.close()


@contextlib.asynccontextmanager
async def people(tmp_path: Path, names: list[str]) -> AsyncIterator[World]:
    async with world(tmp_path, broken(*names)) as w:
        for name in names:
            w.workspace.add_contact(email=f"owner@{name}", sending_domain=name)
        yield w


async def test_reading_the_audience_goes_on_behind_the_last_page(tmp_path: Path, postgres_engine: Engine) -> None:
    searched: list[str] = []

    async def watch(request: web.Request, body: bytes) -> web.StreamResponse | None:
        held = b"unsubscribed_from_emails" in body  # another search: for those whom nobody writes to
        if request.path == "/contacts/search" and b'"per_page":150' in body.replace(b" ", b"") and not held:
            searched.append("next" if b"starting_after" in body else "first")
            if len(searched) == 2:
                first.stop.set()  # SIGTERM comes while the second page is on its way
        return None

    async with people(tmp_path, NAMES) as w, desk(w, postgres_engine) as first, desk(w, postgres_engine) as second:
        w.sandbox.intercept = watch
        plan_id = await first.begun()
        await first.work.plan_night(plan_id, 1)
        assert second.night().state is NightState.GATHERING
        assert second.night().gathered.received == 150
        assert second.night().attempts == 0, "ended in order"
        await second.work.plan_night(plan_id, 2)
        assert searched == ["first", "next", "next", "next"]
        assert second.night().state is NightState.AUDITING
        assert second.night().gathered.received == 310
        assert second.work.chunks.progress(plan_id).domains == 310


async def test_a_cursor_that_the_api_no_longer_knows_begins_anew(tmp_path: Path, postgres_engine: Engine) -> None:
    async def forget(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if b"starting_after" in body and left:
            left.pop()
            return web.json_response({"type": "error.list", "errors": [{"code": "bad", "message": "no"}]}, status=400)
        return None

    left = [1, 2, 3]
    async with people(tmp_path, NAMES) as w, desk(w, postgres_engine) as d:
        plan_id = await d.begun()
        w.sandbox.intercept = forget
        await d.work.plan_night(plan_id, 1)
        assert (d.night().state, d.night().gathered.received, left) == (NightState.GATHERING, 150, [1])
        assert "HTTP 400" in d.night().trouble
        await d.work.plan_night(plan_id, 1)
        assert (d.night().state, d.night().gathered.received, left) == (NightState.AUDITING, 310, [])
        assert d.work.chunks.progress(plan_id).domains == 310


async def test_a_worker_whose_resolver_lies_examines_nothing(tmp_path: Path, postgres_engine: Engine) -> None:
    """And waits before it takes another chunk: it would have failed all of them before others can examine one."""

    async def lies(self: object) -> CheckHealth:
        return CheckHealth("The resolver invents addresses.", "")

    async with people(tmp_path, NAMES[:5]) as w, desk(w, postgres_engine) as liar, desk(w, postgres_engine) as honest:
        plan_id = await liar.begun()
        await liar.work.plan_night(plan_id, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(w.dns()), "health", lies)
            lying = asyncio.create_task(liar.work.audit_chunk(plan_id, 0, 1))
            async with asyncio.timeout(60):
                while honest.work.chunks.progress(plan_id).trouble == "":
                    await asyncio.wait({lying}, timeout=0.05)
            await asyncio.wait({lying}, timeout=0.3)
        assert not lying.done(), "it waits"
        (waiting,) = honest.work.chunks.in_state(plan_id, ChunkState.WAITING)
        assert waiting.attempts == 1
        with postgres_engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM domains")) == 0
        trouble = "This worker may not judge: The resolver invents addresses."
        assert honest.work.chunks.progress(plan_id).trouble == trouble
        await honest.work.audit_chunk(plan_id, 0, 2)
        assert honest.night().state is NightState.DECIDING
        liar.stop.set()
        async with asyncio.timeout(10):
            await lying  # and ends with its worker


async def test_a_check_that_raises_keeps_nobody_else_from_being_checked(
    tmp_path: Path, postgres_engine: Engine
) -> None:
    async def night(self: DnsChecks, name: str, *, opinion: bool) -> Report:
        if name == NAMES[3]:
            raise ZeroDivisionError("a record nobody had thought of")
        return await honest(self, name, opinion=opinion)

    honest = DnsChecks.night
    async with people(tmp_path, NAMES[:10]) as w, desk(w, postgres_engine, small_floor=5) as d:
        plan_id = await d.begun()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DnsChecks, "night", night)
            patch.setattr(Chunks.cut, "__defaults__", (5,))
            await d.work.plan_night(plan_id, 1)
            for number in (0, 1, 0, 0, 0):
                await d.work.audit_chunk(plan_id, number, 1)
            assert d.night().state is NightState.AUDITING
            assert d.work.chunks.progress(plan_id).states == {"parted": 1, "done": 1, "waiting": 5}
            for number in range(2, 7):
                await d.work.audit_chunk(plan_id, number, 1)
        await d.work.finish_plan(plan_id, 1)
        (given_up,) = d.work.chunks.progress(plan_id).given_up
        why = "It ended in ZeroDivisionError: a record nobody had thought of"
        assert given_up == (5, 1, NAMES[3], NAMES[3], why)
        assert shared(postgres_engine, "sandbox1").unchecked == 1
        d.approve(plan_id)
        await d.work.send_messages(plan_id, 1)
        assert sorted(email for email, _ in w.sent) == [f"owner@{name}" for name in NAMES[:10] if name != NAMES[3]]


async def test_what_has_its_last_attempt_is_alone_in_its_process(tmp_path: Path, postgres_engine: Engine) -> None:
    """It may kill the worker; whatever ran beside it would look as guilty."""

    async def night(self: DnsChecks, name: str, *, opinion: bool) -> Report:
        chunk = NAMES.index(name) // 5
        running[chunk] += 1
        together.add(frozenset(+running))
        await asyncio.sleep(0.2)
        report = await honest(self, name, opinion=opinion)
        running[chunk] -= 1
        return report

    honest = DnsChecks.night
    running: Counter[int] = Counter()
    together: set[frozenset[int]] = set()
    async with people(tmp_path, NAMES[:25]) as w, desk(w, postgres_engine) as d:
        plan_id = await d.begun()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DnsChecks, "night", night)
            patch.setattr(Chunks.cut, "__defaults__", (5,))
            await d.work.plan_night(plan_id, 1)
            with postgres_engine.begin() as connection:
                connection.execute(sa.text("UPDATE chunks SET attempts = 2 WHERE number IN (2, 4)"))
            await asyncio.gather(*(d.work.audit_chunk(plan_id, number, 1) for number in range(5)))
        assert d.work.chunks.progress(plan_id).states == {"done": 5}
        assert {2} in together
        assert {4} in together
        assert all(len(chunks) == 1 for chunks in together if chunks & {2, 4}), together
        assert {0, 1} in together, "others are side by side"


async def test_a_night_of_which_much_went_unchecked_sends_nothing_and_says_why(
    tmp_path: Path, postgres_engine: Engine
) -> None:
    async def night(self: DnsChecks, name: str, *, opinion: bool) -> Report:
        if name in NAMES[:6]:
            raise ZeroDivisionError("records nobody had thought of")
        return await honest(self, name, opinion=opinion)

    honest = DnsChecks.night
    async with people(tmp_path, NAMES[:20]) as w, desk(w, postgres_engine, temperror_max=0.05, small_floor=5) as d:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DnsChecks, "night", night)
            plan_id = await d.begun()
            await d.work.plan_night(plan_id, 1)
            while waiting := d.work.chunks.in_state(plan_id, ChunkState.WAITING):
                for claim in waiting:
                    await d.work.audit_chunk(plan_id, claim.number, 1)
        await d.work.finish_plan(plan_id, 1)
        d.approve(plan_id)
        await d.work.send_messages(plan_id, 1)
        assert w.sent == []
        assert "A brake holds: not-checked: 6 of 20 domains could not be checked" in d.night().trouble
        made = Archive(postgres_engine, "sandbox1").load(plan_id)
        (brake,) = (brake for brake in made.brakes if brake.name == "dns-failures")
        assert brake.sentence.startswith("0 of 14 domains had no DNS answer")
        assert made.totals["not_checked"] == made.totals["unknown"] == 6


async def test_the_guards_hold_workers_as_they_hold_one_machine(tmp_path: Path, postgres_engine: Engine) -> None:
    async with people(tmp_path, NAMES[:6]) as w:
        async with desk(w, postgres_engine) as d:
            plan_id = await d.planned()
            await d.work.send_messages(plan_id, 1)
            assert d.night().state is NightState.DONE
            assert "Nobody approved a plan yet" in d.night().trouble
        async with desk(w, postgres_engine, quiet_hours="00:00-23:59") as d:
            d.approve(plan_id)
            await d.work.begin_sending()
            await d.work.send_messages(plan_id, 1)
            assert (d.night().state, w.sent) == (NightState.DONE, [])
            assert "Quiet hours" in d.night().trouble
        w.guards.pause_file.touch()
        async with desk(w, postgres_engine) as d:
            d.approve(plan_id)  # the quiet hours are gone: what widens waits for a new approval
            await d.work.begin_sending()
            await d.work.send_messages(plan_id, 1)
            assert "pause" in d.night().trouble
            assert w.sent == []
            w.guards.pause_file.unlink()
            await d.work.begin_sending()
            await d.work.send_messages(plan_id, 1)
            assert (d.night().state, d.night().trouble) == (NightState.DONE, "")
            await d.work.begin_sending()
            await d.work.send_messages(plan_id, 1)
        assert sorted(email for email, _ in w.sent) == [f"owner@{name}" for name in NAMES[:6]]


async def test_a_brake_holds_a_night_that_workers_share(tmp_path: Path, postgres_engine: Engine) -> None:
    async with people(tmp_path, NAMES[:30]) as w, desk(w, postgres_engine, temperror_max=0.05, small_floor=5) as d:
        w.zone_text += "\n" + "\n".join(f"dead{number}.example TXT SERVFAIL" for number in range(10))
        for number in range(10):
            w.workspace.add_contact(email=f"a@dead{number}.example", sending_domain=f"dead{number}.example")
        plan_id = await d.planned()
        await d.work.send_messages(plan_id, 1)
        assert w.sent == []
        assert "A brake holds: dns-failures" in d.night().trouble


async def test_what_the_engine_lost_is_asked_for_again(tmp_path: Path, postgres_engine: Engine) -> None:
    def known() -> list[tuple[str, str]]:
        query = "SELECT task_name, status::text FROM spfcheck_jobs.procrastinate_jobs ORDER BY 1, 2"
        with postgres_engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    async with people(tmp_path, NAMES[:5]) as w, desk(w, postgres_engine) as d:
        url = postgres_engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        app = App(connector=PsycopgConnector(conninfo=url, kwargs={"options": "-c search_path=spfcheck_jobs"}))
        async with app.open_async():
            rescue = Rescue(d.work, app, stalled=0.0)
            plan_id = await d.begun()
            with postgres_engine.begin() as connection:
                see_jobs(connection)
                connection.execute(sa.text("DELETE FROM procrastinate_jobs"))
            await rescue.look()
            await rescue.look()
            assert known() == [("plan_night", "todo")]
            await d.work.plan_night(plan_id, 1)
            claim = d.work.chunks.claim(plan_id, 0, worker=77, now=w.clock())
            assert claim is not None
            with postgres_engine.begin() as connection:
                see_jobs(connection)
                jobs = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL"
                connection.execute(sa.text(jobs))
            await rescue.look()
            assert [one.number for one in d.work.chunks.in_state(plan_id, ChunkState.WAITING)] == [0]
            assert known() == [("audit_chunk", "failed"), ("audit_chunk", "todo"), ("plan_night", "failed")]
            for _ in range(2):
                assert d.work.chunks.claim(plan_id, 0, worker=78, now=w.clock())
                await rescue.look()
            assert d.night().state is NightState.AUDITING, "parted after three"
            assert known().count(("audit_chunk", "todo")) == 2 + 5, "two attempts, and its parts"
            for number in range(1, 6):
                assert d.work.chunks.claim(plan_id, number, worker=78 + number, now=w.clock())
            await rescue.look()
            assert d.night().state is NightState.DECIDING, "given up one by one"
            assert shared(postgres_engine, "sandbox1").unchecked == 5
            told = (await LedgerGauges(w.settings(), postgres_engine).text()).decode()
            assert "\nspfcheck_notify_unchecked_domains 5.0\n" in told
            assert "\nspfcheck_notify_night_since_timestamp_seconds 1.76" in told
            assert d.work.nights.claim(plan_id, NightState.DECIDING, worker=79, now=w.clock())
            await rescue.look()
            assert (d.night().worker, d.night().attempts) == (0, 1)
            assert d.work.nights.claim(plan_id, NightState.DECIDING, worker=80, now=w.clock())
            assert nights_module.ATTEMPTS == 3


_UP_FOR = (
    """SELECT pg_sleep(greatest(0, :seconds - extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())))"""
)


async def test_a_worker_that_stands_still_while_it_writes_holds_nobody(tmp_path: Path, postgres_engine: Engine) -> None:
    """To Postgres its session is at work: it reads statement after statement, and the end of them does not come."""
    url = postgres_engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    ready_engine = open_engine(url, idle_seconds=1.0)
    async with people(tmp_path, NAMES[:5]) as w, desk(w, ready_engine) as d:
        app = App(connector=PsycopgConnector(conninfo=url, kwargs={"options": "-c search_path=spfcheck_jobs"}))
        async with app.open_async():
            plan_id = await d.begun()
            await d.work.plan_night(plan_id, 1)
            assert d.work.chunks.claim(plan_id, 0, worker=77, now=w.clock())
            with contextlib.closing(psycopg.connect(url, **connect_arguments(url, 1.0))) as standing:
                line = standing.pgconn
                line.enter_pipeline_mode()
                for statement in (
                    b"BEGIN",
                    b"UPDATE chunks SET trouble = 'half'",
                    b"UPDATE nights SET trouble = 'half'",
                ):
                    line.send_query_params(statement, None)
                line.send_flush_request()
                line.flush()
                for _ in range(3):  # until it holds its locks: each statement's result, and that there is no other
                    assert line.get_result()
                    assert line.get_result() is None
                # A database that has only just come up is nobody's proof of death: `look` would leave all as it is.
                with d.work.engine.connect() as connection:
                    connection.execute(sa.text(_UP_FOR), {"seconds": 1.1})
                pulse = Pulse(url, 1.0, tuple, threading.Event(), 60.0)
                with capture_logs() as told:
                    pulse.start()
                    await asyncio.wait_for(Rescue(d.work, app, stalled=1.0).look(), 30.0)
                pulse.stop()
                assert [one["many"] for one in told if one["event"] == "sessions-ended"] == [1]
            (claim,) = d.work.chunks.in_state(plan_id, ChunkState.WAITING)
            assert d.work.chunks.progress(plan_id).trouble == "The worker that had it ended in the middle."
            assert claim.attempts == 1
    ready_engine.dispose()


async def test_what_was_claimed_by_a_worker_that_never_heard_of_it_is_rescued(
    tmp_path: Path, postgres_engine: Engine
) -> None:
    """The claim was committed, its answer was lost with the connection: the worker lives, and does something else."""
    async with people(tmp_path, NAMES[:5]) as w, desk(w, postgres_engine) as d:
        url = postgres_engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        app = App(connector=PsycopgConnector(conninfo=url, kwargs={"options": "-c search_path=spfcheck_jobs"}))
        async with app.open_async():
            worker = await app.job_manager.register_worker()
            rescue = Rescue(d.work, app, stalled=5.0)
            plan_id = await d.begun()
            job = await app.job_manager.fetch_job(["night:sandbox1"], worker)
            assert d.work.nights.claim(plan_id, NightState.GATHERING, worker=worker, now=w.clock())
            await rescue.look()
            assert d.night().worker == worker, "it has a job for it"
            assert job is not None
            await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)
            async with asyncio.timeout(60):
                while d.night().worker:  # nothing is rescued in the first seconds of the server
                    await app.job_manager.update_heartbeat(worker)
                    await rescue.look()
                    await asyncio.sleep(0.1)
            await d.work.plan_night(plan_id, worker)
            assert d.night().state is NightState.AUDITING


async def test_a_message_that_is_unclear_is_looked_for_by_the_same_night(
    tmp_path: Path, postgres_engine: Engine
) -> None:
    """The answer to one message is lost; search says later that it arrived, and nobody gets it twice."""

    async def lose(request: web.Request, body: bytes) -> web.StreamResponse | None:
        w.clock.now += 0.01  # a letter's turn comes with time, and nobody sleeps by this clock here
        if request.path == "/messages" and not lost:
            lost.append(1)
            contact = next(iter(w.workspace.contacts.values()))
            document = await request.json()
            contact = w.workspace.contacts[document["to"]["id"]]
            w.workspace.accept(
                contact=contact,
                subject=document["subject"],
                body=document["body"],
                keep_open=True,
                admin_id=str(w.workspace.admin_id),
            )
            return web.json_response({"type": "error.list", "errors": []}, status=500)
        return None

    lost: list[int] = []
    async with people(tmp_path, NAMES[:6]) as w, desk(w, postgres_engine, unclear_quiet=60.0) as d:
        plan_id = await d.planned()
        d.approve(plan_id)
        w.sandbox.intercept = lose
        await d.work.send_messages(plan_id, 1)
        assert (d.night().state, d.night().looks) == (NightState.SENDING, 1)
        w.clock.later(0.1)
        await d.work.send_messages(plan_id, 1)
        assert (d.night().state, d.night().trouble) == (NightState.DONE, "")
        assert sorted(email for email, _ in w.sent) == [f"owner@{name}" for name in NAMES[:6]]
