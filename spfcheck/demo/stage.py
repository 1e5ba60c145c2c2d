"""What the demo puts on stage: name servers, the messaging sandbox, the clock and the settings; all on loopback."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from spfcheck.demo.customers import INCLUDE, Cast, Person, load
from spfcheck.demo.sandbox import Sandbox
from spfcheck.demo.sandbox_state import SandboxWorkspace
from spfcheck.resolver.authoritative import Authority, serve
from spfcheck.resolver.exchange import Timing
from spfcheck.resolver.stub import Resolver
from spfcheck.resolver.zone import Zone
from spfcheck.settings import Settings

HOUR = 3600.0

TIMING = Timing(retry_after=0.5, tries=3)
"""Silent name servers are given up after 1.5 s: loopback loses no packets, and a newcomer is watching."""


class DemoSettings(Settings):
    """Settings that come from the demo alone: neither a file nor a variable of the user's may change it."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the demo says, and nothing else."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


@dataclass(slots=True)
class Clock:
    """Unix time that can be moved: the first night lies before today."""

    offset: float = 0.0

    def __call__(self) -> float:
        """Now, as the demo has it."""
        return time.time() + self.offset


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything that the demo runs against."""

    cast: Cast
    clock: Clock
    sandbox: Sandbox
    first: Authority
    second: Authority
    settings: Settings
    names: dict[str, Person] = field(default_factory=dict)
    """Who stands behind a contact's id."""

    def resolver(self, authority: Authority | None = None) -> Resolver:
        """A stub resolver as in production, pointed at one of the demo's name servers, its cache empty."""
        server = authority or self.first
        return Resolver([(server.host, server.port)], timing=TIMING, wall=self.clock)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """The demo's servers, running; database and pause file lie in *folder*."""
    cast = load()
    clock = Clock()
    workspace = SandboxWorkspace(clock=clock)
    sandbox = Sandbox(workspace)
    names = {}
    for person in cast.people:
        contact = workspace.add_contact(
            email=person.address,
            name=person.name,
            sending_domain=person.sending_domain,
            tags=person.tags,
            **person.flags,
        )
        names[contact.id] = person
    zone = Zone.parse(cast.zone)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(serve(zone))
        second = await stack.enter_async_context(serve(zone))
        url = await stack.enter_async_context(sandbox.running())
        yield Stage(
            cast=cast,
            clock=clock,
            sandbox=sandbox,
            first=first,
            second=second,
            settings=_settings(folder, url, sandbox, first, second),
            names=names,
        )


def _settings(folder: Path, url: str, sandbox: Sandbox, first: Authority, second: Authority) -> Settings:
    return DemoSettings.model_validate(
        {
            "nameservers": f"{first.host}:{first.port}",
            "second_nameservers": f"{second.host}:{second.port}",
            "sender_include": INCLUDE,
            "mail_from": "postmaster@{domain}",
            "helo": "out.mail.example",
            "database_url": f"sqlite:///{folder / 'demo.sqlite3'}",
            "intercom": {
                "url": url,
                "token": sandbox.token,
                "workspace": sandbox.workspace.workspace,
                "admin_id": sandbox.workspace.admin_id,
            },
            "notify": {
                "enabled": True,
                "hash_key": "the demo stores nobody who exists",
                "pause_file": str(folder / "demo.pause"),
            },
        }
    )
