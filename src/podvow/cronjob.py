"""A nightly run inside of the cluster that it judges, as manifests; the role comes from podvow.rbac, beside them.

What a Pod needs to reach its API server is written down as a kubeconfig, which holds no secret: the token stays in
the file that the kubelet renews. The approval is not among the manifests: somebody has to give it
(`podvow approve --in-cluster FILE`), and without it no Pod starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from podvow.safety.identity import POD_SERVER

IMAGE = "SET-THE-IMAGE"
"""No valid name of an image (capital letters): a Pod with it does not start, and says why."""
SCHEDULE = "0 2 * * *"
CONTEXT = "in-cluster"
ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_KUBECONFIG, _APPROVAL, _NIGHTS, _SCRATCH = "/etc/podvow/kubeconfig", "/etc/podvow/approval", "/nights", "/tmp"  # noqa: S108 - paths in a container of its own
_LONGEST_S = 4 * 3600
_UNDOING_S = 330
"""Seconds that undoing may take (podvow.ending), and some more."""
_USER = 10001


def kubeconfig() -> dict[str, Any]:
    """Return the kubeconfig of a Pod: the cluster that it runs in, with the account's own token."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {"server": POD_SERVER, "certificate-authority": f"{ACCOUNT_FOLDER}/ca.crt"},
            }
        ],
        "users": [{"name": CONTEXT, "user": {"tokenFile": f"{ACCOUNT_FOLDER}/token"}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
    }


def approval_of(name: str) -> str:
    """Return the name of the ConfigMap that holds the approval (key `approvals.json`)."""
    return f"{name}-approval"


def manifests(
    *,
    name: str,
    namespace: str,
    labels: dict[str, str],
    options: Sequence[str],
    image: str = IMAGE,
    schedule: str = SCHEDULE,
) -> list[dict[str, Any]]:
    """Return kubeconfig, volume and CronJob, to be applied after the role.

    Args:
        name: of the service account, and of what is made.
        namespace: where the service account lives.
        labels: labels of everything.
        options: for `podvow run` beside those that name the cluster: they must be those of the role.
        image: with podvow, its checkout as working directory, and `podvow` on the path.
        schedule: when, as cron writes it.
    """

    def metadata(suffix: str = "") -> dict[str, Any]:
        return {"name": name + suffix, "namespace": namespace, "labels": dict(labels)}

    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata("-kubeconfig"),
            "data": {"config": yaml.safe_dump(kubeconfig(), sort_keys=False)},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata("-nights"),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": metadata(),
            "spec": {
                "schedule": schedule,
                # Two runs on one cluster would disturb each other; a failed one is a result, not a thing to repeat.
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {
                    "spec": {
                        "backoffLimit": 0,
                        "activeDeadlineSeconds": _LONGEST_S,
                        "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(name, image, options)},
                    }
                },
            },
        },
    ]


def _pod(name: str, image: str, options: Sequence[str]) -> dict[str, Any]:
    mounts = {"kubeconfig": _KUBECONFIG, "approval": _APPROVAL, "nights": _NIGHTS, "scratch": _SCRATCH}
    return {
        "serviceAccountName": name,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _UNDOING_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "podvow",
                "image": image,
                "command": ["scripts/nightly"],
                "args": ["--kubeconfig", f"{_KUBECONFIG}/config", "--context", CONTEXT, *options],
                "env": [
                    {"name": "PODVOW_NIGHTS", "value": _NIGHTS},
                    {"name": "PODVOW_CONFIG", "value": _APPROVAL},
                    {"name": "PODVOW_CACHE", "value": f"{_SCRATCH}/podvow"},
                    {"name": "HOME", "value": _SCRATCH},
                    {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
                ],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in mounts.items()],
            }
        ],
        "volumes": [
            {"name": "kubeconfig", "configMap": {"name": f"{name}-kubeconfig"}},
            # Not optional: without an approval no Pod starts. podvow trusts no file that others may write.
            {"name": "approval", "configMap": {"name": approval_of(name), "defaultMode": 0o444}},
            {"name": "nights", "persistentVolumeClaim": {"claimName": f"{name}-nights"}},
            {"name": "scratch", "emptyDir": {}},
        ],
    }
