from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podvow.api import Api
from tests.offline.api.stub import Stub
from tests.offline.api.stubbed import impatient, stub
from tests.torture import certificates
from tests.torture.certificates import Pair
from tests.torture.disturbances import Disturbance, Rule
from tests.torture.proxy import Proxy
from tests.torture.upstream import Upstream, write_kubeconfig

__all__ = ["impatient", "stub"]

CONTEXT = "through-the-proxy"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="session")
def authority(folder: Path) -> Pair:
    return certificates.authority(folder, "own")


@pytest.fixture(scope="session")
def good(folder: Path, authority: Pair) -> Pair:
    return certificates.server(folder, "good", authority)


@pytest.fixture(scope="session")
def wrong(folder: Path) -> Pair:
    return certificates.server(folder, "wrong", certificates.authority(folder, "stranger"))


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 warns of every broken connection; here they are broken on purpose."""
    caplog.set_level(logging.CRITICAL, "urllib3")


@pytest.fixture
def proxy(stub: Stub, good: Pair, wrong: Pair) -> Iterator[Proxy]:
    with Proxy(Upstream("127.0.0.1", stub.port, None, "Bearer real"), good, wrong, restart=lambda: 1) as running:
        yield running


@pytest.fixture
def kubeconfig(proxy: Proxy, authority: Pair, tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig-proxy"
    ca = authority.certificate.read_text(encoding="utf-8")
    write_kubeconfig(file, context=CONTEXT, port=proxy.port, ca=ca, token=proxy.token)
    return file


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[Api]:
    with Api.connect(kubeconfig, CONTEXT, pool=8) as connection:
        yield connection


@pytest.fixture
def disturb(proxy: Proxy) -> Callable[..., None]:
    """Let rules be in force from now on, without waiting for a watch."""

    def begin(*rules: Rule, **more: object) -> None:
        proxy.begin(Disturbance("test", "", rules, **more), at_once=True)  # type: ignore[arg-type]

    return begin
