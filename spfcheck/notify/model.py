"""The words of the notifier: states, steps, reasons, and the plan as every face shows it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from spfcheck.audit.report.model import as_json


class NotifyError(Exception):
    """The notifier cannot or may not go on; the message is one clear sentence."""


class RefusedError(NotifyError):
    """A guard refuses: nothing was sent, and nothing will be until what it says is settled."""


class MessageStep(StrEnum):
    """Which message of an episode."""

    FIRST = "first"
    DAY7 = "day7"
    DAY30 = "day30"
    THANKS = "thanks"


class NoticeState(StrEnum):
    """Where a notice of the ledger stands. Lost would mean: still open, no message and no reason."""

    PLANNED = "planned"
    WAITING = "waiting"
    """Not now: a ceiling, quiet hours, the stage; the next night decides again."""
    SENDING = "sending"
    """Claimed, and committed before the call."""
    SENT = "sent"
    REJECTED = "rejected"
    """The API refused the message itself."""
    SUPPRESSED = "suppressed"
    """Never: consent, opt-out, a person's decision; the reason says which."""
    UNCLEAR = "unclear"
    """The call may or may not have been processed."""


class Decision(StrEnum):
    """What a plan intends for a domain."""

    MESSAGE = "message"
    LEFT_ALONE = "left-alone"


class Reason(StrEnum):
    """Why a domain or a person is left alone; closed, stable, and each with its sentence."""

    PASSES = "passes"
    AT_RISK = "at-risk"
    DNS_FAILED = "dns-failed"
    NOT_CHECKED = "not-checked"
    STALE = "stale"
    FILTERED = "filtered"
    NO_SUCH_DOMAIN = "no-such-domain"
    SENDS_NO_MAIL = "sends-no-mail"
    ANOTHER_DOMAIN = "another-domain"
    NEEDS_A_PERSON = "needs-a-person"
    OURS = "ours"
    WWW = "www"
    NOT_PROVEN = "not-proven"
    ENGINES_DIFFER = "engines-differ"
    NO_OPINION = "no-opinion"
    RESOLVERS_DIFFER = "resolvers-differ"
    UNCONFIRMED_NEGATIVE = "unconfirmed-negative"
    NOT_YET_CONFIRMED = "not-yet-confirmed"
    CHANGED = "changed"
    ALREADY_TOLD = "already-told"
    COOL_OFF = "cool-off"
    ONE_A_NIGHT = "one-a-night"
    OTHERS_FIRST = "others-first"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    MARKED_SPAM = "marked-spam"
    CONSENT_UNKNOWN = "consent-unknown"
    OPTED_OUT = "opted-out"
    SUPPRESSED = "suppressed"
    NO_ADDRESS = "no-address"
    ROLE = "role"
    NO_LEDGER_ROW = "no-ledger-row"
    CONTACT_GONE = "contact-gone"
    DOMAIN_MOVED = "domain-moved"
    ADDRESS_CHANGED = "address-changed"
    OUTSIDE_AUDIENCE = "outside-audience"
    OUTSIDE_STAGE = "outside-stage"
    SWITCHED_OFF = "switched-off"
    UNCLEAR = "unclear"
    CEILING = "ceiling"
    QUIET_HOURS = "quiet-hours"
    STOPPED = "stopped"
    SUPERSEDED = "superseded"
    REPAIRED = "repaired"
    API_REFUSED = "api-refused"
    FORGOTTEN = "forgotten"
    BY_HAND = "by-hand"

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return _SENTENCES[self]


