"""What podvow may have to ask of an API server: the table from which roles, preflight and documentation come.

Each feature is something that a run does, with the permissions that this takes. Which features a selection of
scenarios has is read off the scenarios, so that a role for some of them grants what they need and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from podvow.errors import UsageError
from podvow.faults.base import NODE_ACCESS, Isolation
from podvow.faults.spec import CreateObjects, RecreatePod
from podvow.faults.workloads import PatchObject
from podvow.scenario.manifest import load_fixture
from podvow.scenario.model import Scenario
from podvow.scenario.table import Table, load_table


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """A verb on a resource, in the whole cluster (RBAC knows no "in namespaces that I shall make").

    Attributes:
        group: API group, empty for the core group.
        resource: plural, with its subresource (`pods/log`); or the path of what is no resource (`/metrics`).
        verb: as RBAC calls it.
    """

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")

    @property
    def is_path(self) -> bool:
        """Whether it is about a path instead of a resource."""
        return self.resource.startswith("/")


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a run does.

    Attributes:
        name: what it is looked up by.
        about: the same in words.
        permissions: what it takes.
        lost: what is lost without it; empty when nothing can replace it.
    """

    name: str
    about: str
    permissions: tuple[Permission, ...]
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """A permission that something needs.

    Attributes:
        permission: the permission.
        why: what needs it, in words.
        lost: what is lost without it; empty when it cannot be done without.
    """

    permission: Permission
    why: tuple[str, ...]
    lost: str = ""


def _rules(*rules: tuple[str, str, str]) -> tuple[Permission, ...]:
    return tuple(Permission(group, resource, verb) for group, resource, verbs in rules for verb in verbs.split())


def _one(name: str, about: str, group: str, resource: str, verbs: str) -> Feature:
    return Feature(name, about, _rules((group, resource, verbs)))


BASE = Feature(
    "base",
    "every run: a namespace per scenario, its Pods with their logs, Events, nodes",
    _rules(
        ("", "namespaces", "create delete get list watch"),
        ("", "serviceaccounts", "create"),
        ("", "pods", "create get list patch watch"),
        ("", "pods/log", "get"),
        ("", "events", "list watch"),
        ("", "nodes", "list"),
    ),
)
GATES = Feature(
    "gates",
    "feature gates of the API server",
    _rules(("", "/metrics", "get")),
    lost="its feature gates stay unknown",
)
KUBELETS = Feature(
    "kubelets",
    "feature gates, back-off and free disk of the kubelets",
    _rules(("", "nodes/proxy", "get")),
    lost="their feature gates, back-off and free disk stay unknown",
)
JOURNAL = Feature(
    "journal",
    "every run: its pulse, and the undo of what it changes, kept in a namespace of the run",
    _rules(("", "configmaps", "create get patch"), ("coordination.k8s.io", "leases", "create get patch")),
)
OFFER = Feature(
    "fault offer_resource",
    "an extended resource that a node offers for a while",
    _rules(("", "nodes", "get"), ("", "nodes/status", "patch")),
    lost="nobody can offer an extended resource on a node: what the scheduler counts is not judged",
)
_WATCHED = "create get list watch"
_TABLE = (
    BASE,
    JOURNAL,
    GATES,
    KUBELETS,
    _one("deploy ConfigMap", "fixtures with a ConfigMap", "", "configmaps", "create get"),
    # `get` would settle a creation whose answer was lost; it is not worth the right to read every Secret.
    _one("deploy Secret", "fixtures with a Secret", "", "secrets", "create"),
    Feature(
        "deploy Service",
        "fixtures with a Service, followed by its EndpointSlices",
        _rules(("", "services", "create get"), ("discovery.k8s.io", "endpointslices", "list watch")),
    ),
    _one("deploy ResourceQuota", "fixtures with a ResourceQuota", "", "resourcequotas", _WATCHED),
    _one("deploy LimitRange", "fixtures with a LimitRange", "", "limitranges", "create get"),
    _one("deploy DaemonSet", "fixtures with a DaemonSet", "apps", "daemonsets", _WATCHED),
    _one("deploy Deployment", "fixtures with a Deployment", "apps", "deployments", _WATCHED),
    _one("deploy StatefulSet", "fixtures with a StatefulSet", "apps", "statefulsets", _WATCHED),
    _one("deploy Job", "fixtures with a Job", "batch", "jobs", _WATCHED),
    _one("patch DaemonSet", "changed DaemonSets", "apps", "daemonsets", "patch"),
    _one("patch Deployment", "changed and scaled Deployments", "apps", "deployments", "patch"),
    _one("patch StatefulSet", "changed and scaled StatefulSets", "apps", "statefulsets", "patch"),
    _one("patch Job", "changed and suspended Jobs", "batch", "jobs", "patch"),
    _one("fault delete_pod", "deleted Pods", "", "pods", "delete"),
    _one("fault evict_pod", "evicted Pods", "", "pods/eviction", "create"),
    _one("fault debug", "ephemeral containers", "", "pods/ephemeralcontainers", "patch"),
    _one("fault resize", "Pods that are resized in place", "", "pods/resize", "patch"),
    _one("fault set_pod_condition", "readiness gates", "", "pods/status", "patch"),
    OFFER,
    _one("node fault", "faults of whole nodes: whether the node is Ready again", "", "nodes", "get"),
    _one("label namespace", "tables of requests about Pod Security levels", "", "namespaces", "patch"),
    _one("send CronJob", "requests (dry run) about CronJobs", "batch", "cronjobs", "create"),
    _one("send DaemonSet", "requests (dry run) about DaemonSets", "apps", "daemonsets", "create"),
    _one("send Deployment", "requests (dry run) about Deployments", "apps", "deployments", "create"),
    _one("send Job", "requests (dry run) about Jobs", "batch", "jobs", "create"),
    _one("send PodTemplate", "requests (dry run) about PodTemplates", "", "podtemplates", "create"),
    _one("send ReplicaSet", "requests (dry run) about ReplicaSets", "apps", "replicasets", "create"),
    _one(
        "send ReplicationController",
        "requests (dry run) about ReplicationControllers",
        "",
        "replicationcontrollers",
        "create",
    ),
    _one("send StatefulSet", "requests (dry run) about StatefulSets", "apps", "statefulsets", "create"),
    _one("update CronJob", "updates (dry run) of CronJobs", "batch", "cronjobs", "update"),
    _one("update DaemonSet", "updates (dry run) of DaemonSets", "apps", "daemonsets", "update"),
    _one("update Deployment", "updates (dry run) of Deployments", "apps", "deployments", "update"),
    _one("update Job", "updates (dry run) of Jobs", "batch", "jobs", "update"),
    _one("update StatefulSet", "updates (dry run) of StatefulSets", "apps", "statefulsets", "update"),
    _one("update Pod", "updates (dry run) of Pods", "", "pods", "update"),
    _one(
        "update Pod/ephemeralcontainers",
        "updates (dry run) of a Pod's ephemeral containers",
        "",
        "pods/ephemeralcontainers",
        "update",
    ),
    _one("update Pod/resize", "updates (dry run) of a Pod's resources", "", "pods/resize", "update"),
)
FEATURES: Mapping[str, Feature] = {feature.name: feature for feature in _TABLE}
_ANYWAY = frozenset({"deploy Pod", "send Pod"})
"""What every run may do."""


