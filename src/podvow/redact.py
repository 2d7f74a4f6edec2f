"""Keeps secrets out of everything that podvow writes: evidence, verdicts, reports, logs and error texts.

Two rules, both applied where things enter (the recorder, the errors, the log), so that no source can forget them:

- **by shape**: the data of Secret objects however deep they lie, tokens that the API server issues, private keys,
  bearer tokens, passwords in addresses;
- **by value**: what a Secret or the credentials in use were seen to hold is replaced wherever it comes up again,
  plain, in base64 or escaped inside another text (a container that prints its password, a refusal that quotes it).

Nothing of a value stays, no digest either: a short password can be guessed from one.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

BLANK = "<redacted>"
SHORTEST = 8
"""Values of fewer characters are blanked inside Secrets only: as words of a text they would hide half of it."""
_SHORTEST_SHAPE = 12
"""No pattern takes a shorter text."""
_GROUP = 4
"""Characters in which base64 encodes three bytes."""
_COPIES = frozenset({"annotations", "managedFields"})
# Tuples: what is compared comes from files and may be of any type, hashable or not.
_TOKEN_KINDS = ("TokenRequest", "TokenReview", "ExecCredential")
_KINDS = ("Secret", "SecretList", *_TOKEN_KINDS)
_BARE = (int, float, type(None))
_NESTED = (dict, list, tuple, Mapping)
_TOKEN_KEYS = frozenset({"token", "clientKeyData", "clientCertificateData"})
_CREDENTIAL_KEYS = frozenset({"client-key-data", "id-token", "refresh-token", "access-token", "client-secret"})
# Cheap signs first: almost no text of a timeline holds one of them, and the patterns cost a hundred times more.
_SIGNS = re.compile("eyJ|PRIVATE KEY|LS0t|[Bb]earer |://|client-key-data|[Aa]uthorization")
_PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # A JSON web token: three parts in base64url, the first two begin with `{"`.
        (r"\b()eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?", 0),
        (r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        # The same in base64, as kubeconfigs hold it: every such text begins with "-----BEGIN" in base64.
        (r"()LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]{20,}", 0),
        (r"(authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?)[^\s\"',}]{6,}", re.IGNORECASE),
        (r"(\bbearer\s+)[A-Za-z0-9+/=._~-]{20,}", re.IGNORECASE),
        (r"(\b[a-z][a-z0-9+.-]*://[^\s/@:]+:)[^\s/@]+(?=@)", re.IGNORECASE),
        (r"(client-key-data[\"']?\s*[:=]\s*[\"']?)[A-Za-z0-9+/=]{8,}", 0),
    )
)


class Vault:
    """Values that must not be written, learned while running; safe to use from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._known: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, values: Iterable[str]) -> None:
        """Remember values that are secret; short ones are ignored (`SHORTEST`)."""
        values = [value for value in values if value not in self._seen]
        if not values:
            return
        new = {form for value in values for form in _forms(value)}
        with self._lock:
            self._seen.update(values)
            if new <= self._known:
                return
            self._known |= new
            # The longest first: a secret may begin with another one.
            words = sorted(self._known, key=lambda w: (-len(w), w))
            self._pattern = re.compile("|".join(map(re.escape, words)))

    def clean(self, text: str) -> str:
        """Return a text without what is secret, by value and by shape."""
        pattern = self._pattern
        if pattern is not None:
            text = pattern.sub(BLANK, text)
        if len(text) >= _SHORTEST_SHAPE and _SIGNS.search(text):
            for shape in _PATTERNS:
                text = shape.sub(rf"\1{BLANK}", text)
        return text

    def blanked(self, value: Any) -> Any:
        """Return raw JSON without what is secret; what it shows to be secret is remembered first."""
        self.learn(found_in(value))
        return self._blanked(value)

    def _blanked(self, value: Any) -> Any:
        """Return the very same object where nothing is secret: nearly always, and copies cost time."""
        if isinstance(value, str):
            return self.clean(value) if len(value) >= SHORTEST else value
        if isinstance(value, Mapping):
            shown = without_secrets(value) if _tells(value) else value
            changes = {
                key: new
                for key, item in shown.items()
                if not isinstance(item, _BARE) and (new := self._blanked(item)) is not item
            }
            return {**shown, **changes} if changes else shown
        if isinstance(value, list | tuple):
            items = [self._blanked(item) for item in value]
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        return value


def _tells(value: Mapping[str, Any]) -> bool:
    """Tell whether an object may be one whose shape shows a secret; hardly any is."""
    return ("kind" in value and value["kind"] in _KINDS) or not _CREDENTIAL_KEYS.isdisjoint(value)


