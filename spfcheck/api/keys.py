"""Access keys: `spfk_<id>_<secret>`, known to us only by a hash.

A secret has 256 random bits, so one SHA-256 is as good as a slow hash: there is nothing to guess. The last eight
characters are a checksum, by which whoever looks for lost keys in a repository tells one from other text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "spfk_"
_LINE = re.compile(r"(?P<id>[0-9a-f]{8}):(?P<scopes>[a-z+]+):(?P<digest>[0-9a-f]{64})")


class Scope(StrEnum):
    """What a key is for."""

    CHECK = "check"
    """The main app: the routes under /v1."""
    SUPPORT = "support"
    """People: the pages, and what `check` may."""
    ADMIN = "admin"
    """Pause and resume the notifier, and everything else."""


IMPLIED = {
    Scope.CHECK: frozenset({Scope.CHECK}),
    Scope.SUPPORT: frozenset({Scope.CHECK, Scope.SUPPORT}),
    Scope.ADMIN: frozenset(Scope),
}
"""The scopes that each scope brings with it."""


class KeyFormatError(Exception):
    """A line of `api_keys` is not what `spfcheck keys new` printed; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key as we keep it."""

    id: str
    scopes: frozenset[Scope]
    digest: bytes
    """SHA-256 of the whole key text."""

    def line(self) -> str:
        """The form in which it stands in the settings: `id:scopes:hash`."""
        return f"{self.id}:{'+'.join(sorted(self.scopes))}:{self.digest.hex()}"

    def allows(self, scope: Scope) -> bool:
        """True when the key's scopes cover *scope*."""
        return any(scope in IMPLIED[own] for own in self.scopes)


def new_key(scopes: Iterable[Scope], random_bytes: Callable[[int], bytes]) -> tuple[str, Key]:
    """A new key: its text, shown once to a person, and what we keep of it."""
    key_id, secret = random_bytes(4).hex(), random_bytes(32).hex()
    text = f"{PREFIX}{key_id}_{secret}{_checksum(key_id, secret)}"
    return text, Key(id=key_id, scopes=frozenset(scopes), digest=_digest(text))


def parse_line(line: str) -> Key:
    """The key of one line of the settings. Raises `KeyFormatError`, without repeating what may be a secret."""
    match = _LINE.fullmatch(line)
    if match is None:
        hint = " It looks like the key itself, which belongs to the caller." if line.startswith(PREFIX) else ""
        raise KeyFormatError(
            f"An entry of api_keys is not of the form id:scopes:hash that `spfcheck keys new` prints.{hint}"
        )
    try:
        scopes = frozenset(Scope(name) for name in match["scopes"].split("+"))
    except ValueError:
        known = ", ".join(Scope)
        raise KeyFormatError(
            f"The key {match['id']} in api_keys has a scope that does not exist; there are {known}."
        ) from None
    return Key(id=match["id"], scopes=scopes, digest=bytes.fromhex(match["digest"]))


class Keyring:
    """All keys that are valid now: those of the settings, and those that were stored and not revoked."""

    def __init__(self, configured: Iterable[Key], stored: Callable[[], Iterable[Key]] = tuple) -> None:
        self._configured = {key.id: key for key in configured}
        self._read_stored = stored
        self._keys = dict(self._configured)
        self.reload()

    def reload(self) -> None:
        """Read the stored keys again, so that a revoked one is refused."""
        self._keys = {**{key.id: key for key in self._read_stored()}, **self._configured}
        self._by_digest = {key.digest: key for key in self._keys.values()}

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key_id: str) -> Key | None:
        """The valid key of that id."""
        return self._keys.get(key_id)

    def find(self, text: str) -> Key | None:
        """The valid key whose text this is; None for any other text, after the same time."""
        if not text.isascii():
            return None
        # Found by its hash: whoever measures the look-up learns of a hash that nobody can steer towards a key's.
        digest = _digest(text)
        key = self._by_digest.get(digest)
        return key if key is not None and hmac.compare_digest(digest, key.digest) else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _checksum(key_id: str, secret: str) -> str:
    return f"{zlib.crc32((key_id + secret).encode('ascii')):08x}"
