"""`podvow upgrade before`, `during`, `after` and `remove`: what is done when, in which order."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from podvow import compare
from podvow.api import ApiError
from podvow.cluster.profile import NodeProfile, read_profile
from podvow.compare.output import MARKDOWN, PAGE
from podvow.errors import ClusterUnusableError, IdentityError, UsageError
from podvow.journal import identity
from podvow.live import enter
from podvow.scenario.driver import workers
from podvow.selection import collect
from podvow.session import Session
from podvow.upgrade import cohort, fate, judge, judging, rules, samples
from podvow.upgrade.baseline import AFTER_FILE, BEFORE_FILE, SAMPLES, Baseline, Folder, Stage
from podvow.upgrade.judging import Wanted
from podvow.upgrade.outage import Sampled, summed
from podvow.upgrade.planting import Field, namespace_of
from podvow.upgrade.report import HALF_WAY, WHOLE, Report
from podvow.upgrade.snapshot import Snapshot

Say = Callable[[str], None]
_MOST_NODES = 10
"""A dozen Pods a node, on so many nodes: every fate that nodes have is seen on fewer."""
_PLANTED_S = 300.0
_SETTLED_S = 180.0


@contextlib.contextmanager
def _entered(
    session: Session, known: Baseline | None = None
) -> Iterator[tuple[Field, list[NodeProfile], dict[str, str]]]:
    """Give the cohorts of a cluster, the nodes that take Pods, and the cluster's identity.

    Raises:
        IdentityError: the cluster may not be touched, or is not the one of the upgrade.
    """
    api, guard = enter(session)
    with contextlib.closing(api):
        found = dict(guard.identity.to_json())
        if known is not None and identity.other(known.identity, found):
            raise IdentityError("this is another cluster than the one that the baseline is of")
        try:
            able = workers(read_profile(api))
        except ClusterUnusableError:
            # In the middle of an upgrade all may be cordoned; survivors can be looked at all the same.
            able = []
        yield Field(api, guard.cluster.access, guard.check), able, found


def before(
    folder: Folder, session: Session, *, nodes: Sequence[str], claims: bool, per_node: bool, say: Say
) -> Baseline:
    """Judge the claims, plant the survivors, keep what they are.

    Args:
        folder: of the upgrade, new.
        session: names the cluster, the profile and the selection.
        nodes: the nodes that Pods are planted on; empty for those that take Pods.
        claims: whether claims are judged too.
        per_node: judge them once on each of the nodes instead of once in all.
        say: is told what goes on.

    Raises:
        PodvowError: something stands in the way.
    """
    with _entered(session) as (_, able, found):
        chosen = _chosen(able, nodes)
    baseline = Baseline(
        id=f"{datetime.now(UTC):%m%d%H%M}-{secrets.token_hex(2)}",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        identity=found,
        provider=session.provider,
        name=session.name,
        kubeconfig=session.kubeconfig,
        context=session.context,
        profile=session.profile,
        selection=session.selection,
        nodes=tuple(chosen),
    )
    folder.begin(baseline)
    if claims:
        # First: faults of nodes may do to survivors what only the upgrade is to be blamed for.
        wanted = _where("before", able, chosen, per_node=per_node)
        baseline = _judge(folder, baseline, session, wanted, say)
    with _entered(session, baseline) as (field, able, _):
        planted = cohort.plan(baseline.id, namespace_of(baseline.id), chosen, statics=field.reaches_nodes)
        counts = cohort.expected(planted, len(able))
        field.plant(baseline.id, planted, counts, patience_s=_PLANTED_S, say=say)
        seen = field.snapshot(baseline.id)
        folder.write(BEFORE_FILE, seen.to_json())
        field.keep(seen)
    baseline = replace(baseline, planted=True)
    folder.save(baseline)
    say(f"{len(seen.pods)} survivors are planted in namespace {namespace_of(baseline.id)}")
    return baseline


def during(folder: Folder, session: Session, *, claims: bool, say: Say) -> Report:
    """Judge survivors and claims while nodes have different versions; each node by what its own kubelet promises.

    Args:
        folder: of the upgrade.
        session: names the cluster.
        claims: whether claims are judged too: only those that leave the survivors alone.
        say: is told what goes on.

    Raises:
        PodvowError: something stands in the way.
    """
    baseline = folder.load()
    with _entered(session, baseline) as (field, able, _):
        report = _look(folder, baseline, field, say, partial=True)
    if claims:
        wanted = _where("during", able, baseline.nodes, per_node=True)
        collected = collect(baseline.selection, baseline.profile)
        only = judging.sparing(collected)
        if left := len(collected.items) - len(only):
            say(f"{left} scenarios are left out: they disturb more of a node than its kubelet")
        if only:
            baseline = _judge(folder, baseline, session, [replace(each, only=only) for each in wanted], say)
    return _told(folder, replace(report, runs=baseline.runs), HALF_WAY)


def after(folder: Folder, session: Session, *, claims: bool, partial: bool, per_node: bool, say: Say) -> Report:
    """Judge the survivors, then the claims once more, and compare them with those before.

    Args:
        folder: of the upgrade.
        session: names the cluster.
        claims: whether claims are judged too.
        partial: nodes of the old version are still to come.
        per_node: judge the claims once on each node.
        say: is told what goes on.

    Raises:
        PodvowError: something stands in the way.
    """
    baseline = folder.load()
    with _entered(session, baseline) as (field, able, _):
        report = _look(folder, baseline, field, say, partial=partial)
    _told(folder, report)
    if claims:
        wanted = _where("after", able, baseline.nodes, per_node=per_node)
        baseline = _judge(folder, baseline, session, wanted, say)
    report = replace(report, runs=baseline.runs)
    if baseline.of("before") and baseline.of("after"):
        stop = _compared(folder, baseline)
        report = replace(report, comparison=PAGE, stop=stop)
    return _told(folder, report)


def remove(session: Session, wanted: Sequence[str], say: Say) -> list[str]:
    """Remove cohorts from a cluster; harmless when they are gone.

    Args:
        session: names the cluster.
        wanted: ids of the cohorts; empty for all that the cluster has.
        say: is told what goes on.

    Returns:
        What is left, in words.
    """
    with _entered(session) as (field, _, _):
        left: list[str] = []
        for each in wanted or field.cohorts():
            say(f"removing the survivors of upgrade {each}")
            left += field.remove(each)
        return left


def _chosen(able: Sequence[NodeProfile], nodes: Sequence[str]) -> list[str]:
    names = [node.name for node in able]
    if not names:
        raise ClusterUnusableError("no node is ready and schedulable", hint="look at `kubectl get nodes`")
    if unknown := sorted(set(nodes) - set(names)):
        raise UsageError(
            f"no Pods can be planted on {', '.join(unknown)}", hint=f"nodes that take Pods: {', '.join(names)}"
        )
    return list(nodes) or names[:_MOST_NODES]


def _judge(folder: Folder, baseline: Baseline, session: Session, wanted: Sequence[Wanted], say: Say) -> Baseline:
    for each in wanted:
        say(f"judging claims {each.words}")
        baseline = judging.judged(folder, baseline, session, each)
    return baseline


def _where(stage: Stage, able: Sequence[NodeProfile], nodes: Sequence[str], *, per_node: bool) -> list[Wanted]:
    """Return the runs of a stage: one on any node, or one on each of some."""
    if not per_node:
        return [Wanted(stage)]
    return [Wanted(stage, node.name, node.kubelet_version) for node in able if node.name in nodes]


def _look(folder: Folder, baseline: Baseline, field: Field, say: Say, *, partial: bool) -> Report:
    """Judge the survivors as they are now."""
    old = _snapshot_before(folder, baseline, field)
    say("looking at the survivors")
    field.settle(old, _SETTLED_S)
    sampled = _sampled(folder, field, baseline.id)
    new = field.snapshot(baseline.id)
    folder.write(AFTER_FILE, new.to_json())
    fates = fate.fates(old, new)
    return Report(
        id=baseline.id,
        taken=new.taken,
        server_before=old.server,
        server_after=new.server,
        partial=partial,
        fates=tuple(fates.values()),
        survivors=tuple(judge.judge(old, new, fates, rules.load())),
        sampled=tuple(sampled),
        left_behind=tuple(fate.left_behind(old, new)),
        unchanged=fate.nothing_changed(old, new),
        runs=baseline.runs,
    )


def _snapshot_before(folder: Folder, baseline: Baseline, field: Field) -> Snapshot:
    found = folder.snapshot()
    if found is not None:
        return found
    try:
        return field.kept(baseline.id)
    except ApiError as error:
        hint = "plant them anew: podvow upgrade before --out DIR"
        raise ClusterUnusableError(
            "there is no snapshot of the survivors, here or in the cluster", hint=hint
        ) from error


def _sampled(folder: Folder, field: Field, upgrade: str) -> list[Sampled]:
    read = {}
    for node, text in field.samples(upgrade).items():
        path = folder.write(f"{SAMPLES}/{node}.log", text)
        read[node] = samples.parse(text.splitlines(), where=str(path))
    return summed(read)


def _compared(folder: Folder, baseline: Baseline) -> bool:
    """Write the comparison of the runs before and after; return whether it found what must stop an upgrade."""
    found = compare.compare(folder.runs(baseline.of("before")), folder.runs(baseline.of("after")))
    compare.write(found, folder.path)
    return found.stop


def _told(folder: Folder, report: Report, name: str = WHOLE) -> Report:
    folder.write(f"{name}.json", report.to_json())
    changes = folder.path / MARKDOWN
    told = changes.read_text(encoding="utf-8") if report.comparison and changes.exists() else ""
    folder.write(f"{name}.md", report.markdown(told))
    return report


def session_of(baseline: Baseline, path: Path, **reached: str) -> Session:
    """Return what names an upgrade's cluster: as it was when it was begun, or as it is reached from here.

    Args:
        baseline: the upgrade.
        path: its folder.
        reached: `name`, or `kubeconfig` and `context`, where they are others now.
    """
    return Session(
        baseline.id,
        path,
        provider=baseline.provider,
        name=reached.get("name") or baseline.name,
        kubeconfig=reached.get("kubeconfig") or baseline.kubeconfig,
        context=reached.get("context") or baseline.context,
        profile=baseline.profile,
        selection=baseline.selection,
    )
