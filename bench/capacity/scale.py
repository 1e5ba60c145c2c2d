"""The capacity plan: what a domain, a contact and a message cost, measured, and what a large night needs, computed.

`python -m bench --part scale` prints both as Markdown; `python -m bench.capacity.scale` writes them into docs/scale.md.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.capacity.audits import Audits, audits
from bench.capacity.cluster import Night, by_workers
from bench.capacity.ledger import Databases, contact_cpu, databases
from bench.registry import Table, part

__all__ = ["ASSUMED", "SIZES", "Assumed", "Costs", "Needs", "blocks", "needs", "write"]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
SIZES = (1_000_000, 10_000_000, 300_000_000)
GIGA = 1e9
HOUR = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What cannot be measured here, and an operator replaces by own figures."""

    contacts: float = 1.5
    """A domain's contacts."""
    broken: float = 0.10
    """Share of domains that need their owner."""
    newly: float = 0.001
    """Share of domains about which a message goes out in a usual night."""
    hours: float = 6.0
    """In which the audits are to be over."""
    busy: float = 0.7
    """Share of a core that work may take, so that a slow hour does no harm."""
    upstream: float = 3.0
    """Questions to authorities for one that comes to the resolver: delegations, and keys where a zone is signed."""
    api_minute: float = 10_000.0
    """Requests a minute that the messaging API grants an app (docs/notify.md)."""
    api_share: float = 0.2
    """The part of it that the notifier takes."""
    page: int = 150
    """Contacts that one request brings."""
    calls: float = 5.0
    """Requests of one message: contact, tags, companies, the message, its tag."""
    sends: float = 1.0
    """`notify.rate_per_second`."""


ASSUMED = Assumed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Everything that was measured."""

    audits: Audits
    databases: Databases
    contact_cpu: float
    nights: Sequence[Night] = ()
    """By `spfcheck worker`, as many processes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a night of so many domains needs; hours and cores are of one machine class, see the document."""

    domains: int
    contacts: float
    messages: float
    read_hours: float
    """Reading the audience within our share of the API's limit."""
    read_core_hours: float
    audit_core_hours: float
    audit_cores: float
    """Workers that end the audits in time; one process uses one core."""
    questions: float
    questions_second: float
    resolver_cores: float
    write_hours: float
    """Sightings: chunks are taken in one after the other, whoever audited them."""
    log_gigabytes: float
    settle_minutes: float
    domain_gigabytes: float
    member_gigabytes: float
    found_gigabytes: float
    finish_gigabytes: float
    """In the memory of the process that makes the plan, at least."""
    send_hours: float
    sendable: float
    """Messages that the API's limit lets out in ten hours at most."""
    ledger_gigabytes: float
    """Of two years of messages."""


def needs(costs: Costs, domains: int, assumed: Assumed = ASSUMED) -> Needs:
    """What a night of *domains* needs by *costs*."""
    audit, ledger = costs.audits, costs.databases
    contacts, messages = domains * assumed.contacts, domains * assumed.newly
    requests = assumed.api_minute / 60 * assumed.api_share
    work = domains * (assumed.broken * audit.broken_cpu + (1 - assumed.broken) * audit.sound_cpu)
    questions = domains * audit.questions
    window = assumed.hours * HOUR
    return Needs(
        domains=domains,
        contacts=contacts,
        messages=messages,
        read_hours=contacts / assumed.page / requests / HOUR,
        read_core_hours=contacts * costs.contact_cpu / HOUR,
        audit_core_hours=work / HOUR,
        audit_cores=work / window / assumed.busy,
        questions=questions,
        questions_second=questions / window,
        resolver_cores=questions * assumed.upstream * audit.resolver_cpu / window / assumed.busy,
        write_hours=domains * ledger.sighting / HOUR,
        log_gigabytes=domains * ledger.sighting_log / GIGA,
        settle_minutes=domains * ledger.accept / 60,
        domain_gigabytes=domains * ledger.domain_bytes / GIGA,
        member_gigabytes=contacts * ledger.member_bytes / GIGA,
        found_gigabytes=domains * assumed.broken * audit.found_bytes / GIGA,
        finish_gigabytes=domains * assumed.broken * audit.found_memory / GIGA,
        send_hours=messages / min(assumed.sends, requests / assumed.calls) / HOUR,
        sendable=requests / assumed.calls * 10 * HOUR,
        ledger_gigabytes=messages * 730 * ledger.message_bytes / GIGA,
    )


