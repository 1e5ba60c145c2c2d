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

*progress* is called with `Progress(stage, done, total, item)` and must not block.
"""