def _forms(value: str) -> Iterable[str]:
    """Yield a secret as it may be written: plain, without the line end, escaped in JSON, in base64."""
    for plain in {value, value.strip()}:
        if len(plain) < SHORTEST:
            continue
        yield plain
        escaped = json.dumps(plain)[1:-1]
        if escaped != plain:
            yield escaped
            yield json.dumps(plain, ensure_ascii=False)[1:-1]
    if len(value.strip()) >= SHORTEST:
        for plain in {value, value.strip()}:
            encoded = base64.b64encode(plain.encode("utf-8", "surrogatepass")).decode()
            # The last group hangs on what follows: without it the text is found inside a longer one too.
            yield encoded[:-_GROUP] if encoded.endswith("=") and len(encoded) > 2 * _GROUP else encoded


def found_in(value: Any) -> Iterable[str]:
    """Yield the values that raw JSON shows to be secret: data of Secrets, issued tokens, keys of kubeconfigs."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, Mapping):
            if _tells(item):
                yield from _told(item)
            if item.get("kind") == "SecretList":
                pending.extend(_as_secrets(item.get("items")))
            pending.extend(inner for inner in item.values() if isinstance(inner, _NESTED))


def _told(item: Mapping[str, Any]) -> Iterable[str]:
    """Yield what one object shows to be secret by its kind or its keys."""
    if item.get("kind") == "Secret":
        yield from _values(item)
    elif item.get("kind") in _TOKEN_KINDS:
        for part in (item.get("status"), item.get("spec")):
            if isinstance(part, Mapping):
                yield from (str(part[key]) for key in _TOKEN_KEYS & part.keys())
    yield from (item[key] for key in _CREDENTIAL_KEYS & item.keys() if isinstance(item[key], str))


def _values(secret: Mapping[str, Any]) -> Iterable[str]:
    for key in ("data", "stringData"):
        held = secret.get(key)
        for value in held.values() if isinstance(held, Mapping) else ():
            if not isinstance(value, str) or value == BLANK:
                continue
            yield value
            if key == "data":
                try:
                    yield base64.b64decode(value, validate=True).decode()
                except (binascii.Error, ValueError):
                    continue  # no base64, or no text: then only the form that was seen can come up again


def _as_secrets(items: Any) -> list[Any]:
    """Return the items of a list of Secrets as such: the API server leaves their kind out."""
    if not isinstance(items, list | tuple):
        return []
    return [{**item, "kind": "Secret"} if isinstance(item, Mapping) else item for item in items]


def without_secrets(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object with what its kind shows to be secret blanked; what lies deeper is left as it is.

    The names of a Secret's keys stay. Its annotations go: `kubectl apply` keeps a copy of the data there.
    """
    kind = value.get("kind")
    if kind == "SecretList":
        return {**value, "items": _as_secrets(value.get("items"))}
    if kind in _TOKEN_KINDS:
        return {
            key: {k: BLANK if k in _TOKEN_KEYS else v for k, v in part.items()}
            if isinstance(part, Mapping)
            else part
            for key, part in value.items()
        }
    hidden = _CREDENTIAL_KEYS & value.keys()
    if hidden:
        value = {key: BLANK if key in hidden else item for key, item in value.items()}
    if kind != "Secret":
        return value
    made = dict(value)
    for key in ("data", "stringData"):
        if isinstance(value.get(key), Mapping):
            made[key] = dict.fromkeys(value[key], BLANK)
        elif key in value:
            made[key] = BLANK
    if isinstance(value.get("metadata"), Mapping):
        made["metadata"] = {key: item for key, item in value["metadata"].items() if key not in _COPIES}
    return made


def redacted(value: Any) -> Any:
    """Return raw JSON with what its shape shows to be secret blanked (for evidence of unknown origin)."""
    return Vault().blanked(value)


VAULT = Vault()
"""What this process knows to be secret; one for all: a secret of one scenario may come up in another's text."""


def clean(text: str) -> str:
    """Return a text without what this process knows to be secret, and without what looks like it."""
    return VAULT.clean(text)


def blanked(value: Any) -> Any:
    """Return raw JSON in the same way; see `Vault.blanked`."""
    return VAULT.blanked(value)


def watch_logs() -> None:
    """Let every log record of this process go through `clean` before any handler sees it."""
    make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()
    if getattr(make, "podvow", False):
        return

    def cleaned(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a broken log call is reported by logging itself
            return record
        record.msg, record.args = clean(text), None
        if record.exc_info:
            # Formatters take the text when it is there; the values in an exception are not ours to trust.
            record.exc_text = clean(logging.Formatter().formatException(record.exc_info))
        return record

    cleaned.podvow = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(cleaned)
