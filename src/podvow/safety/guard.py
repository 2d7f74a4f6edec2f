"""The interlock: lets a run begin only on a cluster that may be used, and stops it when that is no longer so.

`Guard.check` is called right before every injection. It costs one GET, and one look at the container of a node
that is to be touched.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import tenacity

from podvow.api import Api, SwitchedError
from podvow.authority import authority
from podvow.cluster import health
from podvow.cluster.node import CA_FILE, Machines, NodeAccess
from podvow.cluster.provider import Cluster
from podvow.errors import ClusterUnusableError, IdentityError, NotApprovedError, PodvowError, UsageError
from podvow.faults.base import HOST_ACCESS, NODE_ACCESS, NODE_STATUS
from podvow.safety.approvals import Approvals
from podvow.safety.identity import Identity, Place, address, identify, kube_system_uid

_WRITING_S = 2.0
"""How long a kubeconfig may be unreadable because somebody is just writing it, in seconds."""


class Kubeconfig:
    """What a context of a file on the disk names now.

    Args:
        cluster: names file and context.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._file = cluster.kubeconfig
        self._context = cluster.context
        self._lock = threading.Lock()
        self._known: tuple[str, Place] | None = None

    def place(self) -> Place:
        """Return where the file leads to; it is parsed again only when its content is another.

        Raises:
            IdentityError: it does not name the context any more.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(UsageError),
            stop=tenacity.stop_after_delay(_WRITING_S),
            wait=tenacity.wait_fixed(0.05),
            reraise=True,
        )
        try:
            return retrying(self._read)
        except UsageError as error:
            raise IdentityError(
                f"the kubeconfig no longer tells which cluster is meant: {error.message}"
            ) from error

    def _read(self) -> Place:
        text = health.kubeconfig_text(self._file, self._context)
        with self._lock:
            if self._known and self._known[0] == text:
                return self._known[1]
        endpoint = health.endpoint_in(text, self._file, self._context)
        place = Place.of(endpoint)
        with self._lock:
            # A certificate in a file of its own may change without the kubeconfig: read it each time.
            self._known = None if endpoint.ca_file else (text, place)
        return place


class Guard:
    """Knows the one cluster that a run may touch.

    Args:
        identity: that cluster.
        api: the very connection that the run uses.
        cluster: what the run works with; without `access` when its nodes may not be touched.
        may_touch_nodes: asks anew what is allowed: whether nodes may be touched; raises NotApprovedError when
            nothing may be.
        no_nodes: why nodes may not be touched, in words; empty when they may.

    Attributes:
        stopped: why the run must not go on; empty as long as it may.
        gone: whether, when that was found, the connection led to another cluster, or nowhere.
        on_stop: is called once, when it is found.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        api: Api,
        cluster: Cluster,
        may_touch_nodes: Callable[[], bool],
        no_nodes: str = "",
    ) -> None:
        self.identity = identity
        self.cluster = cluster
        self.no_nodes = no_nodes
        self.stopped = ""
        self.gone = False
        self.on_stop: Callable[[], None] = lambda: None
        self._stopping = threading.Lock()
        self._api = api
        self._may_touch_nodes = may_touch_nodes
        self._kubeconfig = Kubeconfig(cluster)
        self._machines: dict[str, str] = {}

    @property
    def about(self) -> dict[str, Any]:
        """What a run's journal says of its cluster, so that another machine finds it and knows it again."""
        cluster = self.cluster
        return {
            "provider": cluster.provider,
            "name": cluster.name,
            "kubeconfig": str(cluster.kubeconfig),
            "context": cluster.context,
            "identity": self.identity.to_json(),
        }

    @property
    def withheld(self) -> dict[str, str]:
        """The capabilities that the run must do without, each with the reason."""
        return dict.fromkeys((HOST_ACCESS, NODE_ACCESS, NODE_STATUS), self.no_nodes) if self.no_nodes else {}

    def check(self, node: str = "", *, retry: bool = True) -> None:
        """Make sure that it is still the cluster that may be touched, and the node one of its nodes.

        Trouble on the way is no answer: the error of the request is raised, nothing may be injected, and the next
        check asks again. A mismatch is for good: every later check raises it too.

        Args:
            node: the node that is to be touched; empty when none is.
            retry: whether to ask again while the API server is away or busy.

        Raises:
            IdentityError: it is another cluster, or may not be touched any more.
            ApiError: the API server could not be asked.
            CommandError: the node could not be asked.
        """
        if self.stopped:
            raise IdentityError(self.stopped)
        try:
            self._check_place()
            self._check_grant(node)
            self._check_server(retry=retry)
            if node:
                self._check_node(node)
        except IdentityError as error:
            self.stop(error.message)
            raise

    def check_nodes(self, nodes: Iterable[str]) -> None:
        """Check all nodes that a run works with at once, before anything is started on them; see `check`."""
        self.check()
        if self.cluster.access is not None:
            with ThreadPoolExecutor(max_workers=8, thread_name_prefix="interlock") as pool:
                list(pool.map(self.check, nodes))

    def stop(self, reason: str) -> None:
        """Refuse every injection from now on; the first reason counts."""
        with self._stopping:
            if self.stopped:
                return
            # Before anybody else hears of it: who cleans up must know where his requests would go.
            self.gone = not self.still_there()
            self.stopped = reason
            self.on_stop()

    def may_undo(self, node: str = "") -> bool:
        """Whether what was done may be undone: always, unless the run was stopped and this is another cluster now.

        Args:
            node: the node that would be touched; empty when none would be.
        """
        return not self.stopped or self.still_there(node)

    def still_there(self, node: str = "") -> bool:
        """Ask anew whether connection and node are still those of the identity, whatever the kubeconfig says."""
        try:
            self._check_server()
            if node:
                self._check_node(node)
        except (PodvowError, OSError):
            return False
        return True

    def _check_place(self) -> None:
        place = self._kubeconfig.place()
        if other := place.other_than(self.identity.place):
            text = (
                f"{self.cluster.kubeconfig} names another cluster now (context {self.cluster.context!r}): {other}"
            )
            raise IdentityError(text)

    def _check_grant(self, node: str) -> None:
        if not self._may_touch_nodes() and node:
            raise NotApprovedError(f"nodes of {self.identity} may not be touched")

    def _check_server(self, *, retry: bool = True) -> None:
        here = address(self._api.server_address)
        if here != self.identity.place.server:
            raise IdentityError(f"the connection leads to {here}, not to {self.identity.place.server}")
        try:
            uid = kube_system_uid(self._api, retry=retry)
        except SwitchedError as error:
            raise IdentityError(error.message) from error
        if uid != self.identity.uid:
            raise IdentityError(
                f"another cluster answers at {here}: its kube-system UID is {uid}, not {self.identity.uid}"
            )

    def _check_node(self, node: str) -> None:
        """A node proves by its certificate authority whose it is, and from then on by being the same machine.

        A machine can be looked at while it is frozen or off; a file on it cannot.
        """
        access = self.cluster.access
        if access is None:
            return
        known = self._machines.get(node)
        machine = access.machine(node) if isinstance(access, Machines) else ""
        if known is None or not machine:
            self._check_authority(access, node)
            self._machines[node] = machine
        elif machine != known:
            raise IdentityError(f"node {node} is another machine than before: {machine}, not {known}")

    def _check_authority(self, access: NodeAccess, node: str) -> None:
        found = authority(access.exec(node, ["cat", CA_FILE]).stdout.decode(errors="replace"))
        if found != self.identity.place.authority:
            text = f"node {node} belongs to another cluster: its certificate authority is {found}"
            raise IdentityError(f"{text}, not {self.identity.place.authority}")