_SENTENCES: Mapping[Reason, str] = {
    Reason.PASSES: "All our senders pass.",
    Reason.AT_RISK: "Our senders pass today; the page shows what threatens that.",
    Reason.DNS_FAILED: "DNS did not answer, which is not the customer's fault.",
    Reason.NOT_CHECKED: "The domain could not be checked: its part of the night was given up.",
    Reason.STALE: "The answers are older than a message may rest on.",
    Reason.FILTERED: "The resolver blocks or censors a name that the verdict needs.",
    Reason.NO_SUCH_DOMAIN: "The domain does not exist: support should ask for the right one.",
    Reason.SENDS_NO_MAIL: "The domain declares that it sends no mail at all.",
    Reason.ANOTHER_DOMAIN: "The name has no mail, and the domain above it has: support should ask which is meant.",
    Reason.NEEDS_A_PERSON: "No edit could be proven to repair the record: a person has to look.",
    Reason.OURS: "The domain is ours, or below one of ours: whoever looks after our own DNS has to look.",
    Reason.WWW: "It is the www. of a domain that is sound: support should ask which of them the customer sends as.",
    Reason.NOT_PROVEN: "The remedy carries no proof.",
    Reason.ENGINES_DIFFER: "The second engine does not agree.",
    Reason.NO_OPINION: "The second engine has no opinion.",
    Reason.RESOLVERS_DIFFER: "A second resolver sees it differently.",
    Reason.UNCONFIRMED_NEGATIVE: "A negative answer came without its SOA, and no second resolver confirms it.",
    Reason.NOT_YET_CONFIRMED: "Seen too few nights to be sure.",
    Reason.CHANGED: "The fault changed since it was last seen.",
    Reason.ALREADY_TOLD: "Everybody concerned was told already.",
    Reason.COOL_OFF: "The person was told of this domain not long ago.",
    Reason.OTHERS_FIRST: "Others of the domain or company are told first; this person is told if nobody acts.",
    Reason.ONE_A_NIGHT: "The person gets another message this night.",
    Reason.UNSUBSCRIBED: "The contact unsubscribed.",
    Reason.BOUNCED: "Mail to the contact bounced.",
    Reason.MARKED_SPAM: "The contact marked our mail as spam.",
    Reason.CONSENT_UNKNOWN: "A consent flag of the contact is missing.",
    Reason.OPTED_OUT: "The contact carries a tag that opts out.",
    Reason.SUPPRESSED: "The person is on the local suppression list.",
    Reason.NO_ADDRESS: "The contact has no mail address.",
    Reason.ROLE: "The contact is not of the role that is messaged.",
    Reason.NO_LEDGER_ROW: "The contact carries our tag, and the ledger knows of no message: was a backup restored?",
    Reason.CONTACT_GONE: "The contact is gone or was merged.",
    Reason.DOMAIN_MOVED: "The contact no longer names this domain.",
    Reason.ADDRESS_CHANGED: "The contact has another mail address than when the plan was made.",
    Reason.OUTSIDE_AUDIENCE: "The filters of the audience no longer find the contact.",
    Reason.OUTSIDE_STAGE: "The roll-out has not come to this domain.",
    Reason.SWITCHED_OFF: "Messages of this kind are switched off.",
    Reason.UNCLEAR: "Nobody knows whether the last message arrived: see notify unclear.",
    Reason.CEILING: "The ceiling of the run is reached; it waits for the next.",
    Reason.QUIET_HOURS: "It is quiet hours in the workspace's time zone.",
    Reason.STOPPED: "The run stopped before its turn.",
    Reason.SUPERSEDED: "A later plan decides.",
    Reason.REPAIRED: "The domain was repaired.",
    Reason.API_REFUSED: "The messaging API refused the message.",
    Reason.FORGOTTEN: "The person was forgotten on request.",
    Reason.BY_HAND: "A person decided so.",
}


class Brake(NamedTuple):
    """One brake as it was evaluated on the whole night."""

    name: str
    value: float
    threshold: float
    tripped: bool
    sentence: str
    """What it measured, with the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What a plan says of one domain."""

    domain: str
    status: str
    finding: str
    """The code of the finding that decides; empty where nothing is wrong."""
    remedy: str
    """The kind of remedy."""
    decision: Decision
    reason: str
    """Why it is left alone (a `Reason`); empty with a message."""
    detail: str
    """The reason in words, with figures where they help."""
    persons: int
    """How many people will be messaged."""
    held: Mapping[str, int] = field(default_factory=dict)
    """How many are not, by reason."""
    step: str = ""
    record: str = ""
    """The proven record, with remedy publish and replace."""
    report_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One message that a plan intends: one person, one step, all domains concerned."""

    ref: str
    """The word by which the message can be found again."""
    person: str
    """Keyed hash of the normalised address."""
    contact_id: str
    step: MessageStep
    domains: tuple[str, ...]
    episodes: tuple[int, ...]
    """Of each domain, in the same order."""
    contacts: tuple[str, ...]
    """Which contact of the person names each domain, in the same order; *contact_id* is the one that is written to."""
    waiting: str = ""
    """Why it will not be sent with this plan (`ceiling`, `outside-stage`); empty when it will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A frozen night: whom we would message and why, and why not the others.

    *rows* holds every domain that is not simply fine; those are counted in *totals* under ``ok`` and listed by
    `Notifier.rows`.
    """

    id: str
    workspace: str
    created_at: float
    hash: str
    policy: str
    """The name of the guards it was made under."""
    contacts: int
    """As the search counted them."""
    people: int
    domains: int
    totals: Mapping[str, int]
    """How many domains, by status; ``messages``, ``people_messaged``, ``waiting``, ``left_alone``."""
    reasons: Mapping[str, int]
    """How many domains are left alone, by reason."""
    brakes: tuple[Brake, ...]
    rows: tuple[PlanRow, ...]
    intents: tuple[Intent, ...]
    refused: tuple[tuple[str, str, str], ...] = ()
    """Texts that customers typed where a domain belongs, why they are none, and the contact; the first 200."""
    baseline: str = ""
    """The approved plan that it was measured against; empty on the first night."""
    approved_by: str = ""
    approved_at: float = 0.0
    seconds: float = 0.0

    @property
    def tripped(self) -> tuple[Brake, ...]:
        """The brakes that hold this plan."""
        return tuple(brake for brake in self.brakes if brake.tripped)

    def as_json(self) -> dict[str, Any]:
        """The plan for a program; no address stands in it, as none stands in the plan."""
        return {
            **{name: as_json(getattr(self, name)) for name in PLAIN_FIELDS},
            "brakes": [brake._asdict() for brake in self.brakes],
            "rows": [as_json(row) for row in self.rows],
            "intents": [as_json(intent) for intent in self.intents],
            "refused": [list(refusal) for refusal in self.refused],
        }

    def as_csv(self) -> str:
        """The rows for a spreadsheet, one for each person that a domain's message goes to, or waits for.

        A cell that a spreadsheet would run as a formula is quoted.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow((*CSV_COLUMNS, *CSV_PEOPLE))
        people: dict[str, list[Intent]] = {}
        for intent in self.intents:
            for domain in intent.domains:
                people.setdefault(domain, []).append(intent)
        for row in self.rows:
            cells = [_cell(getattr(row, name)) for name in CSV_COLUMNS]
            intents = people.pop(row.domain, [])
            for intent in intents:
                writer.writerow([*cells, *(_cell(getattr(intent, name)) for name in CSV_PEOPLE)])
            if not intents:
                writer.writerow([*cells, *("" for _ in CSV_PEOPLE)])
        return out.getvalue()


