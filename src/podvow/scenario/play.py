"""One scenario's way through its steps: deploys, waits, injects, looks, and records each of them."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from podvow.api import Api, ApiError
from podvow.cluster.cri import Cri
from podvow.cluster.node import NodeAccess
from podvow.cluster.profile import NodeProfile
from podvow.deadline import Deadline
from podvow.errors import IdentityError, InjectionError, PodvowError
from podvow.faults import static
from podvow.faults.base import Fault, FaultContext, Isolation, Lasting, reaches_node
from podvow.faults.journalled import Journalled
from podvow.faults.lifeline import Lifeline
from podvow.faults.nodestatus import OfferResource
from podvow.faults.spec import plural_of
from podvow.journal.log import Journal
from podvow.journal.undo import DeleteNamespace, HealNode, Undo
from podvow.labels import RUN_LABEL
from podvow.probes.base import Probe
from podvow.safety.guard import Guard
from podvow.scenario.conditions import Condition
from podvow.scenario.manifest import Manifest, prepare
from podvow.scenario.model import Hold, Inject, Look, Scenario, Send, Until
from podvow.scenario.quota import await_counting, await_limits
from podvow.scenario.recorder import Recorder, Waited
from podvow.scenario.requests import send_tables
from podvow.scenario.together import LateError, Party
from podvow.timeline.pace import first_start_s
from podvow.timeline.record import Kind, Record
from podvow.timeline.sources.status import slim
from podvow.timeline.timeline import FaultMark

_LOG = logging.getLogger(__name__)
_PROOF_S = 90.0
"""Patience with a fault that was made to be seen: on a busy machine a status comes late, and costs nothing else."""
_DOUBT_S = 20.0
"""So long a wait does not doubt that the watches tell everything."""
_STILL_S = 20.0
"""Of what no source has told anything for so long nothing moves, however busy its node is."""
_ADMISSION_S = 10.0
_NEVER = Condition("never", lambda _: False)
_QUOTA_COUNTS = Condition(
    "quota counted",
    lambda t: any(r.data["object"].get("status", {}).get("hard") for r in t.of(Kind.OBJECT)),
)


@dataclass(frozen=True)
class Stage:
    """What all scenarios of a run play with.

    Attributes:
        api: the API server.
        access: way onto the nodes, None without one.
        cri: the nodes' container runtime, None without node access.
        journal: takes every fault before it is injected.
        guard: is asked right before every injection whether this is still the right cluster.
        lifeline: heals nodes if this process dies; None without node access.
    """

    api: Api
    access: NodeAccess | None
    cri: Cri | None
    journal: Journal
    guard: Guard
    lifeline: Lifeline | None = None


@dataclass(frozen=True)
class Tenant:
    """What belongs to one scenario only.

    Attributes:
        namespace: its namespace.
        labels: labels of everything that it makes.
        settled: tells the scheduler that the busy part is over.
        key: short name of the scenario.
        party: with whom it shares its node faults, None when it has none.
        look_past: looks at its objects past the watches, in case these do not tell everything.
        patience_s: how long it must be silent to be thought to wait, in seconds.
    """

    namespace: str
    labels: Mapping[str, str]
    settled: Callable[[], None]
    key: str = ""
    party: Party | None = None
    look_past: Callable[[], None] = lambda: None
    patience_s: Callable[[], float] = lambda: math.inf


class Play:
    """One scenario's way through its steps."""

    def __init__(
        self, stage: Stage, scenario: Scenario, recorder: Recorder, tenant: Tenant, node: NodeProfile
    ) -> None:
        self._stage = stage
        self._scenario = scenario
        self._recorder = recorder
        self._tenant = tenant
        self._node = node
        self._faults = 0
        self._node_faults = 0
        self._to_undo: list[tuple[str, Callable[[], None]]] = []
        self._holds = 0
        self._settled = False
        self._context = FaultContext(
            api=stage.api,
            namespace=tenant.namespace,
            node=node.name,
            cri=stage.cri,
            access=stage.access,
            timeline=recorder.timeline,
            prepare=self._prepare,
            record_object=self._applied,
        )

    def _prepare(self, manifest: Manifest) -> Manifest:
        return prepare(manifest, labels=self._tenant.labels, namespace=self._tenant.namespace, node=self._node.name)

    def _applied(self, raw: Mapping[str, Any]) -> None:
        again = raw["metadata"].get("uid") in self._context.api.asked_again
        self._recorder.say(Kind.APPLIED, object=slim(dict(raw)), **({"asked_again": True} if again else {}))

    def run(self) -> None:
        """Deploy, then go through the steps until one cannot be reached."""
        if not self._deploy(self._scenario):
            return
        for number, step in enumerate(self._scenario.steps):
            if number == 1:
                self._settle()
            match step:
                case Until():
                    going = self._until(number, step)
                case Inject():
                    going = self._inject(step.fault)
                case Hold():
                    going = self._hold(step)
                case Look():
                    going = self._look(step.probe)
                case Send():
                    going = send_tables(
                        step.tables, self._stage.api, self._tenant.namespace, self._tenant.labels, self._recorder
                    )
            if not going:
                return

    def _settle(self) -> None:
        """Let the next scenario begin, unless that has been done."""
        if not self._settled:
            self._settled = True
            self._tenant.settled()

    def close(self) -> None:
        """Undo the own faults, the last one first, and take leave of who shared the others; to be called always."""
        undone = [self._undo(name, undo) for name, undo in reversed(self._to_undo)]
        if all(undone) and self._stage.guard.may_undo(self._node.name):
            self._let_go()
        party = self._tenant.party
        if party is not None:
            party.leave(self._tenant.key, self._context)
            for name in party.undone:
                self._recorder.say(Kind.UNDONE, fault=name)
            if party.lost:
                self._recorder.say(Kind.LOST, reason=party.lost)

    def _undo(self, name: str, undo: Callable[[], None]) -> bool:
        if not self._stage.guard.may_undo(self._node.name):
            self._recorder.say(Kind.LOST, reason=f"{name} was not undone: this is another cluster now")
            return False
        try:
            undo()
        except Exception as error:  # noqa: BLE001 - the others must be undone all the same
            self._recorder.say(Kind.LOST, reason=f"{name} could not be undone: {error}")
            return False
        self._recorder.say(Kind.UNDONE, fault=name)
        return True

    def _deploy(self, scenario: Scenario) -> bool:
        for manifest in scenario.manifests():
            ready = self._prepare(manifest)
            if scenario.static and manifest["kind"] == "Pod":
                if not self._write_static(ready):
                    return False
                continue
            path = self._context.path(plural_of(manifest["kind"]))
            try:
                answer = self._context.api.post(path, ready)
            except ApiError as error:
                # Only a refusal of the object itself is evidence; a server that is away, busy or new is none.
                if error.status not in {400, 403, 422} or error.by_authorizer:
                    raise
                self._recorder.say(Kind.REJECTED, object=slim(ready), status=error.status, body=error.body)
                if not scenario.expect_rejection:
                    return False
            else:
                self._applied(answer)
                if manifest["kind"] == "ResourceQuota":
                    # Admission refuses Pods until the quota controller has filled in the quota's status, and counts
                    # none before it has heard of the quota itself.
                    self._recorder.wait(_QUOTA_COUNTS, Deadline.after(_PROOF_S))
                    await_counting(self._stage.api, self._tenant.namespace, answer, Deadline.after(_ADMISSION_S))
                if manifest["kind"] == "LimitRange":
                    await_limits(self._stage.api, self._tenant.namespace, Deadline.after(_ADMISSION_S))
        return True

    def _write_static(self, manifest: Manifest) -> bool:
        self._stage.guard.check(self._node.name)
        try:
            self._hold_node()
        except InjectionError as error:
            self._recorder.say(Kind.LOST, reason=str(error))
            return False
        journal = self._stage.journal
        with journal.change("static Pod", static.undoing(self._tenant.namespace, self._node.name)) as entry:
            self._to_undo.append(("static_pod", lambda: self._remove_static(entry)))
            self._stage.guard.check(self._node.name)
            static.write(self._context, manifest)
        name = static.mirror_name(manifest, self._node.name)
        self._applied({**manifest, "metadata": {**manifest["metadata"], "name": name}})
        return True

    def _remove_static(self, entry: int) -> None:
        with self._stage.journal.undoing(entry):
            static.remove(self._context)

    def _until(self, number: int, step: Until) -> bool:
        began = time.monotonic()
        waited = self._await(step.condition)
        facts = {"step": number, "condition": step.condition.text, "promised": step.promised}
        if waited is Waited.MET:
            self._recorder.say(Kind.REACHED, control=step.control, **facts)
            return True
        ahead = sum(isinstance(later, Inject) for later in self._scenario.steps[number + 1 :])
        waited_s = round(time.monotonic() - began, 3)
        self._recorder.say(Kind.MISSED, waited_s=waited_s, last=str(waited), faults_ahead=ahead, **facts)
        return False

    def _await(self, condition: Condition) -> Waited:
        """Wait for a state; when it takes long, look past the watches now and then whether it has come."""
        deadline, doubt = Deadline.after(self._scenario.patience_s), Deadline.after(_DOUBT_S)
        idle = Deadline.after(self._scenario.idle_s) if self._scenario.idle_s is not None else deadline
        while True:
            # whether it moves is known once it has been still for long enough, and patience is at its end
            still_s = max(idle.left_s, _STILL_S - self._recorder.quiet_s)
            turn_s = min(doubt.left_s, deadline.left_s, still_s, self._next_look_s())
            waited = self._recorder.wait(condition, Deadline.after(turn_s))
            idles = idle.passed and self._recorder.quiet_s >= _STILL_S
            if waited is not Waited.PASSED or deadline.passed or idles:
                return waited
            if not self._settled and self._waits():
                self._settle()
            if doubt.passed:
                doubt = Deadline.after(_DOUBT_S)
                with contextlib.suppress(ApiError):  # whether the API server is there is asked by others
                    self._tenant.look_past()

    def _next_look_s(self) -> float:
        """Return when it can show next that the scenario only waits, in seconds from now.

        One that is silent for long enough and has no Pod yet needs a record first, which begins the silence anew.
        """
        if self._settled:
            return math.inf
        patience_s = self._tenant.patience_s()
        left_s = patience_s - self._recorder.quiet_s
        return left_s if left_s > 0 else patience_s

    def _waits(self) -> bool:
        """Whether the scenario starts no container any more: its Pod is there, and no source tells anything."""
        silent = self._recorder.quiet_s >= self._tenant.patience_s()
        return silent and first_start_s(self._recorder.timeline()) is not None

    def _hold(self, step: Hold) -> bool:
        seconds = float(self._recorder.meta.windows[step.window])
        self._recorder.say(Kind.HOLD_BEGIN, window=step.window, seconds=seconds)
        if self._recorder.wait(_NEVER, Deadline.after(seconds)) is Waited.STOPPED:
            return False
        self._recorder.say(Kind.HOLD_END, window=step.window, seconds=seconds)
        return True

    def _inject(self, fault: Fault) -> bool:
        index = self._faults
        self._faults += 1
        begun: list[Record] = []

        def begin() -> None:
            begun.append(self._recorder.say(Kind.FAULT, index=index, name=fault.name, target=fault.target))

        try:
            facts = dict(self._hit(fault, begin))
        except LateError:
            reason = f"{fault.name} took place without this scenario, which was not ready in time"
            self._recorder.say(Kind.LOST, reason=reason)
            return False
        except IdentityError:
            raise
        except (PodvowError, OSError, TimeoutError) as error:
            if isinstance(error, ApiError) and error.status in {0, 429, 500, 502, 503, 504}:
                raise
            self._recorder.say(Kind.FAULT_FAILED, index=index, error=str(error))
            return False
        mark = FaultMark(
            index, fault.name, fault.target, replace(begun[0], data={**begun[0].data, "facts": facts}), None
        )
        proof = Condition(f"{fault.name} observed", lambda t: fault.observed(t, mark))
        if self._recorder.wait(proof, Deadline.after(_PROOF_S)) is not Waited.MET:
            self._recorder.say(Kind.FAULT_FAILED, index=index, error="not observed to happen", facts=facts)
            return False
        self._recorder.say(Kind.FAULT_DONE, index=index, facts=facts)
        return True

    def _hit(self, fault: Fault, begin: Callable[[], None]) -> Mapping[str, Any]:
        """Inject a fault: one of the node together with those who need the same, any other one alone."""
        party = self._tenant.party
        lasting = fault.isolation is not Isolation.POD or isinstance(fault, Lasting)
        written = Journalled(fault, self._undo_of(fault), self._stage.journal)
        if fault.isolation is Isolation.NODE and party is not None:
            number = self._node_faults
            self._node_faults += 1
            return party.meet(self._tenant.key, number, begin, written, self._context)
        try:
            if isinstance(fault, OfferResource):
                self._stage.guard.check(self._node.name)  # arming a timer touches the node too
                self._hold_node(fault.resource)
            if lasting:
                self._to_undo.append((fault.name, lambda: written.undo(self._context)))
            written.prepare(self._context)
        finally:
            begin()
        self._stage.guard.check(self._node.name if reaches_node(fault) else "")
        return written.inject(self._context)

    def _undo_of(self, fault: Fault) -> Undo:
        """Return what takes a fault back when nobody is there who knows it: most go with the namespace."""
        if isinstance(fault, Lasting):
            return fault.undoing(self._node.name)
        if fault.isolation is not Isolation.POD:
            return HealNode(self._node.name)
        return DeleteNamespace(self._tenant.namespace, self._tenant.labels[RUN_LABEL])

    def _hold_node(self, resource: str = "") -> None:
        """Let the node take back by itself what outlives this process on it."""
        if self._stage.lifeline is not None:
            self._stage.lifeline.hold(self._node.name, resource=resource)
            self._holds += 1

    def _let_go(self) -> None:
        """Disarm what would heal the node; it is well."""
        line, holds, self._holds = self._stage.lifeline, self._holds, 0
        for _ in range(holds):
            try:
                if line is not None and not line.release(self._node.name):
                    self._recorder.say(Kind.LOST, reason=f"{self._node.name} has healed itself in the middle")
            except Exception as error:  # noqa: BLE001 - it goes off then: harmless, but to be told
                _LOG.warning("dead-man timer of %s: %s", self._node.name, error)

    def _look(self, probe: Probe) -> bool:
        """Write down what a probe sees; one that could not look is said so and judged by who needed it."""
        try:
            facts = dict(probe.look(self._context))
        except (PodvowError, OSError, TimeoutError) as error:
            if isinstance(error, ApiError) and error.status in {0, 429, 500, 502, 503, 504}:
                raise
            self._recorder.say(Kind.PROBED, probe=probe.name, error=str(error))
        else:
            self._recorder.say(Kind.PROBED, probe=probe.name, facts=facts)
        return True
