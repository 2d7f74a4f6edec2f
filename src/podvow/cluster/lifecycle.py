"""`podvow up`, `attach` and `down`: decides between reusing, starting again and making.

Everything is idempotent; an interruption at any point is put right by the next call.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from podvow.cluster import dockerd, health, images, kind, made, netns, process, stages
from podvow.cluster.engine import Engine, ensure_engine, enter_engine_network, find_engine, stop_engine
from podvow.cluster.node import DockerNodeAccess
from podvow.cluster.nodeimage import gomod
from podvow.cluster.nodeimage.build import NodeImage, ensure_kind, ensure_node_image
from podvow.cluster.process import run
from podvow.cluster.progress import Progress
from podvow.cluster.provider import DEFAULT_NAME, Cluster
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError, UsageError
from podvow.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podvow.cluster.node import NodeAccess

_AGAIN_S = 120.0


class NoClusterError(ClusterUnusableError):
    """The cluster is not there: it was never made, or was deleted."""


def up(
    version: str | None = None,
    name: str = DEFAULT_NAME,
    *,
    provider: str = "kind",
    config: Path | None = None,
    progress: Progress | None = None,
) -> Cluster:
    """Make sure that a cluster of ours runs, is ready and has the fixture images; enters its network.

    Args:
        version: of Kubernetes; by default any for a cluster that runs, and the default version for a new one.
        name: of the cluster.
        provider: only `kind` can make clusters.
        config: kind configuration for a new cluster.
        progress: takes the figures.

    Raises:
        ClusterUnusableError: when it cannot be made.
        UsageError: for another provider, or another version than the running cluster has.
    """
    if provider != "kind":
        raise UsageError(f"provider {provider!r} makes no clusters", hint="kind does")
    kind.check_name(name)
    if version:
        gomod.staging_version(version)
    base = kind.read_config(config or kind.DEFAULT_CONFIG)
    progress = progress or Progress()
    with kind.lock(name):
        engine = ensure_engine(progress)
        found = kind.nodes(name)
        if found:
            _check_ours(name, engine)
            made.check(name, DockerNodeAccess())
        if found and _revive(name, engine, version, progress):
            cluster = _cluster(name, engine)
        else:
            cluster = _make(name, engine, version, base, progress)
        images.ensure_fixture_images(cluster, progress)
        if "kind" in progress.figures:
            progress.keep(kind.folder(name) / "figures.json", version=cluster.server_version)
        return cluster


def attach(name: str = DEFAULT_NAME, *, wounded: bool = False, silent: bool = False, node: str = "") -> Cluster:
    """Return a cluster that `up` made and that runs; fast. Leaves this process in its network.

    Args:
        name: the cluster.
        wounded: take it even if workers are switched off, as long as its control plane runs.
        silent: take it even if its API server does not answer; its `server_version` is empty then.
        node: the one worker that is needed; empty for all of them. Another run may have switched off another one.

    Raises:
        NoClusterError: there is none.
        ClusterUnusableError: when it does not run or is not ready.
    """
    kind.check_name(name)
    if not (cache_dir("clusters") / name / "kubeconfig").is_file():
        raise NoClusterError(f"there is no cluster {name!r} of podvow's", hint="podvow up")
    engine = enter_engine_network()
    found = kind.nodes(name)
    if not found:
        raise NoClusterError(f"cluster {name!r} has no nodes any more", hint="podvow up")
    few = wounded or bool(node)
    needed = [each for each in found if not few or each.role == "control-plane" or each.name == node]
    if not all(each.running for each in needed):
        raise ClusterUnusableError(f"the nodes of cluster {name!r} do not all run", hint="podvow up")
    cluster = _cluster(name, engine)
    if not cluster.server_version and not silent:
        raise ClusterUnusableError(f"the API server of cluster {name!r} does not answer", hint="podvow up")
    return cluster


def control_plane(name: str) -> list[str]:
    """Return the nodes of a cluster that carry its control plane, without asking its API server."""
    return [node.name for node in kind.nodes(name) if node.role == "control-plane"]


def down(name: str = DEFAULT_NAME, *, all_clusters: bool = False, purge: bool = False) -> list[str]:
    """Delete a cluster; when none of ours is left, stop our own engine with its namespace and mounts.

    Args:
        name: the cluster.
        all_clusters: delete all clusters that podvow made.
        purge: delete the caches (engine, images, binaries) too.

    Returns:
        The names of the deleted clusters.

    Raises:
        UsageError: when the cluster is not podvow's (any more), or purging would pull the ground from another one.
        ClusterUnusableError: when our own engine hangs and other clusters are on it.
    """
    kind.check_name(name)
    engine = _engine_to_clean(set() if all_clusters else set(kind.known()) - {name})
    there = kind.clusters(own_engine=engine.own) if engine else []
    if engine and not all_clusters and name not in there and kind.nodes(name):
        _check_ours(name, engine)
    names = there if all_clusters else [each for each in there if each == name]
    left = sorted(set(there) - set(names))
    if purge and left:
        raise UsageError(f"--purge would delete what {', '.join(left)} runs on", hint="podvow down --all --purge")
    for each in names:
        made.check(each, DockerNodeAccess())
    for each in names:
        with kind.lock(each):
            kind.delete(each)
    for each in {*names, name, *(kind.known() if all_clusters else ())}:
        stages.discard(cache_dir("clusters") / each)
    if purge or engine is None or (engine.own and not left):
        stop_engine()
    if purge:
        _purge(engine)
    return names


def _engine_to_clean(others: set[str]) -> Engine | None:
    """Return the engine whose containers are to be deleted, starting our own again if it died with a cluster in it.

    Args:
        others: clusters that are not to be deleted, on whose account a daemon that hangs is not replaced.
    """
    engine = find_engine()
    if engine:
        return engine
    if dockerd.is_running() and not dockerd.answers() and others:
        raise ClusterUnusableError(
            f"podvow's container engine does not answer, and {', '.join(sorted(others))} may run on it",
            hint="try again; or podvow down --all",
        )
    if kind.known() and os.geteuid() == 0 and (cache_dir("engine") / "data" / "containers").is_dir():
        # Containers outlive a daemon that was killed; only a daemon takes them down properly.
        dockerd.start()
        return find_engine()
    return None


def _check_ours(name: str, engine: Engine) -> None:
    """Refuse a kind cluster that somebody else made on their own engine.

    Raises:
        UsageError: when it is one.
    """
    if not engine.own and name not in kind.known():
        raise UsageError(
            f"there is a kind cluster {name!r} that podvow did not make",
            hint=f"give another --name, or test it as it is: --kubeconfig FILE --context kind-{name}",
        )


def _revive(name: str, engine: Engine, version: str | None, progress: Progress) -> bool:
    """Use the containers that are there; False when nothing can be made of them (they are deleted then)."""
    if not kind.kubeconfig(name).is_file():
        progress.say(f"{name}: left over from an interrupted attempt, making it anew")
        kind.delete(name)
        return False
    _enter(engine)
    endpoint = health.read_endpoint(kind.kubeconfig(name), kind.context(name))
    access = DockerNodeAccess()
    if not all(node.running for node in kind.nodes(name)) or not health.is_ready(endpoint):
        try:
            with progress.step("start again", f"starting the stopped nodes of {name}"):
                kind.start(name)
                health.wait_ready(endpoint, Deadline.after(_AGAIN_S))
                kind.furnish(name, access, local_image=kind.has_local_image(name), uplink=engine.has_uplink)
                kind.wait(name, access)
                _mark(name, engine)
        except ClusterUnusableError as error:
            progress.say(f"{name} does not come back ({str(error).splitlines()[0]}), making it anew")
            kind.delete(name)
            return False
    runs = health.server_version(endpoint)
    if version and runs and version != runs:
        raise UsageError(
            f"cluster {name} runs {runs}, not {version}", hint=f"podvow down --name {name}, or give another --name"
        )
    _settle(name, access, engine, progress)
    if made.noted(name) is None:  # made by a podvow that did not note it yet, or interrupted
        made.note(name, access)
    return True


def _settle(name: str, access: DockerNodeAccess, engine: Engine, progress: Progress) -> None:
    """Finish what an interrupted `up` left undone, or what nodes that were started again since then need."""
    if _read_state(name).get("nodes") == _boots(name):
        return
    with progress.step("furnish", f"finishing {name}"):
        kind.furnish(name, access, local_image=kind.has_local_image(name), uplink=engine.has_uplink)
        kind.wait(name, access)
        _mark(name, engine)


def _make(name: str, engine: Engine, version: str | None, config: dict[str, Any], progress: Progress) -> Cluster:
    image = _ingredients(version, progress)
    _enter(engine)
    _state(name).unlink(missing_ok=True)
    kind.create(name, image=image.reference, version=image.version, config=config, progress=progress)
    access = DockerNodeAccess()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fixture-images") as pool:
        loading = pool.submit(_load_images, access, [node.name for node in kind.nodes(name)], progress)
        with progress.step("furnish", "network, DNS, labels"):
            kind.furnish(name, access, local_image=image.local, uplink=engine.has_uplink)
        loading.result()
    with progress.step("ready", "waiting for nodes, DNS and service accounts"):
        kind.wait(name, access)
    made.note(name, access)
    _mark(name, engine)
    return _cluster(name, engine)


def _load_images(access: NodeAccess, nodes: Sequence[str], progress: Progress) -> None:
    with progress.step("images", "loading the fixture images onto the nodes"):
        images.load(access, nodes, progress)


def _ingredients(version: str | None, progress: Progress) -> NodeImage:
    """Get all that needs the machine's own network: node image, kind, fixture images; waiting overlaps."""
    with netns.outside(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="fixture-images") as pool:
        try:
            fixtures = pool.submit(images.prepare, progress=progress)
            image = ensure_node_image(version, progress)
            ensure_kind(progress)
            fixtures.result()
        except BaseException:
            process.kill_children()
            raise
    return image


