"""What is secret is recognised by its shape and by its value, and nothing else is touched."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from podvow import redact
from podvow.errors import UsageError
from podvow.redact import BLANK, SHORTEST, Vault, redacted

PROPERTY = settings(max_examples=150, deadline=None, derandomize=True)
VALUE = "correct horse battery"
PACKED = base64.b64encode(VALUE.encode()).decode()
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLW9mLWl0"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"token is {JWT}, they said", JWT),
        (f"found {PEM} here", "MIIEowIBAAKCAQEA"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKC (cut off", "MIIEowIBAAKC"),
        (
            f"client-key-data: {base64.b64encode(PEM.encode()).decode()}",
            base64.b64encode(PEM.encode()).decode()[20:],
        ),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ('{"authorization":"opaque-ticket-77"}', "opaque-ticket-77"),
        ("bearer 0123456789abcdef0123456789", "0123456789abcdef"),
        ("https://me:hunter2-and-more@proxy.example:3128/", "hunter2-and-more"),
    ],
)
def test_a_secret_is_known_by_its_shape(text: str, secret: str) -> None:
    assert secret in text
    cleaned = Vault().clean(text)
    assert secret not in cleaned
    assert BLANK in cleaned
    assert Vault().clean(cleaned) == cleaned, "cleaning twice changes nothing"


@pytest.mark.parametrize(
    "text",
    [
        "basic functionality needs authorization mode Node,RBAC",
        'pods "x" is forbidden: User "system:anonymous" cannot get resource "pods" in API group "" (authorization)',
        "registry.k8s.io/pause@sha256:7031c1b283388d2c2e09b57badb803c05ebed362dc88d84b480cc47f72a21097",
        "containerd://7031c1b283388d2c2e09b57badb803c05ebed362dc88d84b480cc47f72a21097",
        "https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior",
        "Back-off restarting failed container init-1 in pod p_ns(8b9a7c3e-1b1a-4c52-b6ad-a8d5f6f6a9f5)",
        "couldn't find key password in Secret ns/credentials",
        "rbac.authorization.k8s.io/v1",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Vault().clean(text) == text


def _secret(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **parts}


@pytest.mark.parametrize(
    "raw",
    [
        _secret(data={"password": PACKED}),
        _secret(stringData={"password": VALUE}),
        _secret(data=PACKED),
        {"kind": "List", "items": [_secret(data={"password": PACKED})]},
        {"kind": "SecretList", "items": [{"metadata": {"name": "s"}, "data": {"password": PACKED}}]},
        {"a": [{"b": (_secret(stringData={"p": VALUE}),)}], "message": f"it said {VALUE}"},
        {"message": f"it said {VALUE}", "object": _secret(stringData={"p": VALUE})},
        _secret(
            metadata={
                "name": "s",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"p": VALUE})},
                "managedFields": [{"fieldsV1": {"f:data": {"f:p": VALUE}}}],
            }
        ),
        {"kind": "TokenRequest", "status": {"token": VALUE}},
        {"kind": "ExecCredential", "status": {"token": VALUE, "clientKeyData": VALUE}},
        {"users": [{"name": "u", "user": {"client-key-data": PACKED, "auth-provider": {"id-token": VALUE}}}]},
    ],
    ids=lambda raw: str(raw)[:60],
)
def test_a_secret_is_known_by_its_place(raw: dict[str, Any]) -> None:
    told = json.dumps(redacted(raw))
    assert VALUE not in told
    assert PACKED not in told
    assert BLANK in told or "annotations" in json.dumps(raw)
    assert redacted(redacted(raw)) == redacted(raw)


def test_the_keys_of_a_secret_stay() -> None:
    shown = redacted(_secret(data={"password": PACKED, "user": "eA=="}))
    assert shown["data"] == {"password": BLANK, "user": BLANK}
    assert shown["metadata"] == {"name": "s"}


@pytest.mark.parametrize("kind", [[], {}, None, 7, True, ["Secret"]], ids=str)
def test_a_kind_of_any_type_is_taken(kind: Any) -> None:
    raw = {"kind": kind, "data": {"p": PACKED}, "items": [{"kind": kind}]}
    assert redacted(raw) == raw


def test_nothing_is_copied_where_nothing_is_secret() -> None:
    raw = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a", "env": []}]},
        "n": [1, None],
    }
    assert Vault().blanked(raw) is raw


@given(
    value=st.text(min_size=SHORTEST, max_size=40).filter(lambda s: len(s.strip()) >= SHORTEST),
    before=st.text(max_size=10),
    after=st.text(max_size=10),
)
@example(value='with "quotes"\nand lines', before="", after="")
@example(value="it ends with a line\n", before="", after="")
@example(value="pässwörter", before="", after="")
@PROPERTY
def test_a_value_that_was_seen_in_a_secret_comes_up_nowhere(value: str, before: str, after: str) -> None:
    packed = base64.b64encode(value.encode("utf-8", "replace")).decode()
    assume(value.encode("utf-8", "replace").decode() == value)
    assume(value.strip() not in BLANK)
    vault = Vault()
    vault.blanked(_secret(data={"p": packed}))
    for form in (value, packed, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        cleaned = vault.clean(f"{before}{form}{after}")
        assert form not in cleaned or form in BLANK or form in f"{before}{BLANK}{after}"


def test_short_values_are_blanked_in_their_secret_only() -> None:
    vault = Vault()
    assert vault.blanked(_secret(stringData={"p": "app"}))["stringData"] == {"p": BLANK}
    assert vault.clean("the app says app") == "the app says app"


def test_a_secret_that_begins_with_another_one_goes_as_a_whole() -> None:
    vault = Vault()
    vault.learn(["password", "password-and-more"])
    assert vault.clean("it was password-and-more") == f"it was {BLANK}"


def test_no_error_text_has_a_secret() -> None:
    redact.VAULT.learn(["the-ticket-of-an-error"])
    error = UsageError("refused: the-ticket-of-an-error", hint=f"Authorization: Bearer {JWT}")
    assert "ticket" not in f"{error}{error.message}{error.args}"
    assert JWT not in error.hint


def test_no_log_record_has_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    redact.VAULT.learn(["the-ticket-of-a-log"])
    try:
        redact.watch_logs()
        redact.watch_logs()
        try:
            int("the-ticket-of-a-log")
        except ValueError:
            logging.getLogger("podvow.x").exception("it was %s and %s", "the-ticket-of-a-log", JWT)
    finally:
        logging.setLogRecordFactory(before)
    assert "it was <redacted> and <redacted>" in caplog.text
    assert "ValueError: invalid literal for int() with base 10: '<redacted>'" in caplog.text
    assert "ticket" not in caplog.text
