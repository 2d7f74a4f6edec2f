"""Judges whether a real Kubernetes cluster keeps the promises that the documentation makes about Pods."""

from __future__ import annotations

__version__ = "0.1.0"
