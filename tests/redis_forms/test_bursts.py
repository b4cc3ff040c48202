"""Many commands at once, as a burst of requests sends them."""

import asyncio

from resolvers.redis_servers import KEPT_CONNECTIONS, RedisServers

AT_ONCE = 150


async def test_all_commands_of_a_burst_are_answered_and_few_connections_stay(redis_url: str) -> None:
    client = RedisServers(f"{redis_url}?client_name=burst").client(60.0)

    answers = await asyncio.gather(*(client.ping() for _ in range(AT_ONCE)))
    named = [one for one in await client.client_list() if one["name"] == "burst"]
    await client.aclose()

    assert answers == [True] * AT_ONCE
    assert len(named) <= KEPT_CONNECTIONS + 1
