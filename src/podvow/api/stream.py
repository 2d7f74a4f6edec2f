"""The lines of a response that goes on: a watch, a followed log."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from urllib3 import exceptions as transport_errors

from podvow.api.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3


class Stream:
    """The lines of one open response; `close` may be called from any thread and ends the iteration."""

    def __init__(
        self, response: urllib3.BaseHTTPResponse, *, request: str, forget: Callable[[Stream], None]
    ) -> None:
        self._response = response
        self._request = request
        self._forget = forget
        self._lines: deque[bytes] = deque()
        self._rest: list[bytes] = []
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        while not self._closed:
            if self._lines:
                return self._lines.popleft()
            self._read()
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the iteration and close the connection."""
        already, self._closed = self._closed, True
        if already:
            return
        self._forget(self)
        with suppress(ValueError, RuntimeError, OSError):  # the response has ended: no reader to wake
            self._response.shutdown()
        with suppress(ValueError, OSError):  # the reader was faster
            self._response.close()

    def _read(self) -> None:
        try:
            data: bytes = self._response.read1(65536)
        except Exception as error:
            if self._closed:
                return
            self.close()
            if isinstance(error, transport_errors.ReadTimeoutError):
                raise UnreachableError("silent", "no data in time", request=self._request, sent=True) from error
            raise UnreachableError("stream broke", str(error), request=self._request, sent=True) from error
        if not data:
            last = b"".join(self._rest)
            self._rest = []
            if not last.strip():
                self.close()
            else:
                self._lines.append(last)
            return
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            whole = b"".join((*self._rest, head))
            self._lines.extend(line for line in whole.split(b"\n") if line.strip())
            self._rest = []
        if tail:
            self._rest.append(tail)
