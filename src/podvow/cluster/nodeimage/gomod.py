"""The text of the Go modules that build other people's programs.

Kubernetes cannot be `go install`ed: its go.mod replaces its staging modules by folders. So a module beside it names
the published staging modules instead. Pure text; must not run anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podvow.errors import ClusterUnusableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KUBERNETES = "k8s.io/kubernetes"
KUBERNETES_PROGRAMS = (
    "kubelet", "kubeadm", "kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy",
)  # fmt: skip
_VERSION_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_REPLACE = re.compile(r"^(?:replace\s+)?\s*(\S+)(?:\s+v\S+)?\s+=>\s+\./staging/\S+$")


def staging_version(version: str) -> str:
    """Return the version of the staging modules of a Kubernetes version: v1.37.2 → v0.37.2.

    Raises:
        UsageError: when it is no version of Kubernetes.
    """
    if not re.fullmatch(r"v1\.\d+\.\d+(-[\w.]+)?", version):
        raise UsageError(f"not a Kubernetes version: {version!r}", hint="for example v1.37.2")
    return f"v0{version[2:]}"


def kubernetes_module(upstream: str, version: str) -> str:
    """Return the go.mod of a module that builds Kubernetes.

    Args:
        upstream: the go.mod text of k8s.io/kubernetes at that version.
        version: such as v1.37.2.
    """
    staged = sorted({found[1] for line in upstream.splitlines() if (found := _REPLACE.match(line))})
    lines = [
        "module podvow.local/kubernetes",
        "",
        *_language_lines(upstream),
        "",
        f"require {KUBERNETES} {version}",
        "",
    ]
    lines += [f"replace {name} => {name} {staging_version(version)}" for name in staged]
    return "\n".join(lines) + "\n"


def simple_module(name: str, requires: Iterable[tuple[str, str]], go: str = "1.25") -> str:
    """Return the go.mod of a module that only requires others."""
    return (
        "\n".join([f"module podvow.local/{name}", "", f"go {go}", "", *(f"require {m} {v}" for m, v in requires)])
        + "\n"
    )


def imports_file(packages: Sequence[str]) -> str:
    """Return a Go file that keeps packages in the module's graph without being compiled."""
    blank = "\n".join(f'\t_ "{package}"' for package in packages)
    return f"//go:build tools\n\npackage tools\n\nimport (\n{blank}\n)\n"


def main_file(package: str, call: str) -> str:
    """Return a main program that hands over to a package: for a main package that cannot be built by itself."""
    return f'package main\n\nimport (\n\t"os"\n\n\t"{package}"\n)\n\nfunc main() {{ {call} }}\n'


def kubernetes_ldflags(version: str, *, commit: str, date: str) -> str:
    """Return the linker flags that make the programs say their version."""
    found = re.match(r"v(\d+)\.(\d+)", version)
    major, minor = found.groups() if found else ("", "")
    facts = {
        "gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitCommit": commit, "gitTreeState": "clean",
        "buildDate": date,
    }  # fmt: skip
    return " ".join(["-s -w", *(f"-X {p}.{k}={v}" for p in _VERSION_VARIABLES for k, v in facts.items() if v)])


def nearest(wanted: str, served: Iterable[str]) -> str:
    """Return the served version nearest to the wanted one: itself, else the nearest patch of the same minor.

    Args:
        wanted: such as v3.7.1.
        served: what the module proxy lists.

    Raises:
        ClusterUnusableError: when that minor is not served at all.
    """
    want = _numbers(wanted)
    same = [v for v in served if re.fullmatch(r"v\d+\.\d+\.\d+", v) and _numbers(v)[:2] == want[:2]]
    if not same:
        raise ClusterUnusableError(
            f"{wanted} is wanted, and the Go module proxy has no version of {want[0]}.{want[1]}"
        )
    return min(same, key=lambda v: (abs(_numbers(v)[2] - want[2]), -_numbers(v)[2]))


def _numbers(version: str) -> tuple[int, int, int]:
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    if not found:
        raise ClusterUnusableError(f"not a version: {version!r}")
    return int(found[1]), int(found[2]), int(found[3])


def _language_lines(upstream: str) -> list[str]:
    """The `go` line and the `godebug` lines: they are of the main module only, so ours must repeat them."""
    lines = upstream.splitlines()
    kept: list[str] = []
    block = False
    for line in lines:
        if block:
            kept.append(line)
            block = line.strip() != ")"
        elif re.match(r"go\s+\d", line):
            kept.append(line)
        elif re.match(r"godebug\b", line):
            kept.append(line)
            block = line.rstrip().endswith("(")
    return kept