def admit(cluster: Cluster, api: Api, approvals: Approvals | None = None) -> Guard:
    """Let a run begin: the cluster is one that podvow made, or one that the user approved.

    Args:
        cluster: what was asked for.
        api: the connection that the run will use.
        approvals: by default the user's.

    Returns:
        The guard; its `cluster` is what the run may work with.

    Raises:
        IdentityError: it is another cluster than the one that podvow made, or it is not approved.
        ClusterUnusableError: it cannot be told which one it is.
        UsageError: the approvals cannot be read.
    """
    found = identify(api, health.read_endpoint(cluster.kubeconfig, cluster.context))
    if cluster.provider == "kind":
        _check_made_by_us(cluster, found)
        return Guard(found, api=api, cluster=cluster, may_touch_nodes=lambda: True)
    store = approvals or Approvals()
    command = approve_command(cluster)

    def may_touch_nodes() -> bool:
        try:
            return store.permit(found, command=command).node_faults
        except UsageError as error:
            raise NotApprovedError(error.message, hint=error.hint) from error

    no_nodes = ""
    if not store.permit(found, command=command).node_faults:
        no_nodes = f"node faults are not approved: {command} --node-faults"
        cluster = replace(cluster, access=None)
    return Guard(found, api=api, cluster=cluster, may_touch_nodes=may_touch_nodes, no_nodes=no_nodes)


def approve_command(cluster: Cluster) -> str:
    """Return the command that approves a cluster, fit to be pasted."""
    return shlex.join(["podvow", "approve", "--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context])


def _check_made_by_us(cluster: Cluster, found: Identity) -> None:
    if cluster.identity is None:
        raise ClusterUnusableError(
            f"podvow did not note which cluster it made as {cluster.name!r}",
            hint=f"podvow up --name {cluster.name} notes it, if the cluster is podvow's",
        )
    if other := found.other_than(cluster.identity):
        raise IdentityError(
            f"the kind cluster {cluster.name!r} is not the one that podvow made: {other}",
            hint=f"podvow down --name {cluster.name}, then podvow up; or approve it as an existing cluster",
        )
