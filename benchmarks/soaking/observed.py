"""The gateway's app with a task that writes down, every few seconds, what its process holds.

`gateway serve` runs it in each worker in place of the gateway's own factory. The folder of the lines is in
`SOAK_FOLDER`, and `SOAK_EVERY_SECONDS` is between two of them. When a file `census` in it is newer than the last
census, the garbage is collected first, and the objects are counted by their types.
"""

import asyncio
import gc
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.app import App, create_worker_app


class Observed:
    """ASGI app that observes its process; process lifetime.

    Args:
        app: The gateway.
        folder: Where the lines go.
        every_seconds: Between two lines.
    """

    def __init__(self, app: App, folder: Path, every_seconds: float) -> None:
        self._app = app
        self._folder = folder
        self._every_seconds = every_seconds
        self._counted_at = 0.0
        self._observing: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the gateway; the first scope, which is the lifespan, begins to observe."""
        if self._observing is None:
            self._observing = asyncio.create_task(self._observe())
        await self._app(scope, receive, send)

    async def _observe(self) -> None:
        file = self._folder / f"{os.getpid()}.jsonl"
        while True:
            line = json.dumps(self._sample())
            with file.open("a") as lines:
                lines.write(line + "\n")
            await asyncio.sleep(self._every_seconds)

    def _sample(self) -> dict[str, Any]:
        sample: dict[str, Any] = {
            "at": time.time(),
            "resident": _resident_bytes(),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "tasks": len(asyncio.all_tasks()),
            "cpu": time.process_time(),
        }
        wanted = self._folder / "census"
        if wanted.exists() and wanted.stat().st_mtime > self._counted_at:
            self._counted_at = time.time()
            gc.collect()
            sample["census"] = Counter(type(one).__qualname__ for one in gc.get_objects())
            sample["census"] += Counter(f"task {one.get_coro().__qualname__}" for one in asyncio.all_tasks())
        sample["objects"] = len(gc.get_objects())
        return sample


def create_app() -> Observed:
    """Create the observed app of one worker."""
    return Observed(create_worker_app(), Path(os.environ["SOAK_FOLDER"]), float(os.environ["SOAK_EVERY_SECONDS"]))


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
