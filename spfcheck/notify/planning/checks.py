"""The notifier's way to a verdict: the night's checks, and the second look right before a message."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from spfcheck.audit.prepare import prepare
from spfcheck.audit.report.model import Report
from spfcheck.audit.senders import Ours, SenderProfile
from spfcheck.checking.costly import CostlyChecks
from spfcheck.checking.senders import profiles_of
from spfcheck.names import NotADomainName, domain_name, registrable
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.types import Lookup
from spfcheck.settings import Settings


class CheckHealth(NamedTuple):
    """Why verdicts are not to be trusted, in a sentence each; empty when they are."""

    resolver: str = ""
    senders: str = ""


def our_domains(settings: Settings) -> frozenset[str]:
    """The domains that are ours: those of our includes, of our HELO, of a MAIL FROM below ours, and of the service."""
    sender = settings.mail_from.rpartition("@")[2]
    names = [profile.include for profile in settings.sender_profiles()]
    names += [settings.helo, urlsplit(settings.public_url).hostname or ""]
    names += [] if "{domain}" in sender else [sender]
    ours: set[str] = set()
    for name in names:
        try:
            ours.add(registrable(domain_name(name)))
        except NotADomainName:
            continue
    return frozenset(ours)


class DomainChecks(Protocol):
    """What the notifier asks of the engine that judges domains."""

    async def health(self) -> CheckHealth:
        """Whether the resolver answers its canaries, and whether our own include can be judged by."""

    async def night(self, domain: str, *, opinion: bool) -> Report:
        """The verdict on *domain*; answers within their TTL may come from a cache."""

    async def again(self, domain: str) -> Report:
        """The verdict from answers that were asked for just now, with the second engine's opinion."""

    async def second(self, domain: str) -> Report | None:
        """The verdict through a second resolver; None where there is none."""


class DnsChecks:
    """`DomainChecks` over lookups that are made anew for each check.

    *night*, *fresh* and *second* make a `Lookup` for one check (such as ``resolver.with_deadline``); *canary* says why
    the resolver is not to be trusted, or nothing. *mail_from* is the template of the settings.
    """

    def __init__(
        self,
        profiles: Sequence[SenderProfile],
        *,
        mail_from: str,
        helo: str,
        night: Callable[[], Lookup],
        fresh: Callable[[], Lookup] | None = None,
        second: Callable[[], Lookup] | None = None,
        canary: Callable[[], Awaitable[str]] | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(16),
        costly_processes: int = 1,
    ) -> None:
        self._profiles = tuple(profiles)
        self._mail_from = mail_from
        self._helo = helo
        self._night = night
        self._fresh = fresh or night
        self._second = second
        self._canary = canary
        self._clock = clock
        self._new_id = new_id
        self._known: Ours | None = None
        self._costly = CostlyChecks(costly_processes)

    @classmethod
    def over(
        cls,
        settings: Settings,
        resolver: Resolver,
        *,
        second: Resolver | None = None,
        canary: Callable[[], Awaitable[str]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Checks as *settings* ask for them, through *resolver*, confirmed by *second* where there is one."""
        return cls(
            profiles_of(settings),
            mail_from=settings.mail_from,
            helo=settings.helo,
            night=resolver.with_deadline,
            fresh=lambda: resolver.with_deadline(fresh=True),
            second=None if second is None else lambda: second.with_deadline(fresh=True),
            canary=canary,
            clock=clock,
            costly_processes=settings.costly_processes,
        )

    async def health(self) -> CheckHealth:
        """Whether the resolver answers its canaries, and whether our own include can be judged by."""
        resolver = await self._canary() if self._canary else ""
        ours = await self._ours(self._fresh, anew=True)
        return CheckHealth(resolver, "" if ours.ready else " ".join(ours.reasons) or "Our senders are not ready.")

    async def night(self, domain: str, *, opinion: bool) -> Report:
        """The verdict on *domain*; answers within their TTL may come from a cache."""
        # Where an opinion is asked for, a message may follow.
        return await self._examine(domain, self._night, opinion=opinion, search=opinion)

    async def again(self, domain: str) -> Report:
        """The verdict from answers that were asked for just now, with the second engine's opinion."""
        return await self._examine(domain, self._fresh, opinion=True, search=True)

    async def second(self, domain: str) -> Report | None:
        """The verdict through a second resolver; None where there is none."""
        return None if self._second is None else await self._examine(domain, self._second, opinion=False, search=True)

    async def _examine(self, domain: str, lookup: Callable[[], Lookup], *, opinion: bool, search: bool) -> Report:
        return await self._costly.examine(
            domain,
            lookup,
            await self._ours(lookup),
            mail_from=self._mail_from,
            helo=self._helo,
            opinion=opinion,
            search=search,
            clock=self._clock,
            new_id=self._new_id,
        )

    async def _ours(self, lookup: Callable[[], Lookup], *, anew: bool = False) -> Ours:
        now = self._clock()
        if anew or self._known is None or self._known.expires_at <= now:
            self._known = await prepare(self._profiles, lookup(), clock=self._clock)
        return self._known
