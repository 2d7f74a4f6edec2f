"""Faults: values that know how to be injected, proven and undone; one file a target."""

from __future__ import annotations

from podvow.faults.runtime import kill, kill_pause, remove_sandbox, stop_sandbox
from podvow.faults.spec import create, delete_pod, recreate_pod, release_pod, set_image, set_template_image

__all__ = [
    "create",
    "delete_pod",
    "kill",
    "kill_pause",
    "recreate_pod",
    "release_pod",
    "remove_sandbox",
    "set_image",
    "set_template_image",
    "stop_sandbox",
]
