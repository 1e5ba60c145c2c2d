"""Settings: `spfcheck.toml` for structure, `SPFCHECK_*` variables over it, secrets from variables or a directory.

Unknown keys are refused, in the file and in the environment: a typing slip must not silently leave a default in force.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from spfcheck import values

PREFIX = "SPFCHECK_"
CONFIG_VARIABLE = "SPFCHECK_CONFIG"
SECRETS_VARIABLE = "SPFCHECK_SECRETS_DIR"
SESSION_KEY_CHARACTERS = 32
"""Characters of a session key at least: 128 bits even when they are hexadecimal."""


class SettingsError(Exception):
    """The settings cannot be used; the message is one clear sentence for each fault."""


def _listed(value: object) -> object:
    """A text as the list that a variable means by it: parts between commas, or JSON."""
    if not isinstance(value, str):
        return value
    # A resolver may stand in brackets too, as [::1]:53 does.
    if value.replace(" ", "").startswith(('["', "[]")):
        return _json(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def _json(value: object) -> object:
    """A text as the JSON that it has to be."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"must be JSON, such as [{{...}}]: {error}") from None


def _as_written(read: Callable[[str], object]) -> Callable[[str], str]:
    """A check of *read* that keeps the text: whoever needs what it means reads it again."""

    def checked(text: str) -> str:
        read(text)
        return text

    return checked


def _unless_empty(read: Callable[[str], str]) -> AfterValidator:
    """A check of *read*, for a setting that may be left empty."""
    return AfterValidator(lambda text: read(text) if text else text)


