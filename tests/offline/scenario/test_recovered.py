"""What a runtime's records tell of the time in which its events were not heard."""

from __future__ import annotations

from typing import Any, cast

import pytest

from podvow.cluster.cri import Cri
from podvow.scenario.recovered import missed, stamp
from podvow.timeline.record import Kind

S = 10**9
T = 1_790_000_000


class Records:
    """A runtime with one Pod of ours and one of somebody else."""

    def __init__(self, *, crictl: bool) -> None:
        self._crictl = crictl

    def _stamp(self, seconds: float) -> str:
        if not seconds:
            return "0001-01-01T00:00:00Z" if self._crictl else "0"
        if not self._crictl:
            return str(T * S + int(seconds * S))
        return f"2026-09-21T14:13:{20 + int(seconds):02d}.{round(seconds % 1 * S):09d}Z"

    def _labels(self, namespace: str = "podvow-r-k", container: str = "") -> dict[str, str]:
        told = {"io.kubernetes.pod.namespace": namespace, "io.kubernetes.pod.name": "main"}
        told["io.kubernetes.pod.uid"] = "u-1"
        return {**told, "io.kubernetes.container.name": container} if container else told

    def sandboxes(self, node: str) -> list[dict[str, Any]]:
        assert node == "worker"
        # A list has plain numbers, whichever tool prints it.
        return [
            {"id": "box", "createdAt": str(int((T + 1.5) * S)), "labels": self._labels()},
            {"id": "system", "createdAt": str(T * S), "labels": self._labels("kube-system")},
        ]

    def containers(self, node: str) -> list[dict[str, Any]]:
        assert node == "worker"
        told = [("done", "init-1"), ("live", "app"), ("late", "side")]
        mine = [{"id": cid, "podSandboxId": "box", "labels": self._labels(container=name)} for cid, name in told]
        return [*mine, {"id": "dns", "podSandboxId": "system", "labels": self._labels("kube-system", "dns")}]

    def inspect_container(self, node: str, container_id: str) -> dict[str, Any]:
        assert node == "worker"
        stamps = {"done": (2, 3, 4.25, 7), "live": (5, 6, 0, 0), "late": (50, 51, 0, 0)}[container_id]
        created, started, finished, code = stamps
        return {
            "status": {
                "createdAt": self._stamp(created),
                "startedAt": self._stamp(started),
                "finishedAt": self._stamp(finished),
                "exitCode": code,
                "image": {"image": "podvow/busybox:blue"},
            }
        }


@pytest.mark.parametrize("crictl", [True, False])
def test_what_was_missed_is_told_in_the_order_of_its_stamps(*, crictl: bool) -> None:
    found = missed(cast("Cri", Records(crictl=crictl)), "worker", {"live": {Kind.CONTAINER_CREATED}}, (T + 30) * S)
    assert {namespace for namespace, _ in found} == {"podvow-r-k"}
    assert [(r.kind, r.container, (r.t_ns - T * S) / S) for _, r in found] == [
        (Kind.SANDBOX_STARTED, "", 1.5),
        (Kind.CONTAINER_CREATED, "init-1", 2),
        (Kind.CONTAINER_STARTED, "init-1", 3),
        (Kind.CONTAINER_EXITED, "init-1", 4.25),
        (Kind.CONTAINER_STARTED, "app", 6),
    ]
    exit_of = found[3][1]
    assert (exit_of.data["code"], exit_of.data["id"], exit_of.data["sandbox"]) == (7, "done", "box")
    assert all(record.data["recovered"] for _, record in found)


def test_what_was_told_is_not_told_again() -> None:
    told = {"box": {Kind.SANDBOX_STARTED}, "done": {Kind.CONTAINER_EXITED}, "live": set(Kind)}
    assert missed(cast("Cri", Records(crictl=False)), "worker", told, (T + 30) * S) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1790000000000000001", T * S + 1),
        ("2026-09-21T14:13:20.5Z", T * S + S // 2),
        ("2026-09-21T14:13:20Z", T * S),
        ("0001-01-01T00:00:00Z", 0),
        ("-62135596800000000000", 0),
        ("", 0),
        (None, 0),
        ("yesterday", 0),
    ],
)
def test_stamps_of_either_tool_are_read(text: str | None, expected: int) -> None:
    assert stamp(text) == expected