def features_of(scenario: Scenario) -> Iterator[Feature]:
    """Yield what a scenario does beyond what every run does; some of it more than once.

    Raises:
        UsageError: it does something that the table does not know.
    """
    for name in _names(scenario):
        if name in _ANYWAY:
            continue
        if name not in FEATURES:
            raise UsageError(f"nobody has said which permissions it takes to {name}", hint="podvow/permissions.py")
        yield FEATURES[name]


def _names(scenario: Scenario) -> Iterator[str]:
    for manifest in scenario.manifests():
        yield f"deploy {manifest['kind']}"
    for fault in scenario.faults:
        if isinstance(fault, CreateObjects | RecreatePod):
            yield from (f"deploy {manifest['kind']}" for manifest in load_fixture(fault.fixture))
        if isinstance(fault, PatchObject):
            yield f"patch {fault.kind}"
        if fault.isolation is not Isolation.POD:
            yield "node fault"
        # The other faults change the Pod, which every run may, or go by the node.
        if f"fault {fault.name}" in FEATURES:
            yield f"fault {fault.name}"
    for table in map(load_table, scenario.requests):
        yield from _names_in(table)


def _names_in(table: Table) -> Iterator[str]:
    if table.labels:
        yield "label namespace"
    for manifest in table.objects:
        sent = f"send {manifest['kind']}"
        yield sent if sent in FEATURES or sent in _ANYWAY else f"deploy {manifest['kind']}"
    for case in table.cases:
        kind = case.base["kind"]
        target = f"{kind}/{case.subresource}" if case.subresource else kind
        yield f"update {target}" if case.on else f"send {kind}"


def used_by(scenarios: Iterable[Scenario], withheld: Collection[str] = ()) -> tuple[Feature, ...]:
    """Return what some scenarios do, in the table's order, with what every run does.

    Args:
        scenarios: what is to be run.
        withheld: capabilities that the run must not use; scenarios that need one are left out.

    Raises:
        UsageError: one does something that the table does not know.
    """
    left = [scenario for scenario in scenarios if not withheld or scenario.needs.isdisjoint(withheld)]
    names = {feature.name for scenario in left for feature in features_of(scenario)}
    names |= {BASE.name, JOURNAL.name, GATES.name} | (set() if NODE_ACCESS in withheld else {KUBELETS.name})
    return tuple(feature for feature in _TABLE if feature.name in names)


def needs_of(features: Iterable[Feature]) -> tuple[Need, ...]:
    """Return the permissions that some features take, each once, sorted.

    A permission that one feature cannot do without is not optional, whatever the others say.
    """
    why: defaultdict[Permission, list[Feature]] = defaultdict(list)
    for feature in features:
        for permission in feature.permissions:
            why[permission].append(feature)
    return tuple(
        Need(
            permission,
            tuple(dict.fromkeys(f.about for f in whose)),
            "" if any(not f.lost for f in whose) else "; ".join(dict.fromkeys(f.lost for f in whose)),
        )
        for permission, whose in sorted(why.items())
    )
