"""Faults: values that know how to be injected, proven and undone; one file a target."""

from __future__ import annotations

from podvow.faults.deadline import set_deadline
from podvow.faults.debug import debug
from podvow.faults.nodestatus import offer
from podvow.faults.pod import delete_namespace, evict_pod, send_term
from podvow.faults.resize import resize
from podvow.faults.runtime import kill, kill_pause, remove_sandbox, stop_sandbox
from podvow.faults.spec import create, delete_pod, recreate_pod, release_pod, set_image
from podvow.faults.workloads import (
    delete_newest_pod,
    patch_object,
    patch_template,
    scale,
    set_newest_pods_image,
    set_pod_condition,
    set_template_image,
)

__all__ = [
    "create",
    "debug",
    "delete_namespace",
    "delete_newest_pod",
    "delete_pod",
    "evict_pod",
    "kill",
    "kill_pause",
    "offer",
    "patch_object",
    "patch_template",
    "recreate_pod",
    "release_pod",
    "remove_sandbox",
    "resize",
    "scale",
    "send_term",
    "set_deadline",
    "set_image",
    "set_newest_pods_image",
    "set_pod_condition",
    "set_template_image",
    "stop_sandbox",
]
