"""The gateway under load: one worker, with or without its caches."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from measuring.processes import GATEWAY, Server, free_port, running
from measuring.upstream import Upstream

MODES: Final[dict[str, dict[str, str]]] = {
    "cold": {"GATEWAY_CACHE__ENABLED": "false", "GATEWAY_CACHE__COALESCE": "false"},
    "shared": {"GATEWAY_CACHE__ENABLED": "false", "GATEWAY_CACHE__COALESCE": "true"},
    "hot": {
        "GATEWAY_CACHE__ENABLED": "true",
        "GATEWAY_CACHE__COALESCE": "true",
        "GATEWAY_CACHE__TTL_ACTIVE": "3600",
        "GATEWAY_CACHE__TTL_QUOTE": "3600",
    },
}
"""What may be kept and shared.

cold: nothing. shared: equal operations at the same time run once. hot: responses are kept, longer than a load lasts.
"""


@contextmanager
def running_gateway(upstream: Upstream, mode: str, more: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a gateway for as long as the block.

    Args:
        upstream: What it asks.
        mode: One of `MODES`.
        more: Further settings.
    """
    port = free_port()
    settings = {**upstream.gateway_settings, **MODES[mode], "GATEWAY_PORT": str(port), **(more or {})}
    with running("the gateway", GATEWAY, port, "/readyz", settings) as server:
        yield server
