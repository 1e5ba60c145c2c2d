"""What people put into an SPF record that belongs into a TXT record of its own: tokens, keys, other policies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from spfcheck.audit.text.slips import Slip

__all__ = ["groups", "is_token", "kind_of", "where_it_belongs"]

_TOKEN: Final = re.compile(
    r"(?:MS=ms?[0-9A-F]+|_?[a-z0-9][a-z0-9_\-]*(?:verification|verify)[a-z0-9_\-]*[=:]\S+|_?globalsign[a-z\-]*=\S+|"
    r"(?:amazonses|docusign|zoho-[a-z]+|status-page-domain|adobe-idp-site|mgverify|protonmail|ca3|ppe|brevo-code|"
    r"sendinblue-code|mailru|yandex|wmail|pinterest-site|loom-site|keybase-site|have-i-been-pwned|openai-domain)"
    r"[a-z0-9_\-]*[=:]\S+);?\Z",
    re.IGNORECASE | re.ASCII,
)
_MS: Final = re.compile(r"MS=[0-9A-Za-z]+;?\Z", re.ASCII)
_KEY_BEGIN: Final = re.compile(
    r"(?:v=DKIM1;?|k=(?:rsa|ed25519);?|h=sha(?:1|256);?)(?:[a-z]=\S*)?\Z", re.IGNORECASE | re.ASCII
)
_KEY_PART: Final = re.compile(
    r"(?:p=[A-Za-z0-9+/=]{16,};?|[A-Za-z0-9+/=]{16,};?|t=[ys:]+;?|s=(?:email|\*);?|k=(?:rsa|ed25519);?|h=sha(?:1|256);?|;)\Z",
    re.ASCII,
)
_LONE_KEY: Final = re.compile(r"(?:k=(?:rsa|ed25519);)?p=MI[A-Za-z0-9+/=]{14,};?\Z", re.ASCII)
_POLICY_BEGIN: Final = re.compile(r"v=(?:DMARC1|BIMI1|TLSRPTv1|STSv1);?(?:[a-z]+=\S*)?\Z", re.IGNORECASE | re.ASCII)
_POLICY_PART: Final = re.compile(r"(?:[a-z]{1,5}=[^ ]*;?|;)\Z", re.IGNORECASE | re.ASCII)
_SPF_MODIFIERS: Final = ("redirect=", "exp=", "v=spf1", "ra=", "rp=", "rr=")


def is_token(word: str) -> bool:
    """True for a verification token of some service."""
    return bool(_TOKEN.match(word) or _MS.match(word))


def groups(words: Sequence[str]) -> Iterator[tuple[int, int, Slip]]:
    """The parts of *words* that are no part of SPF: where each begins and ends, and what it is."""
    index = 0
    while index < len(words):
        word = words[index]
        stop = index + 1
        if is_token(word):
            yield index, stop, Slip.TOKEN
        elif _KEY_BEGIN.match(word) or _LONE_KEY.match(word):
            while stop < len(words) and _KEY_PART.match(words[stop]):
                stop += 1
            yield index, stop, Slip.KEY
        elif _POLICY_BEGIN.match(word):
            while stop < len(words) and _POLICY_PART.match(words[stop]) and not _is_spf(words[stop]):
                stop += 1
            yield index, stop, Slip.POLICY
        index = stop


def _is_spf(word: str) -> bool:
    return word.lower().startswith(_SPF_MODIFIERS)


def kind_of(words: Sequence[str]) -> Slip | None:
    """What all of *words* together are, where none of them is SPF's; else None."""
    found = list(groups(words))
    return found[0][2] if len(found) == 1 and found[0][:2] == (0, len(words)) else None


def where_it_belongs(slip: Slip, words: str, domain: str) -> str:
    """The sentence that says where *words*, which are cut out of the record of *domain*, have to go."""
    if slip is Slip.KEY:
        place = f"as a TXT record of its own at its selector's name, such as selector._domainkey.{domain}"
        return f"“{words}” is a DKIM key and no part of SPF: publish it {place}."
    if slip is Slip.POLICY:
        at = {"v=dmarc": "_dmarc", "v=bimi1": "default._bimi", "v=tlsrp": "_smtp._tls", "v=stsv1": "_mta-sts"}
        name = f"{at.get(words[:7].lower(), '_dmarc')}.{domain}"
        return f"“{words}” is another policy and no part of SPF: publish it as a TXT record of its own at {name}."
    return f"“{words}” is no part of SPF: publish it as a TXT record of its own at {domain}."
