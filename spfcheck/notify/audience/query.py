"""Who might be affected: the query, the mapping from contacts to sending domains, and consent.

What customers typed is hostile: it is measured, parsed and validated, and what is no domain is reported, not guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Self

from spfcheck.intercom.answers import Contact, text_of
from spfcheck.names import NotADomainName, domain_name, is_public_suffix, shown
from spfcheck.notify.audience.mailboxes import PROVIDERS
from spfcheck.notify.model import NotifyError, Reason
from spfcheck.settings import AudienceSettings, DomainSource, NotifySettings

LONGEST_TEXT = 4_096
"""Characters of an attribute that are looked at; the API itself allows fewer."""

MOST_FILTERS = 15
"""Of one group, by the API's description."""

_CONSENT = ("unsubscribed_from_emails", "has_hard_bounced", "marked_email_as_spam")


def query(audience: AudienceSettings) -> dict[str, Any]:
    """The search for the audience. Groups hold either filters or groups, as the API's description wants it.

    Whoever is held is found too: consent is the person's, and a contact that a search leaves out holds nobody.
    """
    plain = [entry for entry in audience.filters if not isinstance(entry.get("value"), list) or "field" in entry]
    groups = [entry for entry in audience.filters if entry not in plain]
    if not plain:
        return {"operator": "AND", "value": groups}
    if len(plain) > MOST_FILTERS:
        raise NotifyError(f"The audience has {len(plain)} filters; the messaging API takes {MOST_FILTERS} at most.")
    both = {"operator": "AND", "value": plain}
    return {"operator": "AND", "value": [both, *groups]} if groups else both


