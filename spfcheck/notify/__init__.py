"""The notifier: finds the users whose domain is affected and sends each the repair, once.

How a face uses it (all methods are coroutines; every refusal is a `NotifyError` whose text is one clear sentence,
`RefusedError` is the kind that a guard raises, and a fault of the database is a `StoreError`)::

    from spfcheck.intercom.client import Intercom
    from spfcheck.notify.planning.checks import DnsChecks
    from spfcheck.notify.notifier import Notifier
    from spfcheck.notify.guards import Guards

    async with Intercom(settings.intercom) as intercom, Resolver(...) as resolver:
        checks = DnsChecks.over(settings, resolver, second=second_resolver, canary=canary)
        async with Notifier(settings, intercom=intercom, checks=checks) as notifier:
            plan = await notifier.plan(progress=show)          # dry run: everything but the last call
            await notifier.approve(plan.id, who="mira")        # the first plan is a baseline that a person approves
            summary = await notifier.send(plan.id, progress=show)

``Notifier(settings, *, intercom, checks, guards=None, clock=time.time, sleep=asyncio.sleep, stop=None, ...)``
    *guards* default to `Guards.from_settings(settings.notify)`; the demo passes
    ``Guards.from_settings(settings.notify).demo()``, whose `lines()` say in words what is relaxed. *stop* is an
    `asyncio.Event`: set by SIGTERM, sending ends after the row in hand. Entering it opens the ledger (and migrates it,
    where it is SQLite); leaving it closes it.

``DnsChecks(profiles, *, mail_from, helo, night, fresh=None, second=None, canary=None, clock=time.time)``
    judges over lookups that *night*, *fresh* and *second* make for each check; `DnsChecks.over` takes resolvers.
    *canary* is a coroutine function that says why the resolver is not to be trusted, or nothing.

====================================== =====================================================================
``plan(progress=None) -> Plan``        the whole night but the last call; stored, frozen, hashed
``show(plan_id="") -> Plan``           a stored plan; the newest by default
``rows(plan_id) -> AsyncIterator``     every `PlanRow` of it, domains that are fine included
``approve(id, *, who, reason="")``     makes it the baseline; a plan that a brake holds needs `resume` first
``send(plan_id, progress=None)``       `SendSummary`; refuses an unapproved, old, changed or braked plan
``run(progress=None) -> RunSummary``   plan, barrier, send within the approved baseline: for cron
``preview(domain) -> Message``         the first message as that domain's owner would get it (subject, html, text)
``status() -> NotifyStatus``           pause, brakes, last runs, ledger states
``pause(reason, *, who)``              stops sending before the very next message
``resume(reason, *, who)``             lifts the pause and every brake that tripped; the reason is kept
``reconcile() -> ReconcileSummary``    looks up unclear messages whose quiet time is over
``unclear() -> list[UnclearMessage]``  what a person must decide
``decide(ref, "sent"|"resend", *, who, reason="")``
``forget(address) -> int``             erases a person; how many rows it touched
``prune() -> Pruned``                  drops what is older than it is kept: plans 90 days, letters 2 years
``suppress(address, *, reason, who)``  puts a person on the local suppression list
====================================== =====================================================================

`spfcheck.notify.notifier.upgrade(url)` is ``spfcheck db upgrade``. A `Plan` prints itself by `as_json()` and
`as_csv()`; `Plan.rows` holds what is not simply fine.

`spfcheck.notify.metrics.exposition(status)` is a `NotifyStatus` for Prometheus.

*progress* is called with `Progress(stage, done, total, item)` and must not block.
"""
