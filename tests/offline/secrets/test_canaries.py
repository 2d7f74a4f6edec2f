"""Canaries: a secret is planted wherever one may come from, and no file of the run has it."""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from podvow.api import Api, ApiError
from podvow.claims import Claim
from podvow.cluster.profile import ClusterProfile, NodeProfile
from podvow.errors import PodvowError
from podvow.judge import judged
from podvow.report.model import RunInfo
from podvow.report.write import write_all
from podvow.scenario.conditions import running
from podvow.scenario.driver import Driver, Planned
from podvow.scenario.halt import Halt
from podvow.scenario.model import Scenario
from podvow.session import Session, save_judged
from podvow.timeline import Source
from podvow.timeline.record import Kind
from podvow.verdict import Judgement, Outcome
from tests.offline.api.stub import Stub, reply, status
from tests.offline.safety.guarded import guarded
from tests.offline.scenario.fake_api import FakeApi, Raw
from tests.offline.scenario.test_driver import Ears

CANARY = "not-a-real-one"
"""The value in fixtures/pods/secret-in-init.yaml."""
PACKED = base64.b64encode(CANARY.encode()).decode()
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJjYW5hcnkifQ.Y2FuYXJ5LXNpZ25hdHVyZQ"  # noqa: S105 - no real one


def _leaks(folder: Path, *secrets: str) -> list[str]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert files
    return [f"{p.relative_to(folder)}: {s}" for p in files for s in secrets if s in p.read_text(errors="replace")]


def _telling(api: FakeApi, pod: Raw) -> None:
    """A kubelet and containers that tell every secret that they know."""
    shown = api.run(pod)
    states = shown["status"]["containerStatuses"]
    states[0]["lastState"] = {"terminated": {"exitCode": 1, "message": f"bad password {CANARY}"}}
    api.show(shown, containerStatuses=states, message=f"env PASSWORD={CANARY} {TOKEN} {PACKED}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a run in which everything tells secrets, with all its reports."""
    run = tmp_path / "run"
    session = Session("r1", run, kubeconfig=str(tmp_path / "kubeconfig"), context="fake")
    for part in ("evidence", "verdicts"):
        (run / part).mkdir(parents=True)
    session.save()
    api = FakeApi(_telling)
    planned = Planned(
        "a.b.s",
        "k0",
        "suites/t.py::s",
        Scenario(pod="secret-in-init", steady=running("app")),
        session.evidence / "s.jsonl",
    )
    driver = Driver(
        api=cast("Any", api),
        guard=guarded(tmp_path, api),
        profile=ClusterProfile("v1.37.2", (NodeProfile("worker", "v1.37.2", ready=True),)),
        run_id="r1",
        folder=run,
        planned=[planned],
        listener=Ears(),
    )
    driver.start()
    timeline = driver.timeline("k0")
    driver.finish()
    assert timeline.of(Kind.APPLIED)
    assert timeline.of(Kind.SNAPSHOT)
    claim = Claim(id="a.b.c", statement="it is so", sources=("x",))
    told = Judgement(f"app said {timeline.snapshots()[-1].status.get('message')}", Outcome.VIOLATED, "x")
    result = judged(timeline, [told], test="t", scenario_id="a.b.s", claims=[claim], evidence="evidence/s.jsonl")
    save_judged(session, result)
    write_all(run, RunInfo("r1"), [result], [], [])
    yield run
    assert not [t for t in threading.enumerate() if t.name == "driver"]


def test_no_file_of_a_run_has_the_data_of_a_secret(folder: Path) -> None:
    assert _leaks(folder, CANARY, PACKED, TOKEN) == []
    evidence = (folder / "evidence" / "s.jsonl").read_text()
    assert '"kind":"Secret"' in evidence, "that it was there is evidence"
    assert "bad password <redacted>" in evidence, "and so is what the container said around it"


def _plugin(folder: Path, text: str, code: int = 0) -> dict[str, Any]:
    """Return the user of a kubeconfig whose credentials come from a plug-in."""
    script = folder / "plugin.sh"
    script.write_text(f"#!/bin/sh\ncat <<'X'\n{text}\nX\ncat >&2 <<'X'\n{text}\nX\nexit {code}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(script),
            "interactiveMode": "Never",
        }
    }


