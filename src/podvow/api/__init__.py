"""The one pooled transport to the API server: raw JSON in, raw JSON out, every request counted.

Typed models drop fields that they do not know, so none is used; what the `kubernetes` client does here is in
`kubeconfig`.

Requests are retried here, expectations never; `Api.retries` says how often and why.
"""

from __future__ import annotations

from podvow.api.client import Api
from podvow.api.errors import ApiError, SwitchedError, UnreachableError, UnreadableError, UntrustedError
from podvow.api.request import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from podvow.api.stream import Stream

__all__ = [
    "JSON_PATCH",
    "MERGE_PATCH",
    "STRATEGIC_PATCH",
    "Api",
    "ApiError",
    "Stream",
    "SwitchedError",
    "UnreachableError",
    "UnreadableError",
    "UntrustedError",
]
