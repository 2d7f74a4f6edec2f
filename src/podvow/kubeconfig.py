"""A kubeconfig's context, read through the client library: where the server is, whom it trusts, how to be let in.

The only module that knows the `kubernetes` client. It takes from it what is hard to get right (credential plug-ins,
TLS, proxies) and nothing else. The client is imported when a connection is made, because that costs more CPU time
than judging a recorded timeline does, and judging needs no connection.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from os import pathsep
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from urllib3 import exceptions as transport_errors

from podvow.authority import authority
from podvow.errors import ClusterUnusableError, UsageError
from podvow.redact import VAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import urllib3


@dataclass(frozen=True, slots=True)
class Transport:
    """One reading of the kubeconfig.

    Attributes:
        host: the server's address, without a slash at its end.
        authority: what its certificate must be signed by, see `podvow.authority`.
        pool: connections to it.
        authorization: returns the value of the Authorization header, None when a certificate does it.
    """

    host: str
    authority: str
    pool: urllib3.PoolManager
    authorization: Callable[[], str | None]


def read_transport(kubeconfig: Path, context: str, pool: int) -> Transport:
    """Read a kubeconfig through the client library.

    Args:
        kubeconfig: the file.
        context: name of the context in it.
        pool: connections that are kept open.

    Raises:
        UsageError: file, context, certificates or proxy are wrong.
        ClusterUnusableError: the credential plug-in failed.
    """
    files = [part for part in str(kubeconfig).split(pathsep) if part]
    if not any(type(kubeconfig)(part).expanduser().is_file() for part in files):
        raise UsageError(f"kubeconfig {kubeconfig} does not exist", hint="name it with --kubeconfig")
    client: Any = import_module("kubernetes.client")
    loader: Any = import_module("kubernetes.config.kube_config")
    failure: Any = import_module("kubernetes.config.config_exception").ConfigException
    rest: Any = import_module("kubernetes.client.rest")
    # "" keeps the environment's proxy out until the host is known
    configuration = client.Configuration(proxy="")
    with _logged_errors() as logged:
        try:
            loader.load_kube_config(str(kubeconfig), context, client_configuration=configuration)
        except (
            failure,
            OSError,
            ValueError,
            TypeError,
            AttributeError,
            KeyError,
            import_module("yaml").YAMLError,
        ) as error:
            hint = f"contexts in it: {', '.join(_contexts(loader, kubeconfig)) or 'none that can be read'}"
            text = f"context {context!r} cannot be read from kubeconfig {kubeconfig}: {error}"
            raise UsageError(text, hint=hint) from error
    if logged and not configuration.api_key and not configuration.cert_file:
        text = f"the credential plug-in of context {context!r} failed: {'; '.join(logged)}"
        raise ClusterUnusableError(text, hint="log in to the cluster again, or check the plug-in's command")
    _keep_secret(configuration)
    host = str(configuration.host)
    if not configuration.proxy and not _is_loopback(host):
        proxies = getproxies()
        configuration.proxy = proxies.get(urlsplit(host).scheme) or proxies.get("all")
    configuration.connection_pool_maxsize = pool
    configuration.keep_alive = True
    try:
        _check_certificates(configuration)
        manager: urllib3.PoolManager = rest.RESTClientObject(configuration).pool_manager
    except (OSError, ValueError, transport_errors.HTTPError) as error:
        raise UsageError(f"the certificates or the proxy of context {context!r} are broken: {error}") from error
    return Transport(
        host,
        _authority(configuration),
        manager,
        lambda: configuration.get_api_key_with_prefix("BearerToken", "authorization"),
    )


def _authority(configuration: Any) -> str:
    """Return whom the connection trusts; the client has written an authority given as data to a file."""
    pem = Path(configuration.ssl_ca_cert).read_text(errors="replace") if configuration.ssl_ca_cert else ""
    verified = bool(configuration.verify_ssl) and str(configuration.host).lower().startswith("https://")
    return authority(pem, verified=verified)


def _keep_secret(configuration: Any) -> None:
    """Remember the credentials, so that nothing that podvow writes can quote them."""
    values = [str(value) for value in (configuration.api_key or {}).values() if value]
    values += [word for value in values for word in value.split()]
    values += [str(value) for value in (configuration.password,) if value]
    if configuration.key_file:
        with suppress(OSError, UnicodeDecodeError):
            values.append(Path(configuration.key_file).read_text(encoding="utf-8"))
    VAULT.learn(value for value in values if value.lower() not in {"bearer", "basic"})


def _check_certificates(configuration: Any) -> None:
    """Read the certificates once, so that a broken one is not taken for a cluster that is down."""
    probe = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if configuration.ssl_ca_cert:
        probe.load_verify_locations(configuration.ssl_ca_cert)
    if configuration.cert_file:
        probe.load_cert_chain(configuration.cert_file, configuration.key_file, password=lambda: "")


def _contexts(loader: Any, kubeconfig: Path) -> list[str]:
    try:
        merged = loader.KubeConfigMerger(str(kubeconfig)).config
        return [str(entry["name"]) for entry in merged.value["contexts"]]
    except Exception:  # noqa: BLE001 - this only decorates an error that is being reported
        return []


def _is_loopback(host: str) -> bool:
    name = urlsplit(host).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """Collect what the client logs instead of raising (a credential plug-in that failed)."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    collector = Collector(logging.ERROR)
    root = logging.getLogger()
    root.addHandler(collector)
    try:
        yield messages
    finally:
        root.removeHandler(collector)
