"""Compiles the rooms that are walked through for every domain, where `SPFCHECK_COMPILED=1` asks for it; else nothing.

The modules stay what they are: typed Python, which runs as well without a compiler, but takes half as long again.
mypyc, which comes with mypy, makes C of them. Rooms that callers and tests reach into are left as they are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from setuptools import setup

ROOMS = ("audit", "resolver", "rfc7208")
LEFT = {
    "audit/second_opinion.py": "derives from a class that pyspf has only once it is loaded",
    "audit/report/model.py": "facts that change their class when they are finished (rfc7208/making.py)",
    "audit/senders.py": "facts that others refer to weakly",
    "audit/report/shared_parts.py": "derives from the facts of model.py, with slots",
    "resolver/authoritative.py": "a server for tests and demonstrations",
    "resolver/canary.py": "asks a few questions a minute",
    "resolver/types.py": "facts that change their class when they are finished",
    "resolver/zone.py": "answers from a text, for tests and demonstrations",
    "rfc7208/making.py": "writes code of its own",
}
"""The modules of these rooms that are not compiled, and why."""


def modules() -> list[str]:
    """The files to compile, in order."""
    files = [file for room in ROOMS for file in sorted(Path("spfcheck", room).rglob("*.py"))]
    kept = [file for file in files if file.relative_to("spfcheck").as_posix() not in LEFT]
    return [str(file) for file in kept if file.name != "__init__.py"]


def extensions() -> list[Any]:
    """What setuptools has to build."""
    if os.environ.get("SPFCHECK_COMPILED") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - needed only where it compiles

    # One file of C a module, so that they can be compiled side by side (build_ext --parallel).
    return list(mypycify(modules(), opt_level="2", debug_level="0", multi_file=True, group_name="spfcheck"))


setup(ext_modules=extensions())