_LISTED = BeforeValidator(_listed)
_TABLES = BeforeValidator(_json)
Texts = Annotated[list[str], NoDecode, _LISTED]
"""A list of texts; a variable gives it separated by commas, or as JSON. So do the lists below."""
Domain = Annotated[str, AfterValidator(values.domain)]
Networks = Annotated[list[Annotated[str, AfterValidator(values.network)]], NoDecode, _LISTED]
Nameservers = Annotated[list[Annotated[str, AfterValidator(_as_written(values.resolver))]], NoDecode, _LISTED]
Days = Annotated[list[Annotated[str, AfterValidator(values.day)]], NoDecode, _LISTED]
Roles = Annotated[list[Annotated[str, AfterValidator(values.role)]], NoDecode, _LISTED]
WebAddress = Annotated[str, _unless_empty(values.web_address)]
Cron = Annotated[str, _unless_empty(values.cron)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SenderSettings(_Section):
    """One set of servers that sends for customers."""

    name: str = Field(default="", description="What people call it; the include where it has no name.")
    include: Domain = Field(description="What a customer includes, such as `_spf.mail.example`.")
    networks: Networks = Field(default_factory=list, description="CIDR networks; empty: read from the include.")


class IntercomSettings(_Section):
    """The messaging API."""

    token: SecretStr = Field(default=SecretStr(""), description="Access token of a private app in the workspace.")
    url: WebAddress = Field(
        default="https://api.intercom.io", description="The region's base address, or the sandbox's."
    )
    version: str = Field(default="2.16", description="Sent as `Intercom-Version`.")
    workspace: str = Field(default="", description="The workspace's id code; a token of another one is refused.")
    admin_id: int = Field(default=0, description="The admin in whose name messages are sent.")


class DomainSource(_Section):
    """One place where a contact's sending domain may stand; the first that yields something wins."""

    origin: Literal["contact", "company"] = "contact"
    path: str = Field(description="Such as `custom_attributes.sending_domain`.")
    split: str = Field(default="", description="Characters that part several domains in one value.")


class AudienceSettings(_Section):
    """Who is asked for, and where their sending domains stand."""

    domain_sources: Annotated[list[DomainSource], NoDecode, _TABLES] = Field(
        default_factory=lambda: [DomainSource(path="custom_attributes.sending_domain")],
        description="Read in order; the first that yields a domain wins.",
    )
    filters: Annotated[list[dict[str, Any]], NoDecode, _TABLES] = Field(
        default_factory=lambda: [{"field": "role", "operator": "=", "value": "user"}],
        description="Filters of the messaging API's search, all of which must hold.",
    )
    exclude_tags: Texts = Field(default_factory=lambda: ["spf-no-notify"], description="Tags that opt out.")
    roles: Roles = Field(default_factory=lambda: ["user"], description="Roles of contacts that are messaged.")
    owner_path: str = Field(
        default="", description="Where a contact says what it is in its company, such as `custom_attributes.role`."
    )
    owner_roles: Texts = Field(
        default_factory=lambda: ["owner", "admin"], description="Who of many is told first, by what stands there."
    )
    max_domains_per_contact: int = Field(default=20, ge=1, le=1000, description="More are reported, not guessed.")


class NotifySettings(_Section):
    """The guards of the notifier."""

    enabled: bool = Field(default=False, description="Nothing is sent while this is false.")
    open_conversation: bool = Field(
        default=False,
        description="A message opens a conversation, which search can find after a crash; it fills the inbox.",
    )
    delivery: Literal["message", "event"] = Field(
        default="message", description="event: write a data event, and let a rule in the workspace send."
    )
    event_name: str = Field(default="spf-notice", description="Name of that event.")
    mark_tag: str = Field(default="spf-notified", description="Tag put on a contact that was messaged; empty: none.")
    subscriptions: Texts = Field(
        default_factory=list,
        description="Kinds of e-mail (names or ids) of which opting out counts; none named: of any kind.",
    )
    reminders: bool = Field(default=True, description="Remind 7 and 30 days after the first message.")
    thanks: bool = Field(default=False, description="One message of thanks when the domain was repaired.")
    min_runs: int = Field(default=2, ge=1, description="Runs in which a fault must have been seen.")
    min_hours_between_runs: float = Field(default=20.0, ge=0, description="Hours between the first and the last.")
    ceiling_per_run: int = Field(default=50, ge=0, description="Messages a run; the rest waits for the next.")
    people_per_domain: int = Field(
        default=3, ge=0, description="People told of one domain in a night; others after a week; 0: all."
    )
    people_per_company: int = Field(default=3, ge=0, description="People of one company told in a night; 0: all.")
    cool_off_days: int = Field(default=30, ge=0, description="Days between the episodes of one person and domain.")
    quiet_hours: Annotated[str, _unless_empty(_as_written(values.hours))] = Field(
        default="", description="Such as `17:00-09:00`, in the workspace's zone; empty: none."
    )
    quiet_days: Days = Field(default_factory=list, description="Days without messages, such as `saturday`.")
    stage: Literal["self", "cohort", "everyone"] = Field(default="self", description="How far the roll-out has come.")
    allow: Texts = Field(default_factory=list, description="Domains and contact ids messaged in stage self.")
    percent: int = Field(default=0, ge=0, le=100, description="Share of domains, by stable hash, in stage cohort.")
    rate_per_second: float = Field(default=1.0, gt=0, description="Messages a second at most.")
    first_batch: int = Field(default=5, ge=0, description="After so many messages of a run, pause once.")
    first_pause_minutes: float = Field(default=10.0, ge=0, description="That pause: time to notice a mistake.")
    plan_max_age_hours: float = Field(default=24.0, gt=0, description="An older plan is not sent.")
    audience_change_max: float = Field(default=0.10, ge=0, le=1, description="Share of the audience that may move.")
    audience_drift_max: float = Field(
        default=0.20, ge=0, le=1, description="Share by which the audience may differ from the baseline's."
    )
    temperror_max: float = Field(
        default=0.05, ge=0, le=1, description="Share of domains that DNS may fail; also of those that may go unchecked."
    )
    newly_broken_max: float = Field(default=0.02, ge=0, le=1, description="Share newly broken since the baseline.")
    newly_broken_floor: int = Field(default=5, ge=0, description="So many newly broken never stop a night.")
    recovery_max: float = Field(default=0.10, ge=0, le=1, description="Share that may recover at once.")
    disagreement_max: float = Field(default=0.01, ge=0, le=1, description="Share on which two engines may differ.")
    api_errors_max: float = Field(default=0.05, ge=0, le=1, description="Share of the last 100 messages that may fail.")
    opt_out_max: float = Field(default=0.02, ge=0, le=1, description="Share of those messaged who may turn away.")
    unclear_quiet_minutes: float = Field(default=15.0, ge=0, description="Wait before an unclear message is looked up.")
    pause_file: str = Field(
        default="spfcheck.pause",
        description="Sending stops while this file exists; relative: beside the settings file, or else the database.",
    )
    hash_key: SecretStr = Field(default=SecretStr(""), description="Key of the hashes that stand for people.")
    plus_addresses_differ: bool = Field(default=False, description="Take `ann+news@` and `ann@` for two people.")
    subject_template: str = Field(default="", description="Path of a template; empty: the one that is shipped.")
    body_template: str = Field(default="", description="Path of a template; empty: the one that is shipped.")


class NightSettings(_Section):
    """Nights that many workers share."""

    at: Cron = Field(default="0 2 * * *", description="When `spfcheck worker` begins a night: cron, in UTC.")
    send_at: Cron = Field(
        default="", description="When its plan is sent: cron, in UTC; empty: as soon as the plan stands."
    )
    stalled_seconds: float = Field(
        default=30.0, ge=1, le=3600, description="A worker that gave no sign of life for so long is taken for dead."
    )


class Settings(BaseSettings):
    """All settings; every field stands in the README or in `docs/settings.md`, and a test says so."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=False,
    )

    host: str = Field(default="127.0.0.1", description="Address that `serve` listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port that `serve` listens on.")
    public_url: WebAddress = Field(
        default="", description="Where people reach the service; links in messages begin with it."
    )
    nameservers: Nameservers = Field(default_factory=list, description="`ip[:port],...`; empty: the system's.")
    second_nameservers: Nameservers = Field(default_factory=list, description="Asked again before a message.")
    zone_rate: float = Field(default=200.0, gt=0, description="Questions a second for one registrable zone.")
    cache_mb: int = Field(default=128, ge=1, description="Memory for DNS answers, in MB.")
    cold_lane: int = Field(default=64, ge=1, description="New checks under way at once; more are answered 503.")
    batch_lane: int = Field(default=64, ge=1, description="Checks under way at once for all batches together.")
    batches_per_key: int = Field(
        default=8, ge=1, description="Batches under way at once for one key; more are answered 429."
    )
    max_connections: int = Field(
        default=2_000, ge=8, description="Connections of one process; fewer where the system allows fewer descriptors."
    )
    opinion_processes: int = Field(
        default=1, ge=1, le=64, description="Processes in which the second engine runs; each is started when needed."
    )
    costly_processes: int = Field(
        default=1, ge=1, le=64, description="Processes for checks of records that are much work."
    )
    cold_per_minute: int = Field(
        default=60, ge=1, description="New checks a minute for one key; more are answered 429."
    )
    batch_per_minute: int = Field(
        default=0, ge=0, description="New checks a minute for one key in batches, which wait; 0: no ceiling."
    )
    report_days: int = Field(default=90, ge=1, description="Days that reports are kept; `db prune` deletes older ones.")
    stop_grace_seconds: float = Field(
        default=2.0, ge=0, le=60, description="After SIGTERM: not ready, but still answering, for so long."
    )
    session_key: SecretStr = Field(
        default=SecretStr(""), description="Signs sign-in cookies, at least 32 characters; empty: made at each start."
    )
    identity_header: Annotated[str, _unless_empty(values.field_name)] = Field(
        default="", description="Header in which a trusted proxy names who has signed in."
    )
    trusted_proxies: Networks = Field(
        default_factory=list, description="Networks from which identity_header is believed."
    )
    mail_from: Annotated[str, AfterValidator(values.mail_from)] = Field(
        default="postmaster@{domain}", description="The MAIL FROM that we send with."
    )
    helo: Annotated[str, AfterValidator(values.host)] = Field(
        default="mail.invalid", description="The HELO name of our servers."
    )
    sender_include: Annotated[str, _unless_empty(values.domain)] = Field(
        default="", description="What a customer includes: the short form of one sender."
    )
    sender_networks: Networks = Field(
        default_factory=list, description="CIDR networks of that sender; empty: read from the include."
    )
    senders: list[SenderSettings] = Field(default_factory=list, description="Several senders, in the file.")
    api_keys: Texts = Field(
        default_factory=list, description="Hashes made by `spfcheck keys new`, separated by commas."
    )
    database_url: str = Field(default="sqlite:///spfcheck.sqlite3", description="Where ledger and reports are kept.")
    log_format: Literal["auto", "json", "console"] = Field(default="auto", description="auto: JSON unless a terminal.")
    intercom: IntercomSettings = Field(default_factory=IntercomSettings)
    audience: AudienceSettings = Field(default_factory=AudienceSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    night: NightSettings = Field(default_factory=NightSettings)

    @field_validator("session_key")
    @classmethod
    def _session_key_is_long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SESSION_KEY_CHARACTERS:
            raise ValueError(f"must have at least {SESSION_KEY_CHARACTERS} characters")
        return value

    @model_validator(mode="after")
    def _one_way_to_name_senders(self) -> Settings:
        if self.senders and (self.sender_include or self.sender_networks):
            raise ValueError("name your senders either by sender_include and sender_networks or by [[senders]]")
        if self.sender_networks and not self.sender_include:
            raise ValueError("sender_networks needs sender_include: it is what a customer adds")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options over variables over secrets over the file; no `.env` is read behind anybody's back."""
        del dotenv_settings, file_secret_settings
        sources = [init_settings, env_settings]
        if secrets := os.environ.get(SECRETS_VARIABLE):
            if not Path(secrets).is_dir():
                raise SettingsError(f"The secrets directory {secrets} ({SECRETS_VARIABLE}) does not exist.")
            nested = NestedSecretsSettingsSource(SecretsSettingsSource(settings_cls, secrets))
            sources.append(nested)
        sources.append(_File(settings_cls))
        return tuple(sources)

    def sender_profiles(self) -> list[SenderSettings]:
        """The senders, however they were named; empty when none is."""
        named = self.senders
        if self.sender_include:
            named = [SenderSettings(include=self.sender_include, networks=self.sender_networks)]
        return [sender.model_copy(update={"name": sender.name or sender.include}) for sender in named]


class _File(TomlConfigSettingsSource):
    """The settings file; without one that is named, `spfcheck.toml` where the process runs, if it is there."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        named = os.environ.get(CONFIG_VARIABLE)
        path = Path(named or "spfcheck.toml")
        if named and not path.is_file():
            raise SettingsError(f"The settings file {path} ({CONFIG_VARIABLE}) is no file.")
        try:
            super().__init__(settings_cls, toml_file=path)
        except OSError as error:
            raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error


def load(**overrides: Any) -> Settings:
    """The settings of this process.

    Raises `SettingsError`, with one sentence for each fault, for a file that cannot be read, an unknown key or a value
    that is none. *overrides* stand above all else (the command line's options); those that are None are left out.
    """
    _refuse_unknown_variables(os.environ)
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(fault) for fault in error.errors())) from error
    notify = settings.notify.model_copy(update={"pause_file": str(_pause_path(settings))})
    return settings.model_copy(update={"notify": notify})


def _pause_path(settings: Settings) -> Path:
    """The pause file as an absolute path: the same for cron, for a shell, and wherever else either of them stands.

    A relative one belongs beside the settings file where one is named, else beside the database, else at home.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    _, is_file, database = settings.database_url.partition("sqlite:///")
    beside = Path(named).absolute().parent if named else Path(database).absolute().parent if is_file else Path.home()
    return beside / Path(settings.notify.pause_file).expanduser()


@cache
def known_variables() -> dict[str, tuple[str, ...]]:
    """Every variable that the product reads, with the field that it sets."""
    names: dict[str, tuple[str, ...]] = {}
    for name, info in Settings.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner in kind.model_fields:
                names[f"{PREFIX}{name}_{inner}".upper()] = (name, inner)
        elif name != "senders":
            names[f"{PREFIX}{name}".upper()] = (name,)
    return names


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = set(known_variables()) | {CONFIG_VARIABLE, SECRETS_VARIABLE}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"No setting is called {', '.join(unknown)}; see docs/settings.md for those that exist.")


def _sentence(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"No setting is called {where}."
    message = fault["msg"].removeprefix("Value error, ")
    if not where:
        return f"The settings cannot be used: {message}."
    variable = next((name for name, field in known_variables().items() if field == fault["loc"][: len(field)]), "")
    return f"The setting {where}{f' ({variable})' if variable else ''} cannot be used: {message}."
