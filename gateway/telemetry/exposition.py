"""Metrics of all workers in one answer, whichever worker Prometheus reaches."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from gateway.telemetry.metrics import Metrics
from gateway.telemetry.process_group import ProcessGroup

QUESTION: Final = "metrics"
"""What workers ask each other for."""


class SampleState(msgspec.Struct, array_like=True):
    """One sample as workers send it to each other; a value.

    Args:
        name: With its suffix, such as `_bucket`.
        labels: By name.
        value: Now.
        exemplar: Labels and value of an example, with its time in seconds since 1970; None where there is none.
    """

    name: str
    labels: dict[str, str]
    value: float
    exemplar: tuple[dict[str, str], float, float | None] | None = None


class FamilyState(msgspec.Struct, array_like=True):
    """One metric with its samples as workers send it to each other; a value.

    Args:
        name: Without suffixes.
        documentation: One line.
        type: As in the OpenMetrics format.
        samples: In their order.
    """

    name: str
    documentation: str
    type: str
    samples: list[SampleState]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[FamilyState])


def registry_state(registry: CollectorRegistry) -> bytes:
    """Return all metrics of a registry, for another worker."""
    families = [
        FamilyState(metric.name, metric.documentation, metric.type, [_state(one) for one in metric.samples])
        for metric in registry.collect()
    ]
    return _ENCODER.encode(families)


class WorkersUp(Collector):
    """Which workers answer; lifetime: one scrape, or that of a process of its own.

    Args:
        answered: Whether each worker did, by its number.
    """

    def __init__(self, answered: Mapping[int, bool]) -> None:
        self._answered = answered

    def collect(self) -> Iterable[Metric]:
        """Return the metric."""
        up = GaugeMetricFamily("gateway_worker_up", "1 for a worker that answered the scrape.", labels=["worker"])
        for number, answered in self._answered.items():
            up.add_metric([str(number)], float(answered))
        return [up]


class GroupCollector(Collector):
    """The metrics of all workers, each series with its worker's number as the label `worker`; lifetime: one scrape.

    A counter of several processes must not be added up here: when one of them restarts, the sum falls by what that one
    had counted, which Prometheus would take for a restart of the whole.

    Args:
        states: By the worker's number, what `registry_state` returned there; None for one that did not answer.
    """

    def __init__(self, states: Mapping[int, bytes | None]) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        merged: dict[str, Metric] = {}
        for number, state in self._states.items():
            for family in _DECODER.decode(state) if state is not None else ():
                metric = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                metric.samples.extend(_sample(one, number) for one in family.samples)
        up = WorkersUp({number: state is not None for number, state in self._states.items()})
        return [*merged.values(), *up.collect()]


class Exposition:
    """Serves the metrics of all workers at `/metrics`; process lifetime.

    Args:
        metrics: Of this process.
        folder: Where the workers meet; None for a process of its own.
    """

    def __init__(self, metrics: Metrics, folder: Path | None) -> None:
        self.metrics = metrics
        if folder is None:
            metrics.registry.register(WorkersUp({0: True}))
        self._group = ProcessGroup(folder, {QUESTION: lambda: registry_state(metrics.registry)})

    async def open(self) -> None:
        """Answer other workers, and measure the event loop."""
        await self._group.open()
        self.metrics.loop_lag.start()

    async def close(self) -> None:
        """End both."""
        self.metrics.loop_lag.stop()
        await self._group.close()

    def add_route(self, rest: FastAPI) -> None:
        """Add `/metrics`, which needs no credentials and holds neither ids nor addresses."""

        @rest.api_route("/metrics", methods=["GET", "HEAD"], include_in_schema=False)
        async def metrics(request: Request) -> Response:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
            content = encode(await self._registry())
            return Response(content, headers={"content-type": content_type})

    async def _registry(self) -> CollectorRegistry:
        if not self._group.has_others:
            # Merging labels each series with its worker, which a process of its own has no use for.
            return self.metrics.registry
        merged = CollectorRegistry(auto_describe=False)
        merged.register(GroupCollector(await self._group.ask(QUESTION)))
        return merged


def _state(sample: Sample) -> SampleState:
    found = sample.exemplar
    exemplar = None if found is None else (dict(found.labels), found.value, _seconds(found.timestamp))
    return SampleState(sample.name, sample.labels, sample.value, exemplar)


def _seconds(timestamp: object) -> float | None:
    return float(timestamp) if isinstance(timestamp, int | float) else None


def _sample(state: SampleState, worker: int) -> Sample:
    exemplar = None if state.exemplar is None else Exemplar(*state.exemplar)
    return Sample(state.name, {**state.labels, "worker": str(worker)}, state.value, None, exemplar)
