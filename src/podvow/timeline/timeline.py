"""The finished evidence of one scenario: merged records with the readings that expectations need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from packaging.version import Version

from podvow.release import release_of
from podvow.timeline.merge import merge
from podvow.timeline.record import Gap, Kind, Record, Source
from podvow.timeline.views import Run, Sandbox, Snapshot, runs_of, sandboxes_of

_OPEN_END = 2**63 - 1
TRACE_VOLUME = "podvow-trace"
"""The emptyDir that traced containers share; a container that mounts it writes to the trace."""


@dataclass(frozen=True)
class Meta:
    """What a timeline is about; everything that judging needs besides the records.

    Attributes:
        scenario: the scenario's stable id.
        test: where it is judged, `suites/…::test_…[…]`.
        pod: name of the scenario's main Pod ("" when it has none).
        fixture: name of the fixture that was deployed.
        node: the node it ran on ("" when none was chosen).
        kubelet_version: of that node, for the oracle.
        server_version: of the API server.
        windows: allowed times of effects in seconds by name, from the cluster's profile.
        sources: the sources that were connected.
        run: id of the run.
        images: image aliases of the fixtures (`blue` → reference) that the scenario used.
    """

    scenario: str
    test: str = ""
    pod: str = ""
    fixture: str = ""
    node: str = ""
    kubelet_version: str = ""
    server_version: str = ""
    windows: Mapping[str, float] = field(default_factory=dict)
    sources: Sequence[str] = ()
    run: str = ""
    images: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))  # so that what was loaded equals what was saved

    def kubelet_since(self, release: str) -> bool:
        """Tell whether the kubelet is of a release, e.g. `1.34`, or of a later one; an unknown one is not."""
        own = release_of(self.kubelet_version)
        return own is not None and own >= Version(release)


@dataclass(frozen=True, slots=True)
class FaultMark:
    """One fault on the timeline.

    Attributes:
        index: 0 for the first fault of the scenario.
        name: e.g. `kill_sandbox`.
        target: what it was aimed at.
        begin: the record written before the injection.
        done: the record of its completion with the facts that prove it; None when it failed.
        error: why it failed, empty when it did not.
    """

    index: int
    name: str
    target: str
    begin: Record
    done: Record | None
    error: str = ""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of it: facts before the injection and after it."""
        return {**self.begin.data.get("facts", {}), **(self.done.data.get("facts", {}) if self.done else {})}


