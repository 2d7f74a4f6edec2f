"""One request: what it is, and whether sending it twice has the effect of sending it once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent, and sent again."""

    verb: str
    path: str
    params: Mapping[str, str] | None = None
    body: Mapping[str, Any] | Sequence[Any] | None = None
    content_type: str = JSON
    accept: str = JSON

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        match self.verb:
            case "GET" | "PUT" | "DELETE":
                return True
            case "PATCH":
                return self.content_type in {MERGE_PATCH, STRATEGIC_PATCH}
            case _:
                return self.path.endswith("reviews") or bool(self.created)

    @property
    def created(self) -> str:
        """Name of the object that a POST to a collection makes, if the client chose the name."""
        if self.verb != "POST" or not isinstance(self.body, dict) or not _is_collection(self.path):
            return ""
        return str(self.body.get("metadata", {}).get("name", ""))

    @property
    def makes(self) -> str:
        """Name of the object that is there afterwards: a dry run creates one and stores none."""
        return "" if "dryRun" in (self.params or {}) else self.created


def _is_collection(path: str) -> bool:
    """Whether `path` names a collection of objects, not an object or a subresource."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces":  # noqa: PLR2004 - namespaces/<name>/<collection>
        rest = rest[2:]
    return len(rest) == 1


def same_labels(sent: object, found: bytes) -> bool:
    """Tell whether an existing object carries the labels (with the run id) of the one that was sent."""
    wanted = sent.get("metadata", {}).get("labels") or {} if isinstance(sent, dict) else {}
    try:
        labels = json.loads(found)["metadata"].get("labels") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(wanted) and wanted.items() <= labels.items()
