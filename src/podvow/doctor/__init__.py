"""`podvow doctor`: everything that a run asks before it begins, and more, without changing anything."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from podvow import preflight
from podvow.api import Api, ApiError
from podvow.cluster import images
from podvow.cluster.process import CommandError
from podvow.cluster.profile import ClusterProfile, read_profile
from podvow.cluster.provider import Cluster
from podvow.doctor import admission, approval, capacity, clock
from podvow.doctor.check import Check, lines, of_findings, worst
from podvow.errors import ClusterUnusableError, ExitCode
from podvow.faults.base import NODE_ACCESS
from podvow.live import connect
from podvow.permissions import needs_of, used_by
from podvow.preflight import Finding
from podvow.profiles import profile_named
from podvow.run import fixture_images
from podvow.scenario.driver import workers
from podvow.selection import Collected
from podvow.session import Session

__all__ = ["Check", "examine", "exit_code", "lines", "to_json"]


def examine(session: Session, collected: Collected) -> list[Check]:
    """Ask everything that can be asked of a cluster before a run.

    Args:
        session: how it would be run.
        collected: what would be judged.

    Raises:
        ClusterUnusableError: the cluster is away: then there is nothing to ask.
    """
    cluster, api = connect(session)
    with api:
        profile = read_profile(api)
        return list(_checks(session, collected, cluster, api, profile))


def _checks(
    session: Session, collected: Collected, cluster: Cluster, api: Api, profile: ClusterProfile
) -> Iterator[Check]:
    yield Check("connection", "ok", f"{profile.server_address}, {cluster.context}")
    about, cluster, no_nodes = approval.check_approval(cluster, api)
    yield about
    yield from _asked("latency", lambda: clock.check_server(api))
    needs = needs_of(used_by(collected.scenarios, session.withheld))
    found = preflight.check(
        api,
        profile,
        needs=needs,
        images=[] if cluster.access is not None else sorted(fixture_images()),
    )
    by_topic: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_topic[finding.topic].append(finding)
    yield from of_findings("connection", by_topic["connection"], otherwise="the API server is ready")
    kubelets = sorted({node.kubelet_version for node in profile.nodes})
    told = f"API server {profile.server_version}, kubelets {', '.join(kubelets)}"
    yield from of_findings("versions", by_topic["versions"], otherwise=told)
    counts = f"{len(profile.gates)} of the API server, {_counts(profile)} of the kubelets"
    yield from of_findings("gates", by_topic["gates"], otherwise=f"feature gates are known: {counts}")
    yield from of_findings("permissions", by_topic["permissions"], otherwise=f"all {len(needs)} that a run needs")
    yield from of_findings("nodes", by_topic["nodes"], otherwise=f"{len(profile.nodes)} nodes, none under pressure")
    yield from _images(cluster, by_topic["images"])
    if cluster.access is not None:
        yield from clock.check_nodes(cluster.access, [node.name for node in profile.nodes])
    else:
        yield from _no_node_access(session, api, collected, no_nodes)
    yield from _profile_fits(session, profile)
    yield from _asked(
        "capacity", lambda: capacity.check_room(api, workers(profile), collected.scenarios, session.per_node)
    )
    yield from _asked("admission", lambda: admission.check_admission(api, collected.scenarios))
    yield from _asked("quotas", lambda: capacity.check_quotas(api))
    yield from _asked("leftovers", lambda: capacity.check_leftovers(api))


def _asked(name: str, ask: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """Yield what a check says; that it was not allowed to ask is an answer too."""
    try:
        yield from ask()
    except ApiError as error:
        yield Check(name, "warning", f"could not be asked: {error.message}", error.hint)
    except ClusterUnusableError as error:
        yield Check(name, "error", error.message, error.hint)


def _counts(profile: ClusterProfile) -> str:
    counts = sorted({len(node.gates) for node in profile.nodes})
    return " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1]))) if counts else "0"


def _images(cluster: Cluster, found: Sequence[Finding]) -> Iterator[Check]:
    if cluster.access is None:
        yield from of_findings("images", found, otherwise="all fixture images are on the nodes")
        return
    try:
        missing = images.missing_images(cluster)
    except CommandError as error:
        yield Check("images", "error", f"nodes cannot be asked for their images: {error}", "podvow up")
        return
    if missing:
        text = f"{len(missing)} fixture images are not on their node: {', '.join(missing[:3])}"
        yield Check("images", "warning", text, "a run loads them first; podvow images load does it now")
    else:
        yield Check("images", "ok", "all fixture images are on all nodes")


def _no_node_access(session: Session, api: Api, collected: Collected, no_nodes: str) -> Iterator[Check]:
    lost = sum(NODE_ACCESS in item.planned.scenario.needs for item in collected.items)
    why = session.withheld.get(NODE_ACCESS, no_nodes or "this cluster gives none")
    level = "ok" if NODE_ACCESS in session.withheld else "warning"
    text = f"none ({why}): {lost} of {len(collected.items)} tests are not applicable"
    yield Check("node access", "ok" if level == "ok" else "warning", text, "node faults need a kind cluster")
    yield from _asked("clocks", lambda: clock.check_reports(api.get("/api/v1/nodes")["items"]))


def _profile_fits(session: Session, profile: ClusterProfile) -> Iterator[Check]:
    try:
        misfit = profile_named(session.profile).misfit(workers(profile))
    except ClusterUnusableError:
        return  # said by the check of the nodes
    if misfit:
        yield Check("profile", "error", misfit, "--profile fast has a cluster of its own")
    else:
        yield Check("profile", "ok", f"profile {session.profile} fits these nodes")


def to_json(checks: Sequence[Check]) -> str:
    """Return all checks for machines."""
    told = {"schema": 1, "level": worst(checks), "checks": [asdict(check) for check in checks]}
    return json.dumps(told, indent=1) + "\n"


def exit_code(checks: Sequence[Check]) -> ExitCode:
    """Return 3 when something stands in the way of a run, else 0."""
    return ExitCode.CLUSTER if worst(checks) == "error" else ExitCode.OK