class Timeline:
    """Records of one scenario in one order.

    Args:
        meta: what it is about.
        records: records of any sources in any order.
    """

    def __init__(self, meta: Meta, records: Iterable[Record]) -> None:
        self.meta = meta
        self.records = merge(records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeline) and (self.meta, self.records) == (other.meta, other.records)

    __hash__ = None  # type: ignore[assignment]  # compared in tests only, never a key

    @cached_property
    def start_ns(self) -> int:
        """The moment that times are told from: the first record with a fine stamp (Events have whole seconds)."""
        return min((r.t_ns for r in self.records if r.source is not Source.EVENTS), default=0)

    @cached_property
    def end_ns(self) -> int:
        """The last moment of the evidence."""
        return max((r.t_ns for r in self.records), default=0)

    def of(
        self,
        *kinds: Kind,
        pod: str | None = None,
        container: str | None = None,
        after_ns: int = 0,
        until_ns: int = _OPEN_END,
    ) -> tuple[Record, ...]:
        """Return records by kind, Pod, container and time (all kinds when none is given)."""
        return tuple(
            r
            for r in self.records
            if (not kinds or r.kind in kinds)
            and (pod is None or r.pod == pod)
            and (container is None or r.container == container)
            and after_ns <= r.t_ns <= until_ns
        )

    def _pod(self, pod: str) -> str:
        return pod or self.meta.pod

    @cached_property
    def _by_pod(self) -> dict[str, tuple[Record, ...]]:
        names = {r.pod for r in self.records if r.pod}
        return {name: tuple(r for r in self.records if r.pod == name) for name in names}

    @cached_property
    def _snapshots(self) -> dict[str, tuple[Snapshot, ...]]:
        return {
            pod: tuple(Snapshot(r, r.data["object"]) for r in records if r.kind in {Kind.SNAPSHOT, Kind.DELETED})
            for pod, records in self._by_pod.items()
        }

    @cached_property
    def _runs(self) -> dict[tuple[str, str], tuple[Run, ...]]:
        return {}

    def snapshots(self, pod: str = "") -> tuple[Snapshot, ...]:
        """Return the watched states of a Pod (default: the main one) in order."""
        return self._snapshots.get(self._pod(pod), ())

    def runs(self, container: str, pod: str = "") -> tuple[Run, ...]:
        """Return the runs of a container in order."""
        key = (self._pod(pod), container)
        if key not in self._runs:
            self._runs[key] = runs_of(self._by_pod.get(key[0], ()), self.snapshots(key[0]), container)
        return self._runs[key]

    def sandboxes(self, pod: str = "") -> tuple[Sandbox, ...]:
        """Return the sandboxes of a Pod in order; empty without the runtime source."""
        return sandboxes_of(self._by_pod.get(self._pod(pod), ()))

    def spec(self, pod: str = "") -> Mapping[str, Any]:
        """Return the spec of a Pod as first seen, else as applied; empty when neither is there."""
        shots = self.snapshots(pod)
        if shots:
            spec: Mapping[str, Any] = shots[0].object.get("spec", {})
            return spec
        for record in self.of(Kind.APPLIED):
            manifest = record.data.get("object", {})
            if manifest.get("kind") == "Pod" and manifest["metadata"]["name"] == self._pod(pod):
                applied: Mapping[str, Any] = manifest["spec"]
                return applied
        return {}

    def inits(self, pod: str = "") -> tuple[str, ...]:
        """Return the names of the regular init containers in spec order."""
        return tuple(
            c["name"] for c in self.spec(pod).get("initContainers") or () if c.get("restartPolicy") != "Always"
        )

    def sidecars(self, pod: str = "") -> tuple[str, ...]:
        """Return the names of the restartable init containers in spec order."""
        return tuple(
            c["name"] for c in self.spec(pod).get("initContainers") or () if c.get("restartPolicy") == "Always"
        )

    def apps(self, pod: str = "") -> tuple[str, ...]:
        """Return the names of the app containers in spec order."""
        return tuple(c["name"] for c in self.spec(pod).get("containers") or ())

    def containers(self, pod: str = "") -> tuple[str, ...]:
        """Return the names of all containers of the spec: regular init containers, sidecars, apps."""
        return (*self.inits(pod), *self.sidecars(pod), *self.apps(pod))

    def is_traced(self, container: str, pod: str = "") -> bool:
        """Tell whether a container writes to the trace, so that its silence there means something."""
        spec = self.spec(pod)
        for listed in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            if listed["name"] == container:
                mounts = listed.get("volumeMounts") or ()
                if any(mount.get("name") == TRACE_VOLUME for mount in mounts):
                    return True
        started = self.of(Kind.STARTED, pod=self._pod(pod), container=container)
        return any(r.source is Source.TRACE for r in started)

    @cached_property
    def faults(self) -> tuple[FaultMark, ...]:
        """The faults of the scenario in order, with their proof or their error."""
        marks: list[FaultMark] = []
        ends = {int(r.data["index"]): r for r in self.of(Kind.FAULT_DONE, Kind.FAULT_FAILED)}
        for record in self.of(Kind.FAULT):
            index = int(record.data["index"])
            end = ends.get(index)
            failed = end is None or end.kind is Kind.FAULT_FAILED
            error = str(end.data.get("error", "")) if end and failed else ("never completed" if failed else "")
            marks.append(
                FaultMark(
                    index,
                    str(record.data["name"]),
                    str(record.data.get("target", "")),
                    record,
                    None if failed else end,
                    error,
                )
            )
        return tuple(marks)

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Stretches in which a source was not observing; one that never closed lasts to the end."""
        return tuple(
            Gap(
                Source(r.data["of"]),
                r.t_ns,
                int(r.data.get("until_ns") or self.end_ns),
                str(r.data.get("reason", "")),
            )
            for r in self.of(Kind.GAP)
        )

    def gaps_of(self, *sources: Source, after_ns: int = 0, until_ns: int = _OPEN_END) -> tuple[Gap, ...]:
        """Return the gaps of the given sources that touch the given stretch."""
        return tuple(
            g for g in self.gaps if g.source in sources and g.until_ns >= after_ns and g.from_ns <= until_ns
        )

    def has(self, source: Source) -> bool:
        """Tell whether a source was connected in this scenario."""
        return source in self.meta.sources

    def at_s(self, t_ns: int) -> float:
        """Return a moment as seconds since the first record."""
        return (t_ns - self.start_ns) / 1e9
