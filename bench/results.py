"""What a run of everything leaves behind: tables to read, figures for programs, and plots."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.registry import HEADLINES, Table
from bench.servers import CPUS
from bench.svg import Bar, Line, bars, lines

__all__ = ["FOLDER", "write"]

FOLDER = Path(__file__).resolve().parent / "results"
MEANINGS = {
    "audits_per_s_vs_pyspf": "our whole audits a second, over pyspf's checks with 32 threads",
    "audits_per_s_vs_checkdmarc": "the same, over checkdmarc's with 32 threads",
    "audits_per_s_vs_spftrace": "the same, over spftrace's, 32 at a time",
    "audits_per_s_vs_go": "the same, over the Go engine's with 200 goroutines and no cache of its own",
    "audits_per_s_vs_dnsperf_limit": "the same, over what dnsperf could ask for (1 is the limit of the line)",
    "check_host_memory_vs_pyspf": "check_host() of a typical record, DNS in memory: pyspf's time over ours",
    "check_host_memory_vs_go": "the same: the Go engine's time over ours",
    "cold_latency_vs_best_peer": "median time of a cold check: the soonest peer's over ours",
    "cold_latency_vs_limit": "the same: ours over the depth of the tree in round trips (1 is the limit)",
    "http_cached_vs_bare_aiohttp": "cached checks over HTTP, over a constant answer by aiohttp alone",
    "dns_queries_vs_dnspython": "DNS questions a second, over dnspython's at its best",
}


def write(tables: Mapping[str, Table], ratios: Mapping[str, float | None], minutes: float, into: Path = FOLDER) -> None:
    """Write `latest.json`, `README.md` and the plots into *into*."""
    into.mkdir(exist_ok=True)
    machine = machine_of()
    document = {
        "machine": machine,
        "minutes": round(minutes, 1),
        "ratios": ratios,
        "tables": {
            name: {
                "title": table.title,
                "columns": list(table.columns),
                "rows": [list(row) for row in table.rows],
                "notes": list(table.notes),
                "data": table.data,
            }
            for name, table in tables.items()
        },
    }
    (into / "latest.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    drawn = dict(plots(tables))
    for name, picture in drawn.items():
        (into / name).write_text(picture, encoding="utf-8")
    readme = "\n".join(_readme(tables, ratios, machine, minutes, list(drawn)))
    (into / "README.md").write_text(readme, encoding="utf-8")


def machine_of() -> dict[str, Any]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": len(CPUS),
        "memory_gb": round(memory),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[2], 1),
    }


def _readme(
    tables: Mapping[str, Table],
    ratios: Mapping[str, float | None],
    machine: Mapping[str, Any],
    minutes: float,
    pictures: list[str],
) -> Iterator[str]:
    yield "# What was measured"
    yield ""
    yield (
        f"By `make bench` in {minutes:.0f} minutes on {machine['cores']} cores of an {machine['processor']}, "
        f"{machine['memory_gb']} GB, CPython {machine['python']}, {machine['system']}; the mean load of the last "
        f"quarter of an hour was {machine['load']}. `latest.json` has the same for programs."
    )
    if machine["load"] > machine["cores"] + 1:
        yield ""
        yield (
            "**The machine had other work to do.** Rates and times are then worst for whoever has one thread only, as "
            "we have; the columns of CPU time hold."
        )
    yield ""
    for name in pictures:
        yield f"![{name.removesuffix('.svg')}]({name})"
        yield ""
    yield "| ratio | | what it is |"
    yield "|---|---:|---|"
    for name in HEADLINES:
        value = ratios.get(name)
        yield f"| `{name}` | {'not measured' if value is None else f'{value:.2f}'} | {MEANINGS[name]} |"
    versions = tables["audits"].data.get("versions", {}) if "audits" in tables else {}
    if versions:
        yield ""
        yield "Versions: " + "; ".join(dict.fromkeys(versions.values())) + f"; {tables['audits'].data['servers']}."
    for name, table in tables.items():
        yield ""
        yield f"## {table.title}"
        yield ""
        yield from _markdown(table)
        yield ""
        yield f"`make bench PART={name}`"
        for note in table.notes:
            yield ""
            yield note if note.startswith("|") else _plain(note)  # a table of its own, or words
    yield ""


def _markdown(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(_plain(cell) for cell in table.columns) + " |"
    yield "|---" + "|---:" * (len(table.columns) - 1) + "|"
    for row in table.rows:
        yield "| " + " | ".join(_plain(cell) for cell in row) + " |"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


# -- plots -------------------------------------------------------------------------------------------------------------


def plots(tables: Mapping[str, Table]) -> Iterator[tuple[str, str]]:
    """The pictures that *tables* hold figures for, by file name."""
    if "audits" in tables:
        yield "audits.svg", _audits(tables["audits"].data)
    if tables.get("latency") and tables["latency"].data:
        yield "latency.svg", _latency(tables["latency"].data)
    if tables.get("growth") and tables["growth"].data:
        yield from _growth(tables["growth"].data)


def _audits(data: Mapping[str, Any]) -> str:
    items = sorted(data["engines"].values(), key=lambda one: -one["rate"])
    drawn = [Bar(one["title"], one["rate"], f"{one['rate']:,.0f}", _kind(one)) for one in items]
    return bars(
        "Customers' domains a second, on one core", "over DNS, the resolver's cache hot; longer is better", drawn
    )


def _latency(data: Mapping[str, Any]) -> str:
    items = sorted(data["engines"].values(), key=lambda one: one["p50_ms"])
    drawn = [Bar("what the tree's depth allows", data["limit_p50_ms"], f"{data['limit_p50_ms']:.0f} ms", "limit")]
    drawn += [Bar(one["title"], one["p50_ms"], f"{one['p50_ms']:.0f} ms", _kind(one)) for one in items]
    return bars("One cold check, 20 ms a DNS question", "median; shorter is better", drawn)


def _growth(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, plot in data.items():
        drawn = [Line(one["name"], one["points"], "ours") for one in plot["lines"]]
        yield f"growth-{name}.svg", lines(plot["title"], plot["subtitle"], plot["across"], drawn)


def _kind(one: Mapping[str, Any]) -> str:
    return "ours" if one["ours"] else "peer"
