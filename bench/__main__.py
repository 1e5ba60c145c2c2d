"""`python -m bench [--part NAME] [--quick]`: run the tables, print each, and the ratios as JSON on the last line.

A run of everything writes its tables and plots into bench/results. A quick one runs what the headline ratios need, on
fewer domains, and writes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import signal
import sys
import time
import traceback
from types import FrameType

import bench
from bench import results
from bench.registry import HEADLINES, TABLES, Table
from bench.servers import CPUS


def load_parts() -> None:
    """Import every module of this folder, which registers its parts."""
    for module in sorted(pkgutil.iter_modules(bench.__path__), key=lambda module: module.name):
        if not module.name.startswith("_") and module.name != "registry":
            importlib.import_module(f"bench.{module.name}")


def render(table: Table) -> str:
    """The table as aligned text: the first column to the left, figures to the right."""
    lines = [list(table.columns), *(list(row) for row in table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    out = [table.title, "-" * len(table.title)]
    for line in lines:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        out.append("  ".join(cells).rstrip())
    return "\n".join([*out, *table.notes, ""])


def chosen(only: list[str] | None, quick: bool) -> list[str]:
    """The parts to run: those of the headlines first, in their order, then the others by name."""
    headlines = list(dict.fromkeys(source.partition(".")[0] for source in HEADLINES.values()))
    every = [*headlines, *sorted(set(TABLES) - set(headlines))]
    if only is not None:
        return [name for name in every if name in only]
    return headlines if quick else every


def ratios_of(tables: dict[str, Table]) -> dict[str, float | None]:
    """The headline ratios, null where they were not measured, then each part's own."""
    own = {f"{name}.{key}": round(value, 3) for name, table in tables.items() for key, value in table.ratios.items()}
    return {**{name: own.get(source) for name, source in HEADLINES.items()}, **own}


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + number)  # by an exception, so that name servers end and folders go


def main(arguments: list[str] | None = None) -> int:
    load_parts()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--part", choices=sorted(TABLES), action="append", help="only this part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first impression")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    print(f"CPython {platform.python_version()} on {platform.platform()}\n")
    tables: dict[str, Table] = {}
    failed = []
    began = time.monotonic()
    for name in chosen(options.part, options.quick):
        os.sched_setaffinity(0, CPUS)  # a part may have pinned this process
        try:
            tables[name] = TABLES[name](options.quick)
        except Exception:  # noqa: BLE001 - it is printed, and the run fails in the end
            # One part that fails must not take the figures of the others with it; its ratios are null.
            traceback.print_exc()
            failed.append(name)
        else:
            print(render(tables[name]), flush=True)
    ratios = ratios_of(tables)
    minutes = (time.monotonic() - began) / 60
    if options.part is None and not options.quick:
        results.write(tables, ratios, minutes)
    print(f"{minutes:.1f} minutes." + (f" Failed: {', '.join(failed)}." if failed else ""))
    print(json.dumps({"ratios": ratios}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
