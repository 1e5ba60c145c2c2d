"""Holds the sandbox, and whoever calls it, to the published description of the messaging API.

The description is not shipped; its path comes from ``INTERCOM_OPENAPI``. Without it, or without openapi-core (a
development dependency), nothing is checked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

VARIABLE = "INTERCOM_OPENAPI"
HOST = "https://api.intercom.io"


@dataclass(slots=True)
class _Request:
    """A request in the shape that openapi-core reads."""

    method: str
    path: str
    body: bytes
    query: Mapping[str, str]
    host_url: str = HOST
    content_type: str = "application/json"
    parameters: Any = None

    def __post_init__(self) -> None:
        from openapi_core import datatypes  # noqa: PLC0415 - a development dependency

        self.method = self.method.lower()
        self.parameters = datatypes.RequestParameters(
            query=dict(self.query), header={"Intercom-Version": "2.16", "Authorization": "Bearer checked elsewhere"}
        )


@dataclass(slots=True)
class _Response:
    """An answer in the shape that openapi-core reads."""

    status_code: int
    data: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Contract:
    """The published description, ready to check requests and answers."""

    def __init__(self, path: Path) -> None:
        import yaml  # noqa: PLC0415 - a development dependency
        from openapi_core import Config, OpenAPI  # noqa: PLC0415

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders
        self.fine: set[str] = set()
        """Shapes that were found to be allowed: what looks the same need not be checked again."""
        self._openapi = OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))

    @classmethod
    def at_hand(cls, path: Path | None = None) -> Self | None:
        """The contract at *path* or where the environment says; None when it is not at hand."""
        named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
        if named is None or not named.is_file():
            return None
        try:
            return cls(named)
        except ImportError:
            return None

    def request_fault(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> str:
        """What is wrong with a request, or nothing."""
        return self._fault(self._openapi.validate_request, _Request(method, path, body, query))

    def response_fault(self, method: str, path: str, query: Mapping[str, str], status: int, body: bytes) -> str:
        """What is wrong with an answer, or nothing. Statuses that the description leaves out are not judged."""
        request, response = _Request(method, path, b"", query), _Response(status, body)
        fault = self._fault(lambda both: self._openapi.validate_response(request, both), response)
        return "" if "ResponseNotFound" in fault else fault

    @staticmethod
    def _fault(check: Any, subject: Any) -> str:
        try:
            check(subject)
        except Exception as error:  # noqa: BLE001 - the validator raises many kinds, and all of them are faults
            causes = [str(cause) for cause in getattr(error.__cause__, "schema_errors", ())]
            return f"{type(error).__name__}: {error} {error.__cause__ or ''} {'; '.join(causes)[:500]}"
        return ""


def shape(document: Any) -> str:
    """*document* with values left out but for those that the description lists: equal shapes are equally valid."""
    return json.dumps(_shape(document), sort_keys=True)


_LISTED = ("type", "message_type", "template", "operator", "field", "order", "role", "model")


def _shape(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(_shape(inner), sort_keys=True) for inner in value})
    return value if key in _LISTED else type(value).__name__
