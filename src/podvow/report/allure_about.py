"""What allure shows of a run as a whole: its environment and who ran it."""

from __future__ import annotations

import json
from pathlib import Path

from podvow.report.gather import Report


def environment(report: Report, folder: Path) -> None:
    """Write environment.properties: what was judged, and by whom."""
    run = report.run
    facts = {
        "run": run.id,
        "provider": run.provider,
        "server": run.server_version,
        "wall": f"{run.wall_s:.1f} s",
        "wall_over_limit": f"{run.wall_over_limit:.2f}",
        "api_requests": str(run.api_requests),
    }
    facts |= {f"node.{n.name}": f"kubelet {n.kubelet_version}, {n.runtime}" for n in run.nodes}
    facts |= dict(run.extra)
    escaped = (f"{_property(name)}={_property(value)}" for name, value in facts.items())
    (folder / "environment.properties").write_text("\n".join(escaped) + "\n", encoding="utf-8")


def _property(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", " ").replace("=", "\\=")


def executor(report: Report, folder: Path) -> None:
    """Write executor.json: name and place of the run in the history."""
    order = int("".join(c for c in report.run.started if c.isdigit())[:14] or 0)
    about = {
        "name": "podvow",
        "type": "podvow",
        "buildName": report.run.id,
        "buildOrder": order,
        "reportName": f"podvow {report.run.server_version}".strip(),
    }
    (folder / "executor.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
