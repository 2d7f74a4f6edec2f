"""Renders the allure results with the npm package `allure`, where Node is there; nothing else needs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from podvow.errors import UsageError
from podvow.paths import cache_dir

VERSION = "3.18.0"
"""Pinned: the config's words and the history's format belong to it."""
HISTORY = "allure-history.jsonl"
"""Kept beside the runs' folders, one line a run; trends and transitions come from it."""
_INSTALL_S, _RENDER_S = 600.0, 300.0


def render(folder: Path, out: Path) -> Path:
    """Render a run's allure results as a website.

    Args:
        folder: the run's folder, with `allure/` in it.
        out: folder of the report; what it held before is replaced. The history lies beside the run's folder.

    Returns:
        The page to open.

    Raises:
        UsageError: there are no results, Node is missing, or the renderer fails.
    """
    results = folder / "allure"
    if not any(results.glob("*-result.json")):
        raise UsageError(f"{results}: no allure results", hint="run the suites first: podvow run")
    program = _installed()
    config = json.loads((results / "allurerc.json").read_text(encoding="utf-8"))
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    history = folder.resolve().parent / HISTORY
    config |= {"output": str(out), "historyPath": str(history), "appendHistory": not _told(history, results)}
    shutil.rmtree(out, ignore_errors=True)
    config_path = cache_dir("allure") / f"allurerc-{folder.resolve().name}.json"
    config_path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    try:
        _run(
            [str(program), "generate", "--config", str(config_path), str(results.resolve())], out.parent, _RENDER_S
        )
    finally:
        config_path.unlink(missing_ok=True)
    if not _told(history, results):
        _tell(history, results)
    return next((page for page in (out / "awesome" / "index.html", out / "index.html") if page.is_file()), out)


def _installed() -> Path:
    """Return the renderer's program; the first call installs it into podvow's cache folder."""
    home = cache_dir("allure", VERSION)
    program = home / "node_modules" / ".bin" / "allure"
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        raise UsageError(
            f"{' and '.join(missing)} not found: allure's renderer needs Node 20 or newer",
            hint="install Node, or open index.html, which needs nothing",
        )
    if not program.is_file():
        package = f"allure@{VERSION}"
        command = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--ignore-scripts", package]
        _run(command, home, _INSTALL_S)
    return program


def _run(command: list[str], cwd: Path, limit_s: float) -> None:
    what = " ".join(Path(part).name if n == 0 else part for n, part in enumerate(command[:2]))
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"{what}: not finished after {limit_s:g} s", hint="try again, or open index.html"
        ) from error
    if done.returncode != 0:
        told = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise UsageError(f"{what} failed with exit code {done.returncode}:\n{told}")


def _run_id(results: Path) -> str:
    about = json.loads((results / "executor.json").read_text(encoding="utf-8"))
    return str(about.get("buildName", ""))


def _told(history: Path, results: Path) -> bool:
    """Tell whether this run is in the history: rendering it twice must not draw it twice into every trend."""
    seen = history.with_suffix(".runs")
    return seen.is_file() and _run_id(results) in seen.read_text(encoding="utf-8").splitlines()


def _tell(history: Path, results: Path) -> None:
    with history.with_suffix(".runs").open("a", encoding="utf-8") as handle:
        handle.write(_run_id(results) + "\n")
