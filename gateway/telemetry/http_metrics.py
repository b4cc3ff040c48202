"""HTTP as OpenTelemetry's conventions name it, in the form that those names have in Prometheus, and compression."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from prometheus_client.core import Metric

from gateway.http.compression import Compression
from gateway.http.durations import RequestDurations
from gateway.telemetry.families import counters, histograms
from resolvers.histogram import HTTP_SECONDS, Histogram
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.stack import Stack

ROUTE: Final = "/graphql"


def server_metrics(durations: RequestDurations) -> Metric:
    """Return how long requests to the endpoint took."""
    labels = ["http_request_method", "http_route", "http_response_status_code"]
    series = [([method, ROUTE, str(status)], found) for (method, status), found in durations.by_outcome.items()]
    return histograms("http_server_request_duration_seconds", "Duration of HTTP server requests.", labels, series)


def compression_metric(compression: Compression) -> Metric:
    """Return the bytes of compressed responses, before and after."""
    series = [
        ([coding.decode(), form], count)
        for coding, sent in compression.sent.items()
        for form, count in (("plain", sent.plain), ("compressed", sent.compressed))
    ]
    meaning = "Bytes of compressed responses, before and after compression."
    return counters("gateway_compressed_response_bytes", meaning, ["coding", "form"], series)


def client_metrics(addresses: Mapping[UpstreamName, Sequence[Stack]]) -> Metric:
    """Return how long each request to the upstreams took, repeated ones by themselves."""
    # `gateway_upstream` is in the place of the address, which may be confidential.
    labels = ["gateway_upstream", "http_request_method", "http_response_status_code", "error_type"]
    merged: dict[tuple[str, str, int | str], Histogram] = {}
    for upstream, found in addresses.items():
        for (method, outcome), histogram in _requests(found):
            merged.setdefault((upstream.name, method, outcome), Histogram(HTTP_SECONDS)).merge(histogram)
    series = [([upstream, method, *_labels(outcome)], found) for (upstream, method, outcome), found in merged.items()]
    return histograms("http_client_request_duration_seconds", "Duration of HTTP client requests.", labels, series)


def _requests(found: Sequence[Stack]) -> Iterable[tuple[tuple[str, int | str], Histogram]]:
    return [one for stack in found for one in stack.limit.requests.items()]


def _labels(outcome: int | str) -> tuple[str, str]:
    """Return the status and the type of error; by the conventions, a status of 400 or more is one as well."""
    if isinstance(outcome, str):
        return "", outcome
    return str(outcome), str(outcome) if outcome >= 400 else ""
