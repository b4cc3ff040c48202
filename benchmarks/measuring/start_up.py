"""How long a gateway takes from its start to its first answer."""

import statistics
import time

from measuring.gateway import MODES
from measuring.pace import Pace
from measuring.processes import GATEWAY, free_port, running
from measuring.upstream import Upstream


def measure_start_up(upstream: Upstream, pace: Pace) -> float:
    """The median of several starts, in seconds."""
    return statistics.median(_start(upstream) for _ in range(pace.starts))


def _start(upstream: Upstream) -> float:
    port = free_port()
    settings = {**upstream.gateway_settings, **MODES["hot"], "GATEWAY_PORT": str(port)}
    start = time.perf_counter()
    with running("the gateway", GATEWAY, port, "/graphql?query=%7B__typename%7D", settings):
        return time.perf_counter() - start