def _cluster(name: str, engine: Engine) -> Cluster:
    _enter(engine)
    endpoint = health.read_endpoint(kind.kubeconfig(name), kind.context(name))
    return Cluster(
        provider="kind",
        name=name,
        kubeconfig=kind.kubeconfig(name),
        context=kind.context(name),
        access=DockerNodeAccess(),
        server_version=health.server_version(endpoint),
        identity=made.noted(name),
    )


def _enter(engine: Engine) -> None:
    if engine.own:
        netns.enter()


def _state(name: str) -> Path:
    return kind.folder(name) / "state.json"


def _mark(name: str, engine: Engine) -> None:
    """Record that the cluster is furnished, and which lives of its nodes that holds for."""
    state = {"nodes": _boots(name), "own_engine": engine.own}
    temporary = _state(name).with_suffix(".tmp")
    temporary.write_text(json.dumps(state) + "\n")
    temporary.replace(_state(name))


def _boots(name: str) -> dict[str, list[str]]:
    return {node: list(boot) for node, boot in kind.boots(name).items()}


def _read_state(name: str) -> dict[str, Any]:
    try:
        state = json.loads(_state(name).read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _purge(engine: Engine | None) -> None:
    if engine and not engine.own:
        listing = run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]).text.split()
        for reference in listing:
            if reference.startswith("podvow/"):
                run(["docker", "rmi", "--force", reference], check=False)
    for part in (
        "apt",
        "bin",
        "clusters",
        "engine",
        "images",
        "kubeimages",
        "nodeimages",
        "rootfs",
        "src",
        "tools",
    ):
        stages.discard(cache_dir() / part)