def _credential(token: str) -> str:
    answer = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": token}}
    return json.dumps(answer)


@pytest.mark.parametrize("way", ["token", "plug-in"])
def test_credentials_that_a_server_quotes_are_in_no_error(tmp_path: Path, way: str) -> None:
    secret = f"opaque-canary-of-a-{way}"
    user = {"token": secret} if way == "token" else _plugin(tmp_path, _credential(secret))
    with Stub() as stub:
        stub.always("/version", reply({"gitVersion": "v1.37.2"}))
        stub.always("/api/v1/pods", status(403, "Forbidden", f"{secret} may not; Authorization: Bearer {secret}"))
        with Api.connect(stub.kubeconfig(tmp_path, user), "stub") as api, pytest.raises(ApiError) as caught:
            api.get("/api/v1/pods")
        assert any(secret in seen.authorization for seen in stub.seen), "it was really used"
    told = f"{caught.value}{caught.value.body}{caught.value.args}"
    assert "may not" in told
    assert secret not in told


@pytest.mark.parametrize("code", [0, 1])
def test_what_a_broken_plug_in_prints_is_in_no_error(tmp_path: Path, code: int) -> None:
    with Stub() as stub:
        stub.always("/version", status(401, "Unauthorized"))
        file = stub.kubeconfig(tmp_path, _plugin(tmp_path, f"{TOKEN} is not JSON", code))
        with pytest.raises(PodvowError) as caught:
            Api.connect(file, "stub", connect_patience_s=0.1)
    assert TOKEN not in f"{caught.value}{caught.value.args}{caught.value.__cause__}"


def test_a_refused_secret_is_in_no_error(tmp_path: Path) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "canary-that-is-refused"}}
    with Stub() as stub:
        stub.always("/version", reply({"gitVersion": "v1.37.2"}))
        stub.always(
            "/api/v1/namespaces/n/secrets", status(422, "Invalid", 'Invalid value: "canary-that-is-refused"')
        )
        with Api.connect(stub.kubeconfig(tmp_path), "stub") as api, pytest.raises(ApiError) as caught:
            api.post("/api/v1/namespaces/n/secrets", secret)
    assert "canary" not in f"{caught.value}{caught.value.body}"
    assert "Invalid value" in str(caught.value)


@pytest.mark.parametrize("broken", ["users: [{name: u, user: {token: TOKEN}", "a: !!int TOKEN", "? [TOKEN]\n: x"])
def test_a_broken_kubeconfig_is_named_without_what_it_holds(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "config"
    file.write_text(broken.replace("TOKEN", TOKEN))
    with pytest.raises(PodvowError) as caught:
        Api.connect(file, "stub", connect_patience_s=0.1)
    assert TOKEN not in str(caught.value)


def test_the_source_of_a_record_does_not_matter() -> None:
    """Whoever makes a record, it passes the recorder."""
    from podvow.scenario.recorder import Recorder  # noqa: PLC0415 - next to what it is about
    from podvow.timeline import Meta, Record  # noqa: PLC0415

    recorder = Recorder(Meta("a.b.c"), Halt())
    for n, source in enumerate(Source, start=1):
        recorder.add(Record(n, 0, n, source, Kind.EVENT, data={"message": f"{source} says {TOKEN}"}))
    recorder.say(Kind.PROBED, probe="log", facts={"lines": [TOKEN]})
    recorder.open_gap(Source.STATUS, since_ns=1, reason=f"refused {TOKEN}")
    timeline = recorder.finish()
    assert len(timeline.records) == len(Source) + 2
    assert TOKEN not in repr(timeline.records)