CSV_COLUMNS = ("domain", "status", "finding", "remedy", "decision", "reason", "detail", "persons", "step", "record")

CSV_PEOPLE = ("person", "contact_id", "ref", "waiting")
"""Of the message that names the domain, where one does."""

PLAIN_FIELDS = (
    "id",
    "workspace",
    "created_at",
    "hash",
    "policy",
    "contacts",
    "people",
    "domains",
    "totals",
    "reasons",
    "baseline",
    "approved_by",
    "approved_at",
    "seconds",
)
"""The fields of a plan that are written down as they are."""


def _cell(value: object) -> str:
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    # Spreadsheets run a cell that begins so as a formula; what a stranger's DNS says must not run.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSummary:
    """What one run of sending did."""

    plan_id: str
    sent: int = 0
    suppressed: int = 0
    waiting: int = 0
    rejected: int = 0
    unclear: int = 0
    reconciled: int = 0
    """Unclear messages that were found or found missing before this run began."""
    stopped: str = ""
    """Why it ended early, in a sentence; empty when everything had its turn."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How many notices were suppressed or wait, by reason."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What `Notifier.run` did: a plan, and what was sent of it."""

    plan: Plan
    sending: SendSummary | None
    refused: str = ""
    """Why nothing was sent, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSummary:
    """What became of the unclear messages that were due."""

    found: int = 0
    """Had arrived: now sent."""
    missing: int = 0
    """Had not arrived: will be sent again."""
    undecided: int = 0
    """Still unclear: for `notify unclear`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclearMessage:
    """A message of which nobody knows whether it arrived."""

    ref: str
    contact_id: str
    step: str
    domains: tuple[str, ...]
    since: float
    attempts: int
    reason: str
    """What happened, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyStatus:
    """The notifier at a glance."""

    workspace: str
    policy: str
    enabled: bool
    stage: str
    paused: str
    """Why sending is paused, in a sentence; empty when it is not."""
    brakes: tuple[str, ...]
    """Brakes that tripped and were not lifted, a sentence each."""
    last_plan: str
    last_plan_at: float
    baseline: str
    last_sent_at: float
    last_success_at: float
    """When a run last came to its end without being stopped."""
    states: Mapping[str, int]
    """How many messages of the ledger stand in each state."""
    open_episodes: int
    unchecked: int = 0
    """Domains of the workers' newest night that none of them could check."""
    night_since: float = 0.0
    """When the night began that workers are planning now; 0 while they plan none."""
    pause_file: str = ""
    """Where the file is looked for that stops sending, as an absolute path."""
    stops: tuple[str, ...] = ()
    """Pause and brakes by the names that lift them, such as ``newly-broken#12``."""
    sender: str = ""
    """Who holds the sender's lock, since when, doing what; empty when nobody does."""
    approval: str = ""
    """The plan whose approval is in force."""
    unapproved: str = ""
    """Why nothing may be sent under it; empty when it covers what is set."""


class Progress(NamedTuple):
    """How far a stage has come; *total* is 0 while nobody knows."""

    stage: str
    """``contacts``, ``domains``, ``messages``."""
    done: int
    total: int
    item: str = ""
    """What was just dealt with, and how it ended."""


OnProgress = Callable[[Progress], None]
"""Called with each `Progress`; must not block."""
