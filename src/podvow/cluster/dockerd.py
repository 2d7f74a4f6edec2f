"""Our own Docker daemon: unpacked from Debian packages, started in a network namespace without uplink.

Why not Debian 12's own docker.io: its 20.10 cannot start privileged containers where a capability is missing
("unable to apply caps"); the 26.1 of the next release can, and its binary needs no newer libc than Debian 12's.
Must not touch a daemon that podvow did not start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from filelock import FileLock

from podvow.cluster import debian, inotify, mounts, netns, space, stages
from podvow.cluster.process import CommandError, run
from podvow.deadline import Deadline
from podvow.errors import ClusterUnusableError
from podvow.paths import cache_dir

RUN = Path("/run/podvow")
HOST = f"unix://{RUN}/docker.sock"
_SUITE = "trixie"
_SHIM = "containerd-shim-runc-v2"
_PACKAGES = ("docker.io", "docker-cli")
_START_S = 60.0
_STOP_S = 45.0
_BUSY_S = 30.0
# What its data take with one cluster of three nodes.
DATA_BYTES = 7 * space.GIB
_TOOLS = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
}


def start() -> None:
    """Start the daemon and wait until it answers.

    Raises:
        ClusterUnusableError: with the end of its log when it does not.
    """
    RUN.mkdir(parents=True, exist_ok=True)
    with FileLock(RUN / "engine.lock"):
        if answers():
            return
        if not (cache_dir("engine") / "data").exists():
            space.require({cache_dir("engine"): DATA_BYTES}, "a container engine of our own with a cluster")
        debian.ensure_tools(_TOOLS)
        _install()
        _clean()
        inotify.widen(RUN)
        netns.ensure()
        _launch()


def answers(patience_s: float = _BUSY_S) -> bool:
    """Whether our daemon runs and answers; under load it is given time: nobody restarts an engine lightly.

    Args:
        patience_s: how long a running daemon may take.
    """
    deadline = Deadline.after(patience_s)
    while is_running():
        if _answers():
            return True
        if deadline.passed:
            return False
        time.sleep(0.5)
    return False


def is_running() -> bool:
    """Whether the process of our pid file is our daemon."""
    return owns(_read_pid(_pidfile()), "dockerd")


def owns(pid: int, program: str, proc: Path = Path("/proc")) -> bool:
    """Whether a process runs that program of ours: its command line names the program and our run folder.

    Args:
        pid: its number; 0 for none.
        program: dockerd or containerd.
        proc: the process file system.
    """
    if pid <= 0:
        return False
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    named = bool(words) and Path(os.fsdecode(words[0])).name == program
    return named and any(os.fsencode(RUN) in word for word in words[1:])


def stop() -> None:
    """Stop the daemon and its containerd, unmount what they left, remove the namespace; harmless without them."""
    if os.geteuid() != 0 or not (RUN.exists() or netns.path().exists()):
        return
    RUN.mkdir(parents=True, exist_ok=True)
    with FileLock(RUN / "engine.lock"):
        _clean()
        # What keeps a container alive outlives both; whoever stops the engine has no container left to keep.
        for pid in _ours(_SHIM):
            os.kill(pid, signal.SIGKILL)
        mounts.unmount_below(cache_dir("engine"))
        netns.delete()
        inotify.restore(RUN)


def extend_path() -> None:
    """Put our unpacked daemon and client last on PATH, so that what the user has wins."""
    parts = os.environ.get("PATH", "").split(":")
    tools = cache_dir("engine") / "tools"
    for folder in (
        cache_dir("tools") / "bin",
        tools / "usr/bin",
        tools / "usr/sbin",
        Path("/usr/sbin"),
        Path("/sbin"),
    ):
        if str(folder) not in parts:
            parts.append(str(folder))
    os.environ["PATH"] = ":".join(parts)


def _pidfile() -> Path:
    return RUN / "docker.pid"


def _exec_root() -> Path:
    return RUN / "exec"


def _ours(program: str, proc: Path = Path("/proc")) -> list[int]:
    """All processes of ours that run a program: a pid file may be lost."""
    return [int(path.name) for path in proc.glob("[0-9]*") if owns(int(path.name), program, proc)]


def log_hint() -> str:
    """Return where the daemon's log lies and its last lines."""
    log = cache_dir("engine") / "dockerd.log"
    lines = log.read_text(errors="replace").splitlines()[-8:] if log.is_file() else []
    return "\n    ".join([f"its log is {log}:", *lines])


def _install() -> None:
    def build(folder: Path) -> None:
        downloads = cache_dir("engine", "debs")
        debian.unpack(debian.PrivateApt([_SUITE]).download(_PACKAGES, downloads), folder)
        stages.discard(downloads)

    stages.ensure(cache_dir("engine") / "tools", {"suite": _SUITE, "packages": " ".join(_PACKAGES)}, build)
    extend_path()


def _launch() -> None:
    data = cache_dir("engine", "data")
    log = cache_dir("engine") / "dockerd.log"
    command = [
        *netns.prefix(), str(cache_dir("engine") / "tools/usr/sbin/dockerd"),
        "--host", HOST, "--data-root", str(data), "--exec-root", str(_exec_root()), "--pidfile", str(_pidfile()),
        "--group", "0",
    ]  # fmt: skip
    with log.open("wb") as out:
        # A session of its own: Ctrl-C in the terminal must not reach the engine.
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/"
        )
    deadline = Deadline.after(_START_S)
    while not deadline.passed:
        if _answers():
            return
        if child.poll() is not None:
            break
        time.sleep(0.1)
    # One that hangs would hold its data folder against the next attempt.
    child.kill()
    child.wait()
    raise ClusterUnusableError("our own container engine does not start", hint=log_hint())


def _answers() -> bool:
    if not (RUN / "docker.sock").exists():
        return False
    try:
        run(["docker", "version"], env={"DOCKER_HOST": HOST}, timeout_s=10)
    except CommandError:
        return False
    return True


def _clean() -> None:
    """End what is ours and runs, and remove what a crash or a reboot left: pid file, socket, mounts."""
    # One that runs but does not answer is ours, so it may be replaced. Its folder must not be taken from under it.
    for program in ("dockerd", "containerd"):
        for pid in _ours(program):
            _end(pid, program)
    mounts.unmount_below(RUN)
    for leftover in (_pidfile(), RUN / "docker.sock"):
        leftover.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        stages.discard(_exec_root())


def _end(pid: int, program: str) -> None:
    if not owns(pid, program):
        return
    os.kill(pid, signal.SIGTERM)
    deadline = Deadline.after(_STOP_S)
    while owns(pid, program):
        if deadline.passed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline = Deadline.after(5)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.1)


def _read_pid(path: Path) -> int:
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):
        return 0
