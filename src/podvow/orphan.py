"""What an xdist worker that lost its controller leaves behind is taken back by a process of its own.

execnet lets a worker without controller live for 15 s and kills it in the middle of whatever it does then; an
interpreter that is on its way out starts no threads any more (Python 3.12). So the worker ends at once, and what
`podvow recover` does for any dead run is done for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from podvow.journal.faultpoint import VARIABLE
from podvow.runlock import DRIVER

LOG = "recover.log"
"""What the process said, in the run's folder."""


def leave(folder: Path) -> None:
    """Let another process recover a run as soon as this process is gone.

    It stays in this process's session, so that whoever waits for the run's processes waits for it too, but not in
    its process group: Ctrl-C and a closed terminal are not meant for it.

    Args:
        folder: the run's folder.
    """
    env = {key: value for key, value in os.environ.items() if key != VARIABLE}
    # Only this process has the other end: it is closed when this process is gone, and not before.
    ends_with_this, _ = os.pipe()
    with (folder / LOG).open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "podvow.orphan", str(folder)],
            stdin=ends_with_this,
            stdout=log,
            stderr=log,
            env=env,
            process_group=0,
        )


def recover(folder: Path) -> None:
    """Wait until the process that called `leave` is gone, then recover its run; never returns."""
    from podvow.cli import main  # noqa: PLC0415 - the command; whoever leaves something does not need it

    sys.stdin.buffer.read()
    # Whoever wants to go on with the run is told that it is not over yet.
    lock = FileLock(folder / DRIVER)
    try:
        lock.acquire(blocking=False)
    except Timeout:  # the run is in other hands already
        sys.exit(0)
    sys.argv[1:] = ["recover", "--run", folder.name]
    main()


if __name__ == "__main__":
    recover(Path(sys.argv[1]))
