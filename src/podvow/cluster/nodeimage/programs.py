"""Which programs a node image consists of, at which versions.

Kubernetes' version is asked for; kubeadm of that version says which etcd, CoreDNS and pause it wants; the rest is
pinned here. Must not build anything itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from podvow.cluster.nodeimage import gomod
from podvow.cluster.nodeimage.golang import Program, download, served

DEFAULT_VERSION = "v1.37.2"
KIND_VERSION = "v0.33.0"
# The version whose node image that kind's makers publish for it: not every version has one.
PUBLISHED_VERSION = "v1.37.0"
CONTAINERD_VERSION = "v2.3.7"
KIND_MODULE = "sigs.k8s.io/kind"
_CONTAINERD = "github.com/containerd/containerd/v2"
_CONTAINERD_PROGRAMS = ("containerd", "ctr", "containerd-shim-runc-v2")
_ETCD = "go.etcd.io/etcd/server/v3"
_COREDNS = "github.com/coredns/coredns"
NODETOOL = Path(__file__).resolve().parents[1] / "nodetool"
NODETOOL_NAME = "podvow-cri"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The images that kubeadm of a version asks for.

    Attributes:
        refs: component → full reference, for example `etcd` → `…/etcd:3.7.0-0`.
    """

    refs: dict[str, str]

    @classmethod
    def parse(cls, listing: str) -> Wanted:
        """Read the output of `kubeadm config images list`."""
        refs = {}
        for line in listing.split():
            name = line.rsplit(":", 1)[0].rsplit("/", 1)[-1]
            refs[name] = line
        return cls(refs)

    def tag(self, component: str) -> str:
        """Return the tag of a component's image."""
        return self.refs[component].rsplit(":", 1)[1]

    def with_tag(self, component: str, tag: str) -> str:
        """Return a component's reference under another tag."""
        return f"{self.refs[component].rsplit(':', 1)[0]}:{tag}"


def kubernetes(version: str) -> Program:
    """Return the seven programs of Kubernetes at a version."""
    facts = download(gomod.KUBERNETES, version)
    packages = [f"{gomod.KUBERNETES}/cmd/{name}" for name in gomod.KUBERNETES_PROGRAMS]
    return Program(
        name="kubernetes",
        version=version,
        files={
            "go.mod": gomod.kubernetes_module(Path(facts["GoMod"]).read_text(), version),
            "tools.go": gomod.imports_file(packages),
        },
        packages=packages,
        programs=gomod.KUBERNETES_PROGRAMS,
        ldflags=kubernetes_ldflags(facts, version),
    )


def kubernetes_ldflags(facts: Mapping[str, str], version: str) -> str:
    """Return the linker flags that make programs of Kubernetes say what they are.

    Args:
        facts: what `go mod download` told of the module.
        version: of Kubernetes.
    """
    info = json.loads(Path(facts["Info"]).read_text())
    commit, date = str(info.get("Origin", {}).get("Hash", "")), str(info.get("Time", ""))
    return gomod.kubernetes_ldflags(version, commit=commit, date=date)


def containerd() -> Program:
    """Return containerd, its client and its shim."""
    packages = [f"{_CONTAINERD}/cmd/{name}" for name in _CONTAINERD_PROGRAMS]
    return Program(
        name="containerd",
        version=CONTAINERD_VERSION,
        files={
            "go.mod": gomod.simple_module("containerd", [(_CONTAINERD, CONTAINERD_VERSION)]),
            "tools.go": gomod.imports_file(packages),
        },
        packages=packages,
        programs=_CONTAINERD_PROGRAMS,
        # Snapshotters that need C libraries or kernel features that nobody uses inside kind.
        tags="no_btrfs no_devmapper no_zfs no_aufs",
        ldflags=f"-s -w -X {_CONTAINERD}/version.Version={CONTAINERD_VERSION}",
    )


def etcd(tag: str) -> Program:
    """Return etcd, at the patch nearest to a wanted image tag such as 3.7.0-0."""
    version = gomod.nearest(f"v{tag.split('-', maxsplit=1)[0]}", served(_ETCD))
    return Program(
        name="etcd",
        version=version,
        files={
            "go.mod": gomod.simple_module("etcd", [(_ETCD, version)]),
            # etcd's main package lies in a module that replaces its siblings by folders.
            "main.go": gomod.main_file(f"{_ETCD}/etcdmain", "etcdmain.Main(os.Args)"),
        },
        packages=["."],
        programs=["etcd"],
    )


def coredns(tag: str) -> Program:
    """Return CoreDNS, at the patch nearest to a wanted image tag such as v1.14.6."""
    version = gomod.nearest(tag, served(_COREDNS))
    return Program(
        name="coredns",
        version=version,
        files={
            "go.mod": gomod.simple_module("coredns", [(_COREDNS, version)]),
            "tools.go": gomod.imports_file([_COREDNS]),
        },
        packages=[_COREDNS],
        programs=["coredns"],
    )


def kind() -> Program:
    """Return kind itself."""
    return Program(
        name="kind",
        version=KIND_VERSION,
        files={
            "go.mod": gomod.simple_module("kind", [(KIND_MODULE, KIND_VERSION)]),
            "tools.go": gomod.imports_file([KIND_MODULE]),
        },
        packages=[KIND_MODULE],
        programs=["kind"],
    )


def nodetool() -> Program:
    """Return our own node tool, whose sources lie beside this package."""
    names = ("go.mod", "go.sum", "main.go")
    return Program(
        name=NODETOOL_NAME,
        version="v2",
        files={name: (NODETOOL / name).read_text() for name in names},
        packages=["."],
        programs=[NODETOOL_NAME],
        tidy=False,
    )
