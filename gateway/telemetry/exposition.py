"""Metrics of all workers in one answer, whichever worker Prometheus reaches."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample


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
                # All workers are of one version, so the first one's description is that of all.
                metric = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                metric.samples.extend(_sample(one, number) for one in family.samples)
        up = WorkersUp({number: state is not None for number, state in self._states.items()})
        return [*merged.values(), *up.collect()]


def _state(sample: Sample) -> SampleState:
    found = sample.exemplar
    exemplar = None if found is None else (dict(found.labels), found.value, _seconds(found.timestamp))
    return SampleState(sample.name, sample.labels, sample.value, exemplar)


def _seconds(timestamp: object) -> float | None:
    # The library has a class of its own for times as well, which nothing here uses.
    return float(timestamp) if isinstance(timestamp, int | float) else None


def _sample(state: SampleState, worker: int) -> Sample:
    exemplar = None if state.exemplar is None else Exemplar(*state.exemplar)
    # Without a time, so that Prometheus takes that of the scrape.
    return Sample(state.name, {**state.labels, "worker": str(worker)}, state.value, None, exemplar)
