"""A reverse proxy on loopback between the harness and an API server, which disturbs what passes.

It terminates TLS, takes only requests with its own token, uses the real credentials towards the server, keeps
connections and streams as they are. It runs in a thread of its own, in the network of the thread that makes it.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import threading
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Self, TypeVar

from tests.torture import wire
from tests.torture.certificates import Pair
from tests.torture.conversation import Conversation
from tests.torture.disturbances import Disturbance, Kind
from tests.torture.effects import Effect
from tests.torture.tally import Tally
from tests.torture.upstream import LIMIT, Upstream

_PATIENCE_S = 20.0
_BACKLOG = 256
_Result = TypeVar("_Result")


class Proxy:
    """The proxy; `with` starts and stops it.

    Args:
        upstream: the server.
        good: the certificate that it shows; None for plain HTTP.
        wrong: the one that it shows during a `wrong-certificate`.
        restart: restarts the real server and returns how often that was seen to happen; called in a thread.
        seed: of the generators; each disturbance has one of its own.

    Attributes:
        token: what the harness must send.
        port: where it listens.
    """

    def __init__(
        self,
        upstream: Upstream,
        good: Pair | None,
        wrong: Pair | None = None,
        *,
        restart: Callable[[], int] = lambda: 0,
        seed: str = "podvow",
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self.port = 0
        self.upstream = upstream
        self.tally = Tally()
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self._good = good
        self._wrong = wrong
        self._restart = restart
        self._seed = seed
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if good else None
        self._disturbance: Disturbance | None = None
        self._going = False
        self._spells: asyncio.Task[None] | None = None
        self._conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._show(self._good)
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def begin(self, disturbance: Disturbance, *, at_once: bool = False) -> Tally:
        """Disturb from the next watch on, or at once; return what is counted from now on."""

        async def begin() -> Tally:
            self.tally = Tally()
            self.random = Random(f"{self._seed}/{disturbance.name}")  # noqa: S311 - repeatable, not secret
            self._disturbance, self._going = disturbance, False
            if at_once:
                self._go_ahead(disturbance)
            return self.tally

        return self._do(begin())

    def end(self) -> None:
        """Disturb no longer; what a disturbance keeps open is closed."""

        async def end() -> None:
            self._disturbance, self._going = None, False
            if self._spells is not None:
                self._spells.cancel()
                await asyncio.wait({self._spells})
                self._spells = None
            await self._hang_up()

        self._do(end())

    def choose(self, kind: Kind) -> Effect | None:
        """Draw what is to happen to a request: the first rule that hits it counts."""
        if kind == "watch" and self._disturbance is not None and not self._going:
            self._go_ahead(self._disturbance)
        if self._disturbance is None or not self._going:
            return None
        for rule in self._disturbance.rules:
            if kind in rule.kinds and self.random.random() < rule.share:
                return rule.effect
        return None

    def _go_ahead(self, disturbance: Disturbance) -> None:
        self._going = True
        if disturbance.trouble:
            self._spells = asyncio.create_task(self._trouble(disturbance))

    def _do(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_S)

    def _show(self, pair: Pair | None) -> None:
        if self._tls is not None and pair is not None:
            self._tls.load_cert_chain(pair.certificate, pair.key)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls, limit=LIMIT, backlog=_BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._hang_up()

    async def _finish(self) -> None:
        if self._spells is not None:
            self._spells.cancel()
        await self._shut()

    async def _hang_up(self) -> None:
        """Reset every connection that is open."""
        ending = dict(self._conversations)
        for task, writer in ending.items():
            wire.reset(writer)
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations[task] = writer
        try:
            await Conversation(self, reader, writer).run()
        except asyncio.CancelledError:
            pass  # hung up on; asyncio's streams would call it an error
        finally:
            del self._conversations[task]

    async def _trouble(self, disturbance: Disturbance) -> None:
        """Bring what befalls everything at once, as often as the spell says."""
        spell, name = disturbance.spell, disturbance.trouble
        await asyncio.sleep(spell.first_s)
        while True:
            try:
                await self._come(name)
                await asyncio.sleep(spell.lasts_s)
            finally:
                await self._go(name)
            if not spell.every_s:
                return
            await asyncio.sleep(spell.every_s - spell.lasts_s)

    async def _come(self, name: str) -> None:
        match name:
            case "wrong-certificate":
                self._show(self._wrong)
                await self._hang_up()
            case "refused":
                await self._shut()
            case "restart":
                self.tally.injected[name] += await asyncio.to_thread(self._restart)
                return
        self.tally.injected[name] += 1

    async def _go(self, name: str) -> None:
        match name:
            case "wrong-certificate":
                self._show(self._good)
            case "refused":
                if self._server is None:
                    await self._listen()
