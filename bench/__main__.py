"""`python -m bench [--part NAME] [--quick]`: run the tables, print each, and the ratios as JSON on the last line."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import platform
import sys

import bench
from bench.registry import TABLES, Table


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


def main(arguments: list[str] | None = None) -> int:
    load_parts()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--part", choices=sorted(TABLES), action="append", help="only this part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a short run, for a first impression")
    options = parser.parse_args(arguments)
    print(f"CPython {platform.python_version()} on {platform.platform()}\n")
    ratios: dict[str, float] = {}
    for name, measure in TABLES.items():
        if options.part is None or name in options.part:
            table = measure(options.quick)
            print(render(table), flush=True)
            ratios.update({f"{name}.{key}": round(value, 3) for key, value in table.ratios.items()})
    print(json.dumps({"ratios": ratios}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
