"""On a real cluster: no file of a run has the data of a Secret, or the credentials of the kubeconfig."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from podvow.cluster.provider import Cluster
from podvow.paths import FIXTURES
from tests.cluster.command import judged, podvow

SELECTION = "a_secret_of or secret_key or configmap"


def _values(kubeconfig: Path) -> dict[str, str]:
    """Return the secrets of a kubeconfig by what they are; of keys a stretch in the middle."""
    found: dict[str, str] = {}
    for user in yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["users"]:
        for key in ("client-key-data", "client-certificate-data", "token"):
            if value := user["user"].get(key):
                found[key] = value[len(value) // 2 :][:60]
        if value := user["user"].get("client-key-data"):
            lines = base64.b64decode(value).decode().splitlines()
            found["client key"] = lines[len(lines) // 2]
    return found


def _secrets(raw: Any) -> dict[str, str]:
    return {f"{raw['metadata']['name']}/{k}": v for k, v in (raw.get("stringData") or {}).items() if len(v) > 7}


@pytest.fixture(scope="module")
def told(cluster: Cluster) -> tuple[Path, str]:  # noqa: ARG001 - needs it up
    run = judged(podvow("run", "-k", SELECTION))
    assert run.code in {0, 1, 4}, run.output
    return run.folder, run.output


def test_no_file_of_a_run_has_a_secret(cluster: Cluster, told: tuple[Path, str]) -> None:
    folder, output = told
    secrets = _values(cluster.kubeconfig)
    assert "client key" in secrets or "token" in secrets
    manifests = [*(FIXTURES / "pods").glob("*.yaml"), *(FIXTURES / "objects").glob("*.yaml")]
    for path in manifests:
        for raw in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if raw and raw["kind"] == "Secret":
                for name, value in _secrets(raw).items():
                    secrets |= {name: value, f"{name} in base64": base64.b64encode(value.encode()).decode()}
    assert "credentials/password" in secrets
    texts = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    texts["what was printed"] = output.encode()
    assert len(texts) > 10
    assert any(b'"kind":"Secret"' in text for text in texts.values()), "a Secret was deployed"
    assert [(name, what) for name, text in texts.items() for what, s in secrets.items() if s.encode() in text] == []
