"""Metrics and traces of one process, as one part of the app."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from gateway.telemetry.exposition import GroupCollector, WorkersUp, registry_state
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.process_group import ProcessGroup
from gateway.telemetry.traces import Tracing

QUESTION: Final = "metrics"
"""What workers ask each other for."""


class Telemetry:
    """The metrics of all workers, at `/metrics`, and the traces of this one. Lifetime: process.

    Args:
        metrics: Of this process.
        tracing: Traces operations; None where no traces are wanted.
        folder: Where the workers meet; None for a process of its own.

    Attributes:
        group: The workers, who answer further questions where other parts add them.
    """

    def __init__(self, metrics: Metrics, tracing: Tracing | None, folder: Path | None) -> None:
        self.metrics = metrics
        self.tracing = tracing
        if folder is None:
            # A group reports its workers when their metrics are merged; this one is asked, so it is up.
            metrics.registry.register(WorkersUp({0: True}))
        self.group = ProcessGroup(folder, {QUESTION: lambda: registry_state(metrics.registry)})

    async def open(self) -> None:
        """Answer other workers, and measure the event loop."""
        await self.group.open()
        self.metrics.loop_lag.start()

    async def close(self) -> None:
        """End both, and send the spans that wait."""
        self.metrics.loop_lag.stop()
        await self.group.close()
        # Last, because it takes as long as the exporter tries.
        if self.tracing is not None:
            await self.tracing.close()

    def add_route(self, rest: FastAPI) -> None:
        """Add `/metrics`, which needs no credentials and holds neither ids nor addresses."""

        async def metrics(request: Request) -> Response:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
            content = encode(await self._registry())
            return Response(content, headers={"content-type": content_type})

        # Starlette's route: FastAPI would keep the function, and with it the app, in a cache of the whole process.
        rest.add_route("/metrics", metrics, ["GET", "HEAD"], include_in_schema=False)

    async def _registry(self) -> CollectorRegistry:
        if not self.group.has_others:
            # Merging labels each series with its worker, which a process of its own has no use for.
            return self.metrics.registry
        # Not described, for which the library would collect everything once more.
        merged = CollectorRegistry(auto_describe=False)
        merged.register(GroupCollector(await self.group.ask(QUESTION)))
        return merged
