"""`spfcheck keys`: access keys of the service."""
# ruff: noqa: PLC0415, T201 - a command prints, and imports a room only when it is asked for

from __future__ import annotations

import os
from typing import Annotated

from cyclopts import App, Parameter

from spfcheck.api.keys import Scope, new_key, parse_line
from spfcheck.cli.ending import FINE, UsageError
from spfcheck.settings import load

app = App(name="keys", help="Access keys of the service.")


@app.command
def new(
    *,
    scope: Annotated[list[Scope] | None, Parameter(negative="")] = None,
    store: Annotated[bool, Parameter(negative="")] = False,
    note: str = "",
) -> int:
    """Make a key and print it, once; we keep only its hash.

    Parameters
    ----------
    scope
        What it is for: check (the main app), support (people), admin; may be given again. By default check.
    store
        Keep the hash in the database, where `keys revoke` can end it, instead of printing a line for the settings.
    note
        Whose key it is, for the list; with --store.
    """
    text, key = new_key(scope or [Scope.CHECK], os.urandom)
    if store:
        from spfcheck.api.reports.stored import KeyTable

        with KeyTable.open(load().database_url) as table:
            table.add(key, note)
    print(f"The key, shown only now; it belongs to whoever calls:\n\n  {text}\n")
    if store:
        print(f"Its hash is in the database; `spfcheck keys revoke {key.id}` ends it within a minute.")
    else:
        print(f"What the service keeps, for SPFCHECK_API_KEYS (separate several by commas):\n\n  {key.line()}")
    return FINE


@app.command(name="list")
def list_() -> int:
    """List the keys of the settings and of the database; never their texts, which nobody has."""
    from spfcheck.api.reports.stored import KeyTable

    settings = load()
    lines = [(parse_line(line), "settings", "") for line in settings.api_keys]
    with KeyTable.open(settings.database_url) as table:
        lines += [(row.key, "revoked" if row.revoked else "database", row.note) for row in table.rows()]
    if not lines:
        print("There are no keys; `spfcheck keys new` makes one.")
    for key, where, note in lines:
        print(f"{key.id}  {'+'.join(sorted(key.scopes)):<20}  {where:<8}  {note}".rstrip())
    return FINE


@app.command
def revoke(key_id: str) -> int:
    """End a key of the database; running services refuse it within a minute."""
    from spfcheck.api.reports.stored import KeyTable

    settings = load()
    if any(parse_line(line).id == key_id for line in settings.api_keys):
        raise UsageError(f"The key {key_id} stands in the settings; take it out of api_keys there and restart.")
    with KeyTable.open(settings.database_url) as table:
        if not table.revoke(key_id):
            raise UsageError("The database has no valid key of that id; `spfcheck keys list` shows those that exist.")
    print(f"The key {key_id} is revoked.")
    return FINE
