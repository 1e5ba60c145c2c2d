"""What remains of a proposed record for the mail of others, said to its owner: one fixed sentence for each finding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from spfcheck.audit.report.catalogue import Code

__all__ = ["REMAINING", "remaining_sentences"]

REMAINING: Final[Mapping[str, str]] = {
    Code.INCLUDE_NO_RECORD: "Your record also includes {name}, which has no SPF record: mail that depends on what "
    "stands behind it fails. Correct or remove it.",
    Code.INCLUDE_MISSPELT: "Your record also has our name in it misspelt: mail that depends on what stands behind it "
    "fails. Remove that term.",
    Code.REDIRECT_NO_RECORD: "Your record also redirects to {name}, which has no SPF record: mail that depends on it "
    "fails. Correct or remove it.",
    Code.INCLUDE_BROKEN: "Your record also includes {name}, whose own record is broken: mail that depends on what "
    "stands behind it fails. Ask that provider to repair it, or remove it.",
    Code.INCLUDE_LOOP: "Your record also leads back to itself through {name}: mail that depends on what stands "
    "behind it fails. Remove it.",
    Code.LOOKUP_LIMIT: "Your record also needs more than 10 DNS lookups for some mail, which then fails. Remove an "
    "include that you no longer use.",
    Code.MX_LIMIT: "Your record also leads to more than 10 mail hosts through one term: mail that depends on what "
    "stands behind it fails. Replace that term with the networks of those hosts.",
    Code.VOID_LIMIT: "Your record also asks for more than 2 names without an address of the sender's kind: mail that "
    "depends on what stands behind them may fail. Remove hosts that do not exist, and list those without IPv6 last.",
    Code.TERMS_AFTER_ALL: "Your record also goes on behind its end, where receivers do not look: mail from the servers "
    "that are listed there fails. Move what is still meant in front of the end.",
    Code.IGNORED_TERM: "Your record also has a term that receivers do not know and ignore: mail from the servers that "
    "it means fails. Correct or remove it.",
    Code.REDIRECT_IGNORED: "Your record also has a redirect beside its end, which receivers ignore: mail from the "
    "servers that it leads to fails. Keep the one that is meant.",
    Code.VOID_LOOKUP: "Your record also has a term whose name is no host's: mail from the server that it means fails. "
    "Correct or remove it.",
    Code.STRAY_RECORD: "Another TXT record lists more servers, and receivers do not read it: mail from them fails. "
    "Move what is still meant into your SPF record, and delete the other one.",
}
"""The sentences, by finding."""
OTHER: Final = "Your record has another fault that makes mail from other servers fail."
_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?", re.IGNORECASE | re.ASCII)


def remaining_sentences(findings: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """The sentences for findings, each by its code and parameters; what is said twice is said once."""
    return list(dict.fromkeys(_sentence(code, params) for code, params in findings))


def _sentence(code: str, params: Mapping[str, Any]) -> str:
    """The sentence for a finding of *code* with *params*.

    A name is said only where it is one: it comes from a stranger's record, and the sentence goes into messages.
    """
    target = str(params.get("target", ""))
    return REMAINING.get(code, OTHER).format(name=target if _NAME.fullmatch(target) else "another name")
