"""Which cluster this is: the UID of its namespace kube-system, its address, and its certificate authority."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from podvow.authority import SYSTEM, UNVERIFIED, authority
from podvow.errors import ClusterUnusableError, IdentityError

if TYPE_CHECKING:
    from podvow.api import Api
    from podvow.cluster.health import Endpoint

KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
POD_SERVER = "https://kubernetes.default.svc"
"""The API server as every Pod reaches it (tasks/run-application/access-api-from-pod)."""
POD_AUTHORITY = "kube-root-ca.crt"
"""ConfigMap in every namespace: that address's authority (reference/access-authn-authz/service-accounts-admin)."""
_DEFAULT_PORTS = {"https": 443, "http": 80}
_AUTHORITY = re.compile(rf"sha256:[0-9a-f]{{64}}|{SYSTEM}|{UNVERIFIED}")
_NOT_FOUND = 404
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kubeconfig leads to, as far as the file alone can tell.

    Attributes:
        server: the API server's address, as `address` writes it.
        authority: what its certificate must be signed by, as `podvow.authority` writes it.
    """

    server: str
    authority: str

    @classmethod
    def of(cls, endpoint: Endpoint) -> Place:
        """Return the place that a context of a kubeconfig names."""
        verified = not endpoint.insecure and endpoint.server.lower().startswith("https://")
        return cls(address(endpoint.server), authority(endpoint.ca, verified=verified))

    def other_than(self, expected: Place) -> str:
        """Say how it differs from the expected place; empty when it does not."""
        parts = []
        if self.server != expected.server:
            parts.append(f"its address is {self.server}, not {expected.server}")
        if self.authority != expected.authority:
            parts.append(f"its certificate authority is {self.authority}, not {expected.authority}")
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class Identity:
    """A cluster, told from every other one.

    Attributes:
        uid: UID of the namespace kube-system: made with the cluster, and never again.
        place: where it is.
    """

    uid: str
    place: Place

    def __str__(self) -> str:
        return f"the cluster at {self.place.server} (kube-system UID {self.uid})"

    def other_than(self, expected: Identity) -> str:
        """Say how it differs from the expected identity; empty when it does not."""
        parts = [f"its kube-system UID is {self.uid}, not {expected.uid}"] if self.uid != expected.uid else []
        return " and ".join(filter(None, (*parts, self.place.other_than(expected.place))))

    def to_json(self) -> dict[str, str]:
        """Return it as flat JSON (journals, stores); holds no secret."""
        return {"uid": self.uid, **asdict(self.place)}

    @classmethod
    def from_json(cls, raw: Any) -> Identity:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        fields = ("uid", "server", "authority")
        if not isinstance(raw, dict) or set(raw) != set(fields):
            raise ValueError(f"an identity has the fields {', '.join(fields)}")
        uid, server, ca = (raw[field] for field in fields)
        if not all(isinstance(value, str) and value for value in (uid, server, ca)):
            raise ValueError("the fields of an identity are texts that are not empty")
        if not _AUTHORITY.fullmatch(ca):
            raise ValueError(f"not a certificate authority: {ca!r}")
        return cls(uid, Place(server, ca))


def address(url: str) -> str:
    """Return a server's URL in one spelling: small letters, the port always, no slash at the end."""
    url = "".join(url.split())
    try:
        parts = urlsplit(url)
        host, port, scheme = parts.hostname, parts.port, parts.scheme.lower()
    except ValueError:  # it leads nowhere; it is compared all the same
        host = None
    if not host:
        return url.rstrip("/")
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{port or _DEFAULT_PORTS.get(scheme, 0)}{parts.path.rstrip('/')}"


def kube_system_uid(api: Api, *, retry: bool = True) -> str:
    """Ask the server, through the connection that the harness uses, for the UID of kube-system; one GET.

    Args:
        api: the connection.
        retry: whether to ask again while the server is away or busy.

    Raises:
        IdentityError: there is no such namespace, or it has no UID: it is no cluster that can be told from others.
        ApiError: there was no answer, or the credentials do not suffice.
    """
    # Here, because who only compares identities (podvow up, a journal) needs no connection.
    from podvow.api import ApiError  # noqa: PLC0415

    try:
        uid = api.get(KUBE_SYSTEM, retry=retry).get("metadata", {}).get("uid")
    except ApiError as error:
        if error.status == _NOT_FOUND:
            raise IdentityError(f"the cluster at {api.server_address} has no namespace kube-system") from error
        raise
    if not isinstance(uid, str) or not uid:
        raise IdentityError(
            f"the cluster at {api.server_address} does not tell the UID of its namespace kube-system"
        )
    return uid


def inside_place(api: Api) -> Place:
    """Return where the Pods of a cluster find its API server, as the cluster tells them; one GET.

    Args:
        api: a connection to the cluster, from wherever.

    Raises:
        ClusterUnusableError: it does not tell.
    """
    from podvow.api import ApiError  # noqa: PLC0415

    path = f"{KUBE_SYSTEM}/configmaps/{POD_AUTHORITY}"
    try:
        pem = api.get(path).get("data", {}).get("ca.crt")
    except ApiError as error:
        text = f"the cluster does not tell by which authority its Pods know it: {error.message}"
        raise ClusterUnusableError(text, hint=error.hint) from error
    if not isinstance(pem, str) or not pem.strip():
        raise ClusterUnusableError(
            f"{POD_AUTHORITY} in kube-system has no ca.crt: Pods do not know their API server"
        )
    return Place(address(POD_SERVER), authority(pem, verified=True))


def identify(api: Api, endpoint: Endpoint) -> Identity:
    """Return which cluster a connection leads to.

    Args:
        api: the connection.
        endpoint: what the kubeconfig says, from which the connection was made.

    Raises:
        IdentityError: the kubeconfig was changed since the connection was made.
        ClusterUnusableError: the server does not tell.
    """
    from podvow.api import ApiError  # noqa: PLC0415

    place = Place.of(endpoint)
    if address(api.server_address) != place.server:
        raise IdentityError(f"the kubeconfig led to {api.server_address} a moment ago and names {place.server} now")
    try:
        return Identity(kube_system_uid(api), place)
    except ApiError as error:
        text = f"the cluster at {place.server} cannot be told from others: {error.message}"
        hint = (
            "podvow must be allowed to get the namespace kube-system" if error.status == _FORBIDDEN else error.hint
        )
        raise ClusterUnusableError(text, hint=hint) from error
