"""Rows are played side by side: each lane has proxies of its own, so that each row is disturbed by itself."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from podvow.api import Api
from podvow.cluster import health
from podvow.cluster.cri import Cri
from podvow.cluster.provider import Cluster
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from tests.torture import certificates
from tests.torture.apiserver import restarter
from tests.torture.certificates import Pair
from tests.torture.play import Target, approve
from tests.torture.proxy import Proxy
from tests.torture.selections import Way
from tests.torture.upstream import from_kubeconfig, write_kubeconfig

_NAME = "podvow-torture"
_Job = TypeVar("_Job")
_Done = TypeVar("_Done")


@dataclass(frozen=True)
class Access:
    """A proxy and the harness's way through it."""

    proxy: Proxy
    target: Target


Lane = dict[Way, Access]
"""The ways to the cluster that one row at a time goes."""


@contextmanager
def opened(cluster: Cluster, api: Api, count: int, *, seed: str, lock: Path | None) -> Iterator[list[Lane]]:
    """Start the proxies of all lanes.

    Args:
        cluster: podvow's own kind cluster.
        api: a connection to it that nobody disturbs.
        count: how many lanes.
        seed: of the proxies' generators.
        lock: a lock file to hold while the API server is killed.

    Raises:
        ClusterUnusableError: there is no way onto its nodes, or a proxy's address is not let in.
    """
    if cluster.access is None:
        raise ClusterUnusableError("the API server cannot be restarted without a way onto the nodes")
    nodes = api.get("/api/v1/nodes", params={"labelSelector": "node-role.kubernetes.io/control-plane"})["items"]
    restart = restarter(Cri(cluster.access), nodes[0]["metadata"]["name"], lock)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_NAME)))
        upstream = from_kubeconfig(cluster.kubeconfig, cluster.context, folder)
        own = certificates.authority(folder, "own")
        wrong = certificates.server(folder, "wrong-server", certificates.authority(folder, "stranger"))
        endpoint = health.read_endpoint(cluster.kubeconfig, cluster.context)
        leads: tuple[tuple[Way, str, str, Pair], ...] = (
            ("nodes", cluster.context, endpoint.ca, certificates.server_by_cluster(folder, _NAME, api)),
            ("logs", _NAME, own.certificate.read_text(), certificates.server(folder, "own-server", own)),
        )
        lanes: list[Lane] = []
        for number in range(count):
            lane: Lane = {}
            for way, context, ca, good in leads:
                proxy = stack.enter_context(Proxy(upstream, good, wrong, restart=restart, seed=seed))
                file = folder / f"kubeconfig-{way}-{number}"
                write_kubeconfig(file, context=context, port=proxy.port, ca=ca, token=proxy.token)
                lane[way] = Access(proxy, Target(file, context, way == "nodes", folder / "config"))
                approve(lane[way].target)
            lanes.append(lane)
        yield lanes


class Schedule(Generic[_Job, _Done]):
    """Gives jobs to lanes until there is no time for another one.

    Args:
        lanes: each does one job at a time.
        deadline: no job is begun that would not end by then, if it takes as long as the longest one so far.
        stop: set when everything has to end.
    """

    def __init__(self, lanes: Sequence[Lane], deadline: Deadline, stop: threading.Event) -> None:
        self._lanes = lanes
        self._deadline = deadline
        self._stop = stop
        self._lock = threading.Lock()
        self._longest_s = 0.0

    def run(
        self, jobs: Sequence[_Job], do: Callable[[Lane, _Job], _Done], *, alone: bool = False
    ) -> dict[_Job, _Done]:
        """Do jobs in their order, one or all lanes at a time.

        Args:
            jobs: what is to be done.
            do: does it.
            alone: whether only one may be done at a time.

        Returns:
            What came of the jobs that were begun.
        """
        left, done = deque(jobs), dict[_Job, _Done]()

        def serve(lane: Lane) -> None:
            while not self._stop.is_set():
                with self._lock:
                    if not left or self._deadline.passed or self._deadline.left_s < self._longest_s:
                        return
                    job = left.popleft()
                began = time.monotonic()
                result = do(lane, job)
                with self._lock:
                    done[job] = result
                    self._longest_s = max(self._longest_s, time.monotonic() - began)

        lanes = self._lanes[:1] if alone else self._lanes
        with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
            serving = [pool.submit(serve, lane) for lane in lanes]
            try:
                for each in serving:
                    each.result()
            except BaseException:
                self._stop.set()
                raise
        return {job: done[job] for job in jobs if job in done}
