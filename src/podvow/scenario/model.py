"""A scenario is data: what is deployed, the steady state, the faults, what is awaited then."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podvow.errors import UsageError
from podvow.faults.base import HOST_ACCESS, NODE_ACCESS, Fault, Isolation
from podvow.probes.base import Probe
from podvow.scenario.conditions import Condition
from podvow.scenario.manifest import Manifest, load_fixture, merge_patch, pod_specs, reaches_host


@dataclass(frozen=True)
class Until:
    """Wait for a state.

    Attributes:
        condition: the state.
        control: reaching it proves that the observers were awake and the cluster was acting after the fault;
            negative claims ("does not restart") hold only with such a positive control.
        promised: that it is reached is part of the claim. Where it is not, the claim is violated, although faults
            that were to come are not injected any more; without this word such a run never got to what it is about.
    """

    condition: Condition
    control: bool = False
    promised: bool = False


def promised(state: Condition) -> Until:
    """Return the step that waits for a state which the claim promises."""
    return Until(state, control=True, promised=True)


def _awaiting(state: Condition | Until, *, control: bool) -> Until:
    """Return the step that waits for a state; what is a step already is one."""
    return state if isinstance(state, Until) else Until(state, control=control)


@dataclass(frozen=True)
class Inject:
    """Inject a fault and wait until it is proven to have taken place."""

    fault: Fault


@dataclass(frozen=True)
class Hold:
    """Go on observing for a window of the cluster's profile, so that what must not happen has time to happen.

    Attributes:
        window: name of the window, see `podvow.cluster.profile.Windows`.
    """

    window: str = "quiet"


@dataclass(frozen=True)
class Look:
    """Ask a probe for something that no source streams (a log, a cgroup's limit) and record the answer."""

    probe: Probe


@dataclass(frozen=True)
class Send:
    """Send every request of some tables and record each answer.

    Attributes:
        tables: their names, see `podvow.scenario.table` and docs/requests.md.
    """

    tables: tuple[str, ...]


Step = Until | Inject | Hold | Look | Send

_SHORTEST_S, _TIMES, _LONGEST_S = 60.0, 6.0, 240.0


@dataclass(frozen=True)
class Scenario:
    """What a test's mark says; a parameter of the test with a field's name replaces that field.

    Attributes:
        pod: fixture of the main Pod (below `fixtures/pods/`), or "" for a scenario without one.
        objects: fixtures (paths below `fixtures/`) that are created before the Pod, in order.
        edits: merge patch for the main Pod's manifest (lists of named things merge by name).
        requests: tables of requests to send (below `fixtures/requests/`), before anything else.
        restart_policy: replaces the main Pod's restart policy.
        steady: state to reach before the first fault. A step, where the claim promises the state.
        fault: the first fault.
        until: state to reach after it; counts as the positive control. A step, where the claim promises the state.
        hold: window to go on observing in the end.
        then: more steps, run after `fault`, `until` and before `hold`.
        static: the Pod is not created by the API but lies as a manifest on the node; the API shows its mirror.
        expect_rejection: the API server must refuse the main object.
        deadline_s: the harness's patience for one step, in seconds; without it what `patience_s` says.
        idle_s: after this many seconds a step is given up already, where nothing moves any more; None for never.
        typical_s: how long the scenario takes on an idle cluster, in seconds; the longest start first.
        profiles: the profiles that it is part of; empty for all of them.
    """

    pod: str = ""
    objects: Sequence[str] = ()
    edits: Mapping[str, Any] = field(default_factory=dict)
    requests: Sequence[str] = ()
    restart_policy: str = ""
    steady: Condition | Until | None = None
    fault: Fault | None = None
    until: Condition | Until | None = None
    hold: str = ""
    then: Sequence[Step] = ()
    static: bool = False
    expect_rejection: bool = False
    deadline_s: float | None = None
    idle_s: float | None = None
    typical_s: float = 10.0
    profiles: Sequence[str] = ()

    @property
    def patience_s(self) -> float:
        """How long one step may take, in seconds: several times what all of it takes on an idle cluster.

        What never comes is waited for to the end of this, by each run that a bug makes wait.
        """
        if self.deadline_s is not None:
            return self.deadline_s
        return min(_LONGEST_S, _SHORTEST_S + _TIMES * self.typical_s)

    def idling_at_most(self, longest_s: float | None) -> Scenario:
        """Return the scenario with no more patience for a step in which nothing moves, in seconds (None: as it is).

        A step in which something does, on a machine that is slow with everything, is waited for as ever.
        """
        if longest_s is None or longest_s >= self.patience_s:
            return self
        return dataclasses.replace(self, idle_s=longest_s)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        steps: list[Step] = [Send(tuple(self.requests))] if self.requests else []
        if self.steady:
            steps.append(_awaiting(self.steady, control=False))
        if self.fault:
            steps.append(Inject(self.fault))
        if self.until:
            steps.append(_awaiting(self.until, control=True))
        steps.extend(self.then)
        if self.hold:
            steps.append(Hold(self.hold))
        return tuple(steps)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of all steps in order."""
        return tuple(step.fault for step in self.steps if isinstance(step, Inject))

    @property
    def isolation(self) -> Isolation:
        """The widest isolation that its faults need."""
        return max((fault.isolation for fault in self.faults), default=Isolation.POD)

    @property
    def node_faults(self) -> tuple[Fault, ...]:
        """Those of its faults that reach a whole node, in order: who has the same ones shares them."""
        return tuple(fault for fault in self.faults if fault.isolation is Isolation.NODE)

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities that its objects, faults and probes need."""
        needs = [fault.needs for fault in self.faults]
        needs += [step.probe.needs for step in self.steps if isinstance(step, Look)]
        if self.static:
            needs.append(frozenset({NODE_ACCESS}))
        if (self.pod or self.objects) and any(reaches_host(manifest) for manifest in self.manifests()):
            needs.append(frozenset({HOST_ACCESS}))
        return frozenset().union(*needs)

    def resolved(self, params: Mapping[str, Any]) -> Scenario:
        """Return the scenario with those of a test's parameters that name a field put in."""
        names = {f.name for f in dataclasses.fields(self)}
        chosen = {name: value for name, value in params.items() if name in names}
        if isinstance(chosen.get("edits"), Mapping):
            chosen["edits"] = merge_patch(dict(self.edits), chosen["edits"], keep_none=True)
        return dataclasses.replace(self, **chosen)

    def manifests(self) -> tuple[Manifest, ...]:
        """Return the objects to create, in order, the main Pod last.

        Raises:
            UsageError: a fixture is missing or broken.
        """
        manifests = [m for name in self.objects for m in load_fixture(name)]
        if self.pod:
            *others, pod = load_fixture(self.pod)
            edits = dict(self.edits)
            if self.restart_policy:
                edits = merge_patch(edits, {"spec": {"restartPolicy": self.restart_policy}}, keep_none=True)
            edited = merge_patch(pod, edits)
            manifests += [*others, edited]
        if not manifests and not self.requests:
            raise UsageError("a scenario without pod, objects and requests deploys nothing")
        return tuple(manifests)

    @property
    def pod_count(self) -> int:
        """How many Pods it brings to a node, for the capacity."""
        count = 0
        for manifest in self.manifests():
            if any(True for _ in pod_specs(manifest)):
                count += int((manifest.get("spec") or {}).get("replicas", 1) or 0)
        return max(count, 1)


def key_of(scenario_id: str) -> str:
    """Return a short stable name for labels and namespaces, made from a scenario's id."""
    return hashlib.sha256(scenario_id.encode()).hexdigest()[:10]
