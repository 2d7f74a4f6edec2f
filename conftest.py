"""Wires the plugin; no logic."""

from __future__ import annotations

pytest_plugins = ["podvow.pytest_plugin"]
