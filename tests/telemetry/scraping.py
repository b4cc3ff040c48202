"""Reads `/metrics` of a running gateway."""

import re

from tests.world import World


async def metric(world: World, line: str) -> float:
    """The value of one line of `/metrics`; 0 where there is none."""
    told = await world.client.get(f"{world.url}/metrics")
    found = re.search(rf"^{re.escape(line)} (\S+)$", told.text, re.MULTILINE)
    return float(found[1]) if found else 0.0