def held_queries(tag_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The searches for every contact of the workspace that is held, whatever the filters of the audience say.

    *tag_ids* are the tags that are looked for, beyond the ten that a contact itself lists.
    """
    against = [{"field": name, "operator": "=", "value": True} for name in _CONSENT]
    against += [{"field": "tag_id", "operator": "=", "value": tag} for tag in sorted(tag_ids)]
    groups = [against[start : start + MOST_FILTERS] for start in range(0, len(against), MOST_FILTERS)]
    return [{"operator": "OR", "value": group} for group in groups]


def turned_away_query(contact_ids: Sequence[str]) -> dict[str, Any]:
    """The search for those of *contact_ids* who unsubscribed, or marked our mail as spam."""
    away = [{"field": name, "operator": "=", "value": True} for name in (_CONSENT[0], _CONSENT[2])]
    these = {"operator": "AND", "value": [{"field": "id", "operator": "IN", "value": list(contact_ids)}]}
    return {"operator": "AND", "value": [these, {"operator": "OR", "value": away}]}


class People:
    """Stands for people by keyed hashes of their normalised addresses: equal for one person, meaningless to others."""

    def __init__(self, key: bytes, *, plus_differs: bool = False) -> None:
        self._key = hashlib.sha256(b"spfcheck people\0" + key).digest()
        self._plus_differs = plus_differs

    @classmethod
    def of(cls, notify: NotifySettings) -> Self:
        """People under the key of the settings; raises `NotifyError` where none is set."""
        key = notify.hash_key.get_secret_value()
        if not key:
            raise NotifyError("Set SPFCHECK_NOTIFY_HASH_KEY to a long random text: people are stored as keyed hashes.")
        return cls(key.encode(), plus_differs=notify.plus_addresses_differ)

    def person(self, address: str) -> str:
        """The hash that stands for whoever reads *address*."""
        return self._hash(normalised(address, plus_differs=self._plus_differs))

    def formerly(self, address: str) -> tuple[str, ...]:
        """The other hashes under which whoever reads *address* may be known: by another setting, an older version."""
        forms = (
            normalised(address, plus_differs=not self._plus_differs),
            unicodedata.normalize("NFKC", address).strip().casefold(),
        )
        return tuple(dict.fromkeys(self._hash(form) for form in forms if self._hash(form) != self.person(address)))

    def _hash(self, form: str) -> str:
        return hashlib.blake2b(form.encode(), key=self._key, digest_size=16).hexdigest()

    def fingerprint(self) -> str:
        """Tells one key from another, and nothing about it."""
        return hmac.new(self._key, b"fingerprint", hashlib.sha256).hexdigest()[:32]


GMAIL = ("gmail.com", "googlemail.com")
"""Two names of one provider, at which dots in a mailbox's name mean nothing."""


def normalised(address: str, *, plus_differs: bool = False) -> str:
    """*address* as it is compared: two contacts of one mailbox are one person, however they are written.

    What follows a plus in the mailbox's name is a mark that its reader made up, unless *plus_differs*.
    """
    visible = "".join(char for char in address if unicodedata.category(char) not in ("Cf", "Cc"))
    local, at, domain = unicodedata.normalize("NFKC", visible).strip().casefold().rpartition("@")
    try:
        domain = domain_name(domain)
    except NotADomainName:
        domain = domain.rstrip(".")
    if not plus_differs:
        # A name that begins with the plus is all name.
        local = local[:1] + local[1:].partition("+")[0]
    if domain in GMAIL:
        local, domain = local.replace(".", ""), GMAIL[0]
    return f"{local}{at}{domain}"


def is_address(text: str) -> bool:
    """True for what may be a mail address at all."""
    local, at, domain = text.strip().rpartition("@")
    return bool(at and local and "." in domain) and len(text) <= 320 and not any(map(str.isspace, text.strip()))


OF_THE_PERSON = (
    Reason.UNSUBSCRIBED,
    Reason.BOUNCED,
    Reason.MARKED_SPAM,
    Reason.OPTED_OUT,
    Reason.CONSENT_UNKNOWN,
)
"""Holds that are the person's, whichever of their contacts says so; every other hold is of one contact."""


def hold(contact: Contact, roles: Sequence[str], exclude_tag_ids: frozenset[str]) -> Reason | None:
    """Why a contact is not messaged by what it says itself, or None. Every flag must be exactly false.

    What holds the person is said before what holds only this contact.
    """
    against = _consent(contact, exclude_tag_ids)
    if against is not None:
        return against
    if contact.role not in roles:
        return Reason.ROLE
    return None if is_address(contact.email) else Reason.NO_ADDRESS


def _consent(contact: Contact, exclude_tag_ids: frozenset[str]) -> Reason | None:
    flags = (
        (contact.unsubscribed, Reason.UNSUBSCRIBED),
        (contact.bounced, Reason.BOUNCED),
        (contact.marked_spam, Reason.MARKED_SPAM),
    )
    for flag, reason in flags:
        if flag is True:
            return reason
    if contact.tags & exclude_tag_ids:
        return Reason.OPTED_OUT
    return Reason.CONSENT_UNKNOWN if any(flag is not False for flag, _ in flags) else None


class Mapped(NamedTuple):
    """The sending domains of a contact, and texts that were no domain with the reason."""

    domains: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()


def domains_of(
    contact: Contact, audience: AudienceSettings, companies: Mapping[str, Sequence[str]] | None = None
) -> Mapped:
    """The domains that *contact* sends as: the first source that yields one wins.

    *companies* gives the domains of each company id, where a source asks for them.
    """
    refused: list[tuple[str, str]] = []
    for source in audience.domain_sources:
        if source.origin == "company":
            texts = [domain for company in contact.companies for domain in (companies or {}).get(company, ())]
        else:
            texts = texts_at(contact.fields, source)
        found = _valid(texts, refused)
        if found:
            if len(found) > audience.max_domains_per_contact:
                refused.append((f"{len(found)} domains", "more than a contact may have"))
                return Mapped((), tuple(refused))
            return Mapped(found, tuple(refused))
    return Mapped((), tuple(refused))


def rank_of(contact: Contact, audience: AudienceSettings) -> int:
    """Whose turn it is before others of the same domain, by what the contact is in its company; lower is sooner."""
    if not audience.owner_path:
        return 0
    said = " ".join(texts_at(contact.fields, DomainSource(path=audience.owner_path))).casefold()
    roles = [role.casefold() for role in audience.owner_roles]
    return roles.index(said) if said in roles else len(roles)


def texts_at(fields: Mapping[str, Any], source: DomainSource) -> list[str]:
    """What stands at the path of *source*, parted where it says so."""
    value: Any = fields
    for part in source.path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    text = text_of(value)[:LONGEST_TEXT].strip()
    if not text:
        return []
    if not source.split:
        return [text]
    return [part.strip() for part in re.split(f"[{re.escape(source.split)}]+", text) if part.strip()]


def _valid(texts: Iterable[str], refused: list[tuple[str, str]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in texts:
        domain, why = read_domain(text)
        if domain:
            found[domain] = None
        else:
            refused.append((shown(text), why))
    return tuple(found)


@lru_cache(maxsize=65_536)
def read_domain(text: str) -> tuple[str, str]:
    """The domain that *text* names, or an empty one with the reason.

    The domain of a pasted address or URL is taken as it stands; nothing is lifted to a parent, since a subdomain has a
    record of its own.
    """
    try:
        domain = domain_name(_bare(text))
    except NotADomainName as refusal:
        return "", refusal.sentence
    if domain in PROVIDERS:
        return "", f"{domain} belongs to a mailbox provider."
    if is_public_suffix(domain):
        return "", f"{domain} is a public suffix, under which others register."
    return domain, ""


def _bare(text: str) -> str:
    """*text* without what people paste around a domain: a scheme, a path, a port, a mailbox."""
    bare = text.strip()
    if "://" in bare:
        bare = bare.partition("://")[2]
    bare = re.split(r"[/?#]", bare, maxsplit=1)[0]
    bare = bare.rpartition("@")[2]
    host, colon, port = bare.rpartition(":")
    return host if colon and port.isdigit() else bare