# -- tables ------------------------------------------------------------------------------------------------------------


def cost_rows(costs: Costs) -> list[tuple[str, str, str]]:
    """What was measured: what of, the figure, and how."""
    audit, ledger = costs.audits, costs.databases
    rows = [
        ("a domain that is sound: worker's CPU", f"{audit.sound_cpu * 1e3:.2f} ms", "audit, cold caches"),
        ("a domain that needs its owner: CPU", f"{audit.broken_cpu * 1e3:.1f} ms", "with remedy, proof and pyspf"),
        ("a domain: questions to the resolver", f"{audit.questions:.2f}", "providers' includes are shared"),
        ("a question: resolver's CPU", f"{audit.resolver_cpu * 1e6:.0f} us", "Unbound, cold, all before its authority"),
        ("one process that audits", f"{audit.rate_one:,.0f} domains/s", f"{audit.broken:.0%} of them broken"),
        ("two such processes", f"{audit.rate_two:,.0f} domains/s", "resolver and authority on the same cores"),
        ("two such processes: CPU of a domain", f"{audit.cpu_two:.2f} times", "of one's; each has a cache of its own"),
        *(
            (
                f"a night by `spfcheck worker`, {night.workers} at once",
                f"{night.rate:,.0f} domains/s",
                f"{night.domains:,} domains; planned {night.deciding:.1f} s after the last audit",
            )
            for night in costs.nights
        ),
        ("a finding: memory to make the plan", f"{audit.found_memory / 1e3:.1f} kB", "at least, by tracemalloc"),
        ("a worker: memory", f"{audit.rss_mb:.0f} MB", f"{audit.domains:,} domains"),
        ("a contact: planner's CPU", f"{costs.contact_cpu * 1e6:.0f} us", "read over HTTP, mapped, kept"),
        ("a message: the ledger on SQLite", f"{ledger.sqlite_message * 1e3:.1f} ms", "each step on the disk"),
    ]
    if ledger.postgres_message is not None:
        rows += [
            ("a message: the ledger on Postgres", f"{ledger.postgres_message * 1e3:.1f} ms", "each step on the disk"),
            ("a message: room in Postgres", f"{ledger.message_bytes / 1e3:.1f} kB", "letter, notice, attempt, trail"),
            ("a message: deleted by `db prune`", f"{ledger.pruned * 1e6:.0f} us", "with all that hangs on it"),
            ("a domain: written after its audit", f"{ledger.sighting * 1e6:.0f} us", "500 in a transaction"),
            ("a domain: log (WAL) for that", f"{ledger.sighting_log:.0f} B", "from the second night on"),
            ("a domain: the night's settling", f"{ledger.accept * 1e6:.1f} us", "as it was the night before"),
            ("a domain: room in Postgres", f"{ledger.domain_bytes:.0f} B", "after two nights, with indexes"),
            ("a contact of a night under way: room", f"{ledger.member_bytes:.0f} B", "gone once the plan is made"),
            ("a new check against a shared ceiling", f"{ledger.spend * 1e3:.2f} ms", "one statement, on the disk"),
        ]
    return rows


