"""How the program ends: one exit code and at most one sentence, whatever ended it."""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator

FINE = 0
FOUND = 1
"""A finding at or above `--fail-on`."""
WRONG_USAGE = 2
"""The command, a setting or a file cannot be used; nothing was done."""
COULD_NOT_CHECK = 3
"""DNS or another service did not answer; of the notifier: nothing, or not everything, was sent."""
OUR_FAULT = 70
"""A fault of the program itself (EX_SOFTWARE of sysexits.h)."""
NOT_WRITTEN = 74
"""What was to be read or written could not be (EX_IOERR of sysexits.h)."""
INTERRUPTED = 130
"""Ctrl-C: 128 and SIGINT, as shells count."""
READER_GONE = 141
"""Whoever read our output has enough, as ``head`` has: 128 and SIGPIPE, what other programs end with."""


class UsageError(Exception):
    """The command cannot be run as it was given; the message is one clear sentence."""


OWN_FAULTS = frozenset(
    {
        "AddressError", "ApiError", "CycloptsError", "KeyFormatError", "NotADomainName", "NotifyError", "RefusedError",
        "ResolverError", "ServeError", "SettingsError", "StoreError", "UsageError", "ZoneError",
    }
)  # fmt: skip
"""Exceptions whose text is a sentence for a person; by name, so that `check` need not import the rooms they are of."""


HOLDING = frozenset({"ApiError", "RefusedError"})
"""Those of them, or of their causes, after which the same command may succeed: nothing about it was wrong."""


def ended(work: Callable[[], object]) -> int:
    """Do *work*, a command, and return the exit code; what ended it is at most one sentence on standard error.

    An outcome of *work* that is an int is its code. Output that could not be written is noticed here, and not by the
    interpreter on its way out. Never raises.
    """
    if sys.stdout is None:
        sys.stdout = _Closed()
    try:
        outcome = work()
        sys.stdout.flush()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else FINE
    except BaseException as error:  # noqa: BLE001 - whatever ends a command is told here, and only here
        code = _told(list(_leaves(error)))
        _discard_output()
        return code
    return outcome if isinstance(outcome, int) else FINE


class _Closed(io.TextIOBase):
    """Standard output where the caller closed it."""

    def writable(self) -> bool:
        """As a stream says it that is written to."""
        return True

    def write(self, _: str, /) -> int:
        """Refuse it as the system would; the interpreter would drop it without a word."""
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """What happened: *error*, or all that a group of them holds."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _told(errors: list[BaseException]) -> int:
    """Say the one sentence that *errors* need, and return the code."""
    if any(isinstance(error, KeyboardInterrupt) for error in errors):
        return INTERRUPTED
    if any(isinstance(error, BrokenPipeError) for error in errors):
        return READER_GONE
    for error in errors:
        if sentence := _sentence(error):
            _complain(sentence)
            return COULD_NOT_CHECK if _may_pass(error) else WRONG_USAGE
    for error in errors:
        if isinstance(error, OSError) and error.strerror:
            named = f"{error.filename} cannot be read or written" if error.filename else "Input or output failed"
            _complain(f"{named}: {error.strerror}.")
            return NOT_WRITTEN
    _complain(_fault_of_ours(errors[0]))
    return OUR_FAULT


def _sentence(error: BaseException) -> str:
    """What *error* tells a person who can mend it; empty for any other fault."""
    ours = [kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] in ("spfcheck", "cyclopts")]
    if not any(kind.__name__ in OWN_FAULTS for kind in ours):
        return ""
    if any(kind.__name__ == "CycloptsError" for kind in ours):
        return f"{error} See `spfcheck --help`."
    said = str(getattr(error, "sentence", error))
    likely = getattr(error, "likely", "")
    return f"{said} Did you mean {likely}?" if likely else said


def _may_pass(error: BaseException) -> bool:
    """True where the command was right, and something holds it: a guard of the notifier, or an API that fails."""
    kinds = {kind.__name__ for one in (error, error.__cause__) if one is not None for kind in type(one).__mro__}
    return bool(kinds & HOLDING)


def _fault_of_ours(error: BaseException) -> str:
    """A sentence about a fault of the program, with where its details are."""
    what = f"spfcheck has a fault of its own ({type(error).__name__})"
    details = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="spfcheck-", suffix=".txt", delete=False) as file:
            file.write(details)
    except OSError:  # nowhere to write to: a log is all that is left
        print(details, file=sys.stderr)
        return f"{what}; the details are above."
    return f"{what}; please report it with {file.name}, where the details are."


def _complain(sentence: str) -> None:
    print(f"spfcheck: {' '.join(sentence.split())}", file=sys.stderr)


def _discard_output() -> None:
    """Let the interpreter flush what is left to nowhere: it would complain of the same fault again."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
