"""Which cluster it is: spelled in one way, compared field by field, kept as JSON."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podvow.api import ApiError
from podvow.authority import SYSTEM, UNVERIFIED, authority
from podvow.cluster.health import Endpoint
from podvow.errors import ClusterUnusableError, IdentityError
from podvow.safety.identity import Identity, Place, address, identify, kube_system_uid
from tests.offline.safety.guarded import certificate
from tests.offline.scenario.fake_api import SERVER, FakeApi

IDENTITY = Identity("uid-1", Place(SERVER, authority(certificate("ours"))))
names = st.text(min_size=1, max_size=30)


def test_an_authority_is_the_fingerprint_of_its_certificate() -> None:
    assert authority(certificate("ours")) == f"sha256:{hashlib.sha256(b'ours').hexdigest()}"
    assert authority("") == authority(" \n") == SYSTEM
    assert authority(certificate("ours"), verified=False) == UNVERIFIED


@given(st.lists(names, min_size=1, max_size=4, unique=True), st.randoms(use_true_random=False))
def test_an_authority_does_not_hang_on_spaces_comments_or_order(owners: list[str], random: Any) -> None:
    blocks = [certificate(owner) for owner in owners]
    expected = authority("".join(blocks))
    random.shuffle(blocks)
    spaced = "# a comment\r\n".join(block.replace("\n", "\r\n  ") for block in blocks)
    assert authority(spaced) == expected
    assert authority("".join(blocks) + certificate("\x00one more")) != expected


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_text_that_is_no_certificate_is_compared_all_the_same(one: str, other: str) -> None:
    assert (authority(one) == authority(other)) is (one.strip() == other.strip())


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("https://K8s.Example:6443/", "https://k8s.example:6443"),
        ("HTTPS://k8s.example", "https://k8s.example:443"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("https://[::1]:6443", "https://[::1]:6443"),
        ("https://rancher.example/k8s/clusters/c-1/", "https://rancher.example:443/k8s/clusters/c-1"),
        ("nonsense", "nonsense"),
        ("https://[", "https://["),
        ("https://a:port/", "https://a:port"),
    ],
)
def test_an_address_has_one_spelling(url: str, spelled: str) -> None:
    assert address(url) == spelled
    assert address(spelled) == spelled


@given(st.text(max_size=40))
def test_spelling_an_address_twice_changes_nothing_and_nothing_breaks_it(url: str) -> None:
    assert address(address(url)) == address(url)


@given(names, names, st.sampled_from([SYSTEM, UNVERIFIED, authority(certificate("x"))]))
def test_an_identity_survives_json(uid: str, server: str, ca: str) -> None:
    identity = Identity(uid, Place(server, ca))
    assert Identity.from_json(identity.to_json()) == identity
    assert identity.other_than(identity) == ""


@given(
    st.sampled_from(["uid", "server", "authority"]),
    st.one_of(st.none(), st.integers(), st.just(""), st.lists(names)),
)
def test_json_of_another_shape_is_no_identity(field: str, value: object) -> None:
    for raw in ({**IDENTITY.to_json(), field: value}, {**IDENTITY.to_json(), "more": "x"}, value):
        with pytest.raises(ValueError, match=r"identity|authority"):
            Identity.from_json(raw)
    with pytest.raises(ValueError, match="not a certificate authority"):
        Identity.from_json({**IDENTITY.to_json(), "authority": "sha256:beef"})


def test_every_difference_is_named() -> None:
    other = Identity("uid-2", Place("https://127.0.0.1:1", SYSTEM))
    told = other.other_than(IDENTITY)
    for word in ("uid-2", "uid-1", "https://127.0.0.1:1", SERVER, SYSTEM, IDENTITY.place.authority):
        assert word in told


def _endpoint(**more: Any) -> Endpoint:
    return Endpoint(**{"server": SERVER, "ca": certificate("ours"), **more})


def test_a_cluster_is_identified_through_its_connection() -> None:
    api = FakeApi()
    found = identify(cast("Any", api), _endpoint())
    assert found == Identity(api.uid, IDENTITY.place)
    assert Place.of(_endpoint(insecure=True)).authority == UNVERIFIED
    assert Place.of(_endpoint(server="http://127.0.0.1")).authority == UNVERIFIED


def test_a_kubeconfig_that_was_changed_after_connecting_identifies_nothing() -> None:
    with pytest.raises(IdentityError, match="a moment ago"):
        identify(cast("Any", FakeApi()), _endpoint(server="https://127.0.0.1:9"))


def test_a_cluster_that_cannot_be_asked_is_not_usable(tmp_path: Path) -> None:
    assert tmp_path.is_dir()
    api = FakeApi()
    api.go_down()
    with pytest.raises(ClusterUnusableError, match="cannot be told from others") as caught:
        identify(cast("Any", api), _endpoint())
    assert not isinstance(caught.value, IdentityError), "trouble is no mismatch"


@pytest.mark.parametrize("answer", [{}, {"metadata": {}}, {"metadata": {"uid": ""}}, {"metadata": {"uid": 7}}])
def test_a_server_that_tells_no_uid_is_no_cluster(answer: dict[str, Any]) -> None:
    class Strange(FakeApi):
        def get(self, path: str, **_: Any) -> dict[str, Any]:
            assert path.endswith("/kube-system")
            return answer

    with pytest.raises(IdentityError, match="does not tell the UID"):
        kube_system_uid(cast("Any", Strange()))


def test_a_missing_permission_and_a_missing_namespace_are_told_apart() -> None:
    class Refusing(FakeApi):
        status = 404

        def get(self, path: str, **_: Any) -> dict[str, Any]:
            raise ApiError(self.status, "Refused", request=path)

    with pytest.raises(IdentityError, match="no namespace kube-system"):
        identify(cast("Any", Refusing()), _endpoint())
    refusing = Refusing()
    refusing.status = 403
    with pytest.raises(ClusterUnusableError, match="get the namespace kube-system") as caught:
        identify(cast("Any", refusing), _endpoint())
    assert not isinstance(caught.value, IdentityError)