def night_rows(nights: Sequence[Needs]) -> list[tuple[str, ...]]:
    """What nights need, a column each."""
    kinds: tuple[tuple[str, Callable[[Needs], str]], ...] = (
        ("contacts", lambda n: _short(n.contacts)),
        ("reading them: hours within our share of the API", lambda n: f"{n.read_hours:.1f}"),
        ("reading them: core-hours (one planner)", lambda n: f"{n.read_core_hours:.1f}"),
        ("auditing: core-hours", lambda n: f"{n.audit_core_hours:,.1f}"),
        ("auditing: worker processes", lambda n: f"{math.ceil(n.audit_cores):,}"),
        ("questions to resolvers", lambda n: _short(n.questions)),
        ("questions a second", lambda n: f"{n.questions_second:,.0f}"),
        ("resolver cores", lambda n: f"{math.ceil(n.resolver_cores):,}"),
        ("writing what was seen: hours, one after the other", lambda n: f"{n.write_hours:.2f}"),
        ("Postgres log (WAL) of that", lambda n: _room(n.log_gigabytes)),
        ("settling: minutes", lambda n: f"{n.settle_minutes:.1f}"),
        ("table of domains", lambda n: _room(n.domain_gigabytes)),
        ("audience of the night under way", lambda n: _room(n.member_gigabytes)),
        ("what was found, in the database", lambda n: _room(n.found_gigabytes)),
        ("what was found, in the finisher's memory", lambda n: _room(n.finish_gigabytes)),
        ("messages in a usual night", lambda n: _short(n.messages)),
        ("sending them: hours at `rate_per_second`", lambda n: f"{n.send_hours:.1f}"),
        ("messages that our share of the API allows in 10 hours", lambda n: _short(n.sendable)),
        ("ledger of two years", lambda n: _room(n.ledger_gigabytes)),
    )
    return [(label, *(tell(night) for night in nights)) for label, tell in kinds]


def _short(number: float) -> str:
    for size, unit in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:,.{0 if number >= 10 * size else 1}f}".removesuffix(".0") + f" {unit}"
    return f"{round(number, -3):,.0f}" if number >= 10_000 else f"{number:,.0f}"


def _room(gigabytes: float) -> str:
    if gigabytes < 0.1:
        return f"{gigabytes * 1e3:.0f} MB"
    return f"{gigabytes:,.{0 if gigabytes >= 10 else 1}f} GB"


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """A table as a document has it: figures to the right, and the columns of *words* to the left."""
    marks = ["---" if number in words else "---:" for number in range(len(columns))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, marks, *rows))


def blocks(costs: Costs, where: str) -> dict[str, str]:
    """The two tables of docs/scale.md, by name."""
    nights = [needs(costs, size) for size in SIZES]
    return {
        "measured": f"{where}\n\n{markdown(('what', 'measured', 'how'), cost_rows(costs), (0, 2))}",
        "nights": markdown(("a night of", *(f"{_short(size)} domains" for size in SIZES)), night_rows(nights)),
    }


def write(text: str, made: dict[str, str]) -> str:
    """*text* with each of the blocks replaced that stand between its marks."""
    for name, block in made.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, mark, after = rest.partition(end)
        assert mark, f"{name} has no place in the document"
        text = f"{before}{begin}\n{block}\n{end}{after}"
    return text


def measure(quick: bool) -> tuple[Costs, str]:
    """The costs, and a sentence on when, on what and how loaded they were measured."""
    began = os.getloadavg()[0]
    costs = Costs(
        audits=audits(quick),
        databases=databases(quick),
        contact_cpu=contact_cpu(quick),
        nights=by_workers(quick),
    )
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown make")
    server = costs.databases.version or "(none)"
    where = (
        f"Measured on {time.strftime('%Y-%m-%d')} on {os.cpu_count()} cores of {model}, CPython "
        f"{platform.python_version()}, Postgres {server}, {costs.audits.servers}; the machine's load was {began:.1f} "
        f"before and {os.getloadavg()[0]:.1f} after."
    )
    return costs, where


@part("scale")
def scale(quick: bool) -> Table:
    """What a night costs, and what large ones need."""
    costs, where = measure(quick)
    made = blocks(costs, where)
    return Table(
        title="What a night costs",
        columns=("what", "measured", "how"),
        rows=cost_rows(costs),
        notes=[made["nights"], "", where],
        ratios={
            "sound_domain_ms": costs.audits.sound_cpu * 1e3,
            "broken_domain_ms": costs.audits.broken_cpu * 1e3,
            "two_workers_vs_one": costs.audits.rate_two / costs.audits.rate_one,
        },
    )


def main() -> None:
    """Measure, and write the tables into the document."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity.scale", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, for a first impression")
    costs, where = measure(parser.parse_args().quick)
    DOCUMENT.write_text(write(DOCUMENT.read_text(), blocks(costs, where)))
    print(f"Written into {DOCUMENT.name}.")


if __name__ == "__main__":
    main()
