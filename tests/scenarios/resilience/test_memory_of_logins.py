"""Every login is an identity of its own: no table of the process grows with them beyond its bound."""

import gc
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from cachetools import LRUCache

from gateway.operations.responses.response_cache import ResponseCache
from resolvers.cache.memory import BoundedMemory
from tests.oauth.gateways import SESSIONS, codes, running_gateway

LOGINS: Final = 30
BOUND: Final = 10
BOUNDS: Final = (
    "gateway.oauth.session_registry.REMEMBERED_SESSIONS",
    "gateway.oauth.session_callers.REMEMBERED_CLIENTS",
    "resolvers.cache.records.REMEMBERED_LISTS",
    "resolvers.cache.records.REMEMBERED_PREFIXES",
    "resolvers.upstreams.transport.health.MAX_IDENTITIES",
    "resolvers.upstreams.transport.pacing.MAX_GATES",
    "resolvers.upstreams.transport.shared_rate.MAX_STATES",
    "resolvers.upstreams.transport.wire.pool.MAX_IDLE",
)
BOUNDED_IN_BYTES: Final = (ResponseCache, BoundedMemory)


@pytest.mark.parametrize("rate", ["", "1000"])
async def test_no_table_grows_with_the_logins_beyond_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: str
) -> None:
    for bound in BOUNDS:
        monkeypatch.setattr(bound, BOUND)
    settings = {
        "GATEWAY_CACHE__ENABLED": "true",
        "GATEWAY_LOGISTICS__RATE_PER_SECOND": rate,
        "GATEWAY_SESSIONS__LOGINS_PER_MINUTE": "10000",
        "GATEWAY_SESSIONS__ALL_LOGINS_PER_MINUTE": "10000",
    }
    sessions = set()
    async with running_gateway(tmp_path, settings) as gateway, gateway.browser() as browser:
        for _ in range(LOGINS):
            token = (await browser.log_in(token="1")).json()["token"]
            bearer = {"authorization": f"Bearer {token}"}
            assert codes(await browser.ask(**bearer)) == []
            listed = await browser.http.get(SESSIONS, headers=bearer)
            sessions |= {one["id"] for one in listed.json()["sessions"]}
        tables = tables_by(sessions)

    assert len(sessions) == LOGINS
    assert tables == []


def tables_by(sessions: set[str]) -> list[tuple[int, object]]:
    """Every table of the process with more entries by session than the bound: how many, and one of them."""
    gc.collect()
    exempt = {id(part) for one in gc.get_objects() if isinstance(one, BOUNDED_IN_BYTES) for part in vars(one).values()}
    found: list[tuple[int, object]] = []
    for table in gc.get_objects():
        if isinstance(table, dict | set | LRUCache) and table is not sessions and id(table) not in exempt:
            named = [key for key in _keys(table) if _names_one_of(sessions, key)]
            if len(named) > BOUND:
                found.append((len(named), named[0]))
    return found


def _keys(table: Iterable[Any]) -> list[Any]:
    return list(table)


def _names_one_of(sessions: set[str], key: object) -> bool:
    if isinstance(key, tuple):
        return any(_names_one_of(sessions, part) for part in key)
    return isinstance(key, str) and any(session in key for session in sessions)
