"""What stands in many reports: one object in all of them, whose JSON is written once."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from spfcheck.audit.report.model import Evidence, TreeNode

if TYPE_CHECKING:
    import msgspec


class SharedEvidence(Evidence):
    """An answer that many reports rest on."""

    __slots__ = ("written",)
    written: msgspec.Raw
    """Its JSON, once it was needed (`spfcheck.audit.report.serialise`)."""


class SharedNode(TreeNode):
    """An include that stands in many trees, with all below it."""

    __slots__ = ("written",)
    written: msgspec.Raw


def shared(one: Evidence) -> SharedEvidence:
    """*one*, for many reports."""
    values: dict[str, Any] = {field.name: getattr(one, field.name) for field in fields(one)}
    return SharedEvidence(**values)
