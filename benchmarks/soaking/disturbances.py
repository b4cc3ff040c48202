"""What goes wrong during the soak: upstreams fail in turn, Redis stops for seconds, settings change."""

import asyncio
import signal
import subprocess
from random import Random

from measuring.processes import Server

from soaking.gateway import SettingsFile, reload
from soaking.load import Tally
from soaking.upstreams import Upstreams


class Disturbances:
    """Disturbs the gateway until cancelled; run lifetime.

    Args:
        server: The gateway.
        file: Its settings' file.
        upstreams: The simulators.
        redis: The process of Redis.
        tally: Counts what happened.
        chance: Decides what goes wrong.
    """

    def __init__(
        self,
        server: Server,
        file: SettingsFile,
        upstreams: Upstreams,
        redis: subprocess.Popen[bytes],
        tally: Tally,
        chance: Random,
    ) -> None:
        self._server = server
        self._file = file
        self._upstreams = upstreams
        self._redis = redis
        self._tally = tally
        self._chance = chance

    async def run(self) -> None:
        """Let everything go wrong now and then until cancelled, and leave everything right."""
        try:
            async with asyncio.TaskGroup() as running:
                running.create_task(self._fail_upstreams())
                running.create_task(self._stop_redis())
                running.create_task(self._reload())
        finally:
            self._upstreams.recover()
            self._redis.send_signal(signal.SIGCONT)

    async def _fail_upstreams(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(3, 9))
            self._upstreams.fail(self._chance)
            self._tally.counts["faults"] += 1
            await asyncio.sleep(self._chance.uniform(1, 4))
            self._upstreams.recover()

    async def _stop_redis(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(40, 80))
            self._redis.send_signal(signal.SIGSTOP)
            self._tally.counts["stops of Redis"] += 1
            await asyncio.sleep(self._chance.uniform(0.2, 3))
            self._redis.send_signal(signal.SIGCONT)

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(45, 90))
            self._file.rotate(self._chance)
            # The file is also looked at by itself; every other time nothing has changed but the signal.
            reload(self._server)
            self._tally.counts["reloads"] += 1
