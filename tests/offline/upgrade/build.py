"""Survivors and nodes for tests, as snapshots have them and as the API shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podvow.upgrade.fate import fates
from podvow.upgrade.judge import Survivor, judge
from podvow.upgrade.rules import load
from podvow.upgrade.snapshot import ContainerSeen, NodeSeen, PodSeen, Snapshot

OLD, NEW = "v1.36.3", "v1.37.2"


def node(name: str = "worker", kubelet: str = OLD, **changed: Any) -> NodeSeen:
    base = NodeSeen(name, f"uid-{name}", f"machine-{name}", "boot-1", kubelet, "containerd://2.3.7", ready=True)
    return replace(base, **changed)


def container(name: str, kind: str = "app", number: int = 1, **changed: Any) -> ContainerSeen:
    """Return a container in its run `number`; inits lie one after the other, in the order of their names."""
    at_s = 100.0 * number + (int(name[-1]) * 10 if kind == "init" else 50)
    base = ContainerSeen(
        name,
        kind,
        id=f"{name}-{number}-" + "0" * 20,
        image="podvow/busybox:blue",
        image_id="sha256:blue",
        restarts=number - 1,
        state="terminated" if kind == "init" else "running",
        exit_code=0 if kind == "init" else None,
        runs=number,
        begun_s=at_s,
        ended_s=at_s + 5 if kind == "init" else None,
        last_s=at_s + 5,
    )
    return replace(base, **changed)


def pod(name: str = "three-inits-1", shape: str = "three-inits", number: int = 1, **changed: Any) -> PodSeen:
    base = PodSeen(
        name,
        f"uid-{name}",
        shape,
        node="worker",
        owner="",
        phase="Running",
        ip="10.244.1.5",
        made="2026-01-01T00:00:00Z",
        leaving=False,
        unsettled="",
        containers=(*(container(f"init-{n}", "init", number) for n in (1, 2, 3)), container("app", number=number)),
    )
    return replace(base, **changed)


def taken(*pods: PodSeen, nodes: tuple[NodeSeen, ...] = (), server: str = OLD) -> Snapshot:
    return Snapshot("u1", "2026-01-01T00:00:00+00:00", server, nodes or (node(),), pods)


def survivors(before: Snapshot, after: Snapshot) -> list[Survivor]:
    return judge(before, after, fates(before, after), load())


def raw_pod(
    name: str, *, shape: str = "", steady: str = "ready", ready: bool = True, **status: Any
) -> dict[str, Any]:
    """Return a Pod as the API shows it."""
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "labels": {"podvow.dev/shape": shape or name},
            "annotations": {"podvow.dev/steady": steady},
        },
        "spec": {
            "nodeName": "worker",
            "initContainers": [
                {"name": "init-1", "image": "podvow/busybox:blue"},
                {"name": "side", "image": "podvow/busybox:blue", "restartPolicy": "Always"},
            ],
            "containers": [{"name": "app", "image": "podvow/busybox:blue"}],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.244.1.5",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "initContainerStatuses": [
                {
                    "name": "init-1",
                    "containerID": "containerd://aaa",
                    "imageID": "sha256:blue",
                    "state": {"terminated": {"exitCode": 0, "startedAt": "2026-01-01T00:00:01Z"}},
                }
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "containerID": "containerd://bbb",
                    "restartCount": 2,
                    "state": {"running": {"startedAt": "2026-01-01T00:00:09Z"}},
                }
            ],
            **status,
        },
    }
