"""The ledger on a real Postgres: the same migrations, the same night, and one sender by its advisory lock."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from spfcheck.notify.ledger import migration
from spfcheck.notify.sending.lock import lock_for
from spfcheck.store import database
from tests import postgres


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres.running() as address:
        if address is None:
            pytest.skip("POSTGRES IS NOT INSTALLED: its ledger was not tested")
        yield address


def test_the_migrations_make_the_same_tables_as_on_sqlite(url: str) -> None:
    engines = [database.open_engine(url), database.open_engine("sqlite://")]
    shapes = []
    for engine in engines:
        migration.upgrade(engine)
        assert migration.is_current(engine)
        look = sa.inspect(engine)
        shapes.append({table: sorted(c["name"] for c in look.get_columns(table)) for table in look.get_table_names()})
        engine.dispose()
    assert shapes[0] == shapes[1]
    assert shapes[0]


def test_one_sender_holds_the_lock_until_it_ends(url: str) -> None:
    first, second = (database.open_engine(url) for _ in range(2))
    migration.upgrade(first)
    mine, theirs = lock_for(first, "workspace"), lock_for(second, "workspace")
    assert not theirs.holder().held
    assert mine.take(now=1_000.0)
    assert not theirs.take()
    mine.note(1_060.0, "sends plan-1")
    seen = theirs.holder()
    assert (seen.held, seen.pid, seen.since, seen.at, seen.doing) == (True, os.getpid(), 1_000, 1_060, "sends plan-1")
    elsewhere = lock_for(second, "another workspace")
    assert elsewhere.take()
    elsewhere.release()
    mine.release()
    assert not theirs.holder().held, "though its note is still there"
    assert theirs.take()
    theirs.release()
    first.dispose()
    second.dispose()
