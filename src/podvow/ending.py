"""How a run's processes end: what was done is undone, whoever asks.

A worker that lost its controller leaves that to another process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable

from podvow.live import Recorded

_PATIENCE_S = 300.0
"""How long undoing may take: nodes that have to come back, then namespaces that have to go."""
_POLL_S = 0.5
_CODE = 130


class Ending:
    """Ends what a process of a run has started, once, on a thread of its own.

    A thread that the interpreter waits for: execnet gives the main thread of a worker only seconds to come to its
    end and then exits at once, which would leave a node disturbed.

    Args:
        worker: whether this is an xdist worker.
    """

    def __init__(self, *, worker: bool) -> None:
        self._worker = worker
        self._live: Recorded | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # Not Thread.join: interrupted once, it takes the thread for ended (Python 3.11).
        self._over = threading.Event()
        self._error: BaseException | None = None

    def of(self, live: Recorded) -> None:
        """Name what is to be ended."""
        self._live = live

    def end(self, *, interrupted: bool) -> None:
        """End it; called by the main thread when the tests are over.

        A worker that was interrupted does not wait; its process lives until all is undone.
        """
        try:
            if self._begin(interrupted=interrupted) and not (self._worker and interrupted):
                self._wait()
        except KeyboardInterrupt:
            if self._begin(interrupted=True) and not self._worker:
                self._wait()
            raise
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """End this process because its controller is gone; never returns. Another one takes back what it did."""
        try:
            if self._live is not None:
                self._live.leave()
        finally:
            os._exit(_CODE)

    def _wait(self) -> None:
        """Wait until all is undone; in ticks, for a signal that comes just before a wait does not end it."""
        while not self._over.wait(_POLL_S):
            pass

    def _begin(self, *, interrupted: bool) -> bool:
        """Begin to end it unless that was begun; tell whether there is anything to end."""
        with self._lock:
            if self._live is None:
                return False
            if interrupted:
                self._live.stop()
            if self._thread is None:
                self._thread = threading.Thread(target=self._finish, args=(interrupted,), name="ending")
            if self._thread.ident is None:
                self._thread.start()
            return True

    def _finish(self, interrupted: bool) -> None:  # noqa: FBT001 (a thread's argument)
        assert self._live is not None  # noqa: S101 (_begin looked)
        try:
            self._live.finish(interrupted=interrupted)
        except BaseException as error:  # noqa: BLE001 (raised again in the main thread)
            self._error = error
        finally:
            self._over.set()


def watch_parent(parent: int, act: Callable[[], None]) -> threading.Thread:
    """Call `act` when a process is not this one's parent any more, within half a second.

    Polling instead of PR_SET_PDEATHSIG: that one signals when the *thread* that forked ends, is Linux only, and is
    lost when the parent ends before it is asked for.

    Args:
        parent: number of the process that ought to be the parent.
        act: is called once, in a thread of its own.
    """

    def watch() -> None:
        tick = threading.Event()
        while os.getppid() == parent:
            tick.wait(_POLL_S)
        act()

    thread = threading.Thread(target=watch, name="parent", daemon=True)
    thread.start()
    return thread


def end_with_parent() -> None:
    """Ask this process to end, as SIGTERM does, when its parent has died."""
    watch_parent(os.getppid(), lambda: os.kill(os.getpid(), signal.SIGTERM))


def grant_workers_time() -> None:
    """Let xdist's controller wait until an interrupted worker has undone its faults; its own patience is 10 s."""
    with contextlib.suppress(ImportError):
        from xdist.workermanage import NodeManager  # noqa: PLC0415 - only where xdist is

        NodeManager.EXIT_TIMEOUT = int(_PATIENCE_S)
