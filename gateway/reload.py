"""Reloads the settings of a running process, at SIGHUP and when a file that they come from changes.

Theory of operation
-------------------
::

    SIGHUP ----------------------------------.
    a file changed, and has not since the     >-> reread -> apply -> in force
    last look: it is written to its end -----'      |         |
                                                    v         v
                                           wrong: one line in the log, and nothing has changed

Reloads are one after the other. All that can fail comes before the first thing is replaced, see `gateway/live.py`.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from gateway.settings.loading import unknown_settings
from gateway.settings.problems import SettingsProblems
from gateway.settings.reloading import Change, SettingsSource
from gateway.telemetry.metrics import ReloadMetrics
from resolvers.later import stop

LOOK_SECONDS: Final = 2.0
"""How often the files are looked at; a change is in force after two looks."""

logger = logging.getLogger(__name__)

Apply = Callable[[Change], Awaitable[None]]
"""Puts settings in force, whole or not at all. Raises SettingsProblems if they cannot be."""


class Reloader:
    """Keeps the settings of a process those of its files. Lifetime: process.

    Args:
        source: Where the settings come from.
        apply: Puts changed settings in force; called without a change as well, to renew what they only name.
        metrics: Counts reloads.
        look_seconds: The interval between two looks at the files.
    """

    def __init__(
        self, source: SettingsSource, apply: Apply, metrics: ReloadMetrics, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._source = source
        self._apply = apply
        self._metrics = metrics
        self._look_seconds = look_seconds
        self._lock = asyncio.Lock()
        self._signalled: set[asyncio.Task[None]] = set()
        self._is_queued = False

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Reload within the block whenever there is a reason to."""
        looking = asyncio.get_running_loop().create_task(self._look())
        try:
            with self._at_hangup():
                yield
        finally:
            await stop([looking, *self._signalled])

    async def reload(self) -> None:
        """Read the settings again and put them in force; wrong ones are logged, and those before stay."""
        async with self._lock:
            await self._reload()

    async def _reload_at_signal(self) -> None:
        async with self._lock:
            # A later signal may be about a file that this one has read before it changed.
            self._is_queued = False
            await self._reload()

    async def _reload(self) -> None:
        try:
            # In a thread, because disks and the derivation of identities may hold up the event loop.
            change = await asyncio.to_thread(self._source.reread)
            await self._apply(change)
        except SettingsProblems as wrong:
            self._metrics.failed()
            logger.error(  # noqa: TRY400 - the operator's mistake, which has no use for a trace
                "The settings are wrong, and were not reloaded; those before stay in force. %s",
                "; ".join(wrong.problems),
            )
        except Exception:
            self._metrics.failed()
            logger.exception("The settings were not reloaded; those before stay in force.")
        else:
            self._source.accept(change)
            self._metrics.succeeded(changed=bool(change.changed))
            self._report(change)

    def _report(self, change: Change) -> None:
        """Log what changed by the names of settings, whose values may be secrets."""
        if change.changed:
            logger.info("Settings reloaded. Changed: %s", ", ".join(change.changed))
        else:
            logger.info("Settings read again: none of those that reload has changed.")
        if change.postponed:
            logger.warning("Changed, but not in force before a restart: %s", ", ".join(change.postponed))
        with suppress(SettingsProblems):
            for unknown in unknown_settings(self._source.environment):
                logger.warning("%s", unknown)

    async def _look(self) -> None:
        seen = self._source.stamps
        while True:
            await asyncio.sleep(self._look_seconds)
            stamps = await asyncio.to_thread(self._source.current_stamps)
            # Only what did not change between two looks is read: a file may be written to while it is looked at.
            if stamps == seen and stamps != self._source.stamps:
                await self.reload()
            seen = stamps

    @contextmanager
    def _at_hangup(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            # Only the main thread gets signals: files are watched all the same.
            yield
            return
        loop = asyncio.get_running_loop()
        handler = signal.getsignal(signal.SIGHUP)
        signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(self._begin))
        # `gateway serve` blocks it until it can be handled; one that came since then is delivered here.
        mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        try:
            yield
        finally:
            # The mask first: a late reload must not kill a process that is about to end.
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            signal.signal(signal.SIGHUP, handler)

    def _begin(self) -> None:
        # One that waits for its turn reads the files after all signals until then; more are not needed.
        if self._is_queued:
            return
        self._is_queued = True
        task = asyncio.get_running_loop().create_task(self._reload_at_signal())
        self._signalled.add(task)
        task.add_done_callback(self._signalled.discard)
