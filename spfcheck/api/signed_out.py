"""Sessions that were ended before their time, in all processes of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def _nowhere(session: str, until: float) -> None:
    del session, until


class SignedOut:
    """The sessions that people have left; *read* and *write* reach the other processes, where there are any."""

    def __init__(
        self,
        read: Callable[[], Iterable[tuple[str, float]]] = tuple,
        write: Callable[[str, float], None] = _nowhere,
    ) -> None:
        self._read = read
        self._write = write
        self._until: dict[str, float] = {}

    def __contains__(self, session: str) -> bool:
        return session in self._until

    def add(self, session: str, until: float) -> None:
        """End *session* here, which would have lasted *until* then."""
        self._until[session] = until

    def tell(self, session: str, until: float) -> None:
        """Have the other processes end it; may wait for a disk."""
        self._write(session, until)

    def reload(self, now: float) -> None:
        """Read what other processes have ended, and forget what is over by itself; may wait for a disk."""
        known = {**dict(self._read()), **self._until}
        self._until = {session: until for session, until in known.items() if until > now}
