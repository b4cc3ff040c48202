"""What an explained response says of the tries of its upstream calls, over real connections."""

import asyncio

from tests.upstreams.transport.wire.talking_server import answering, by_turns, serving
from tests.world import UNCACHED, running_world

QUERY = "{ smsApiVersion { majorVersion } }"
VERSION = b'{"majorVersion": 1}'


async def closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End the connection instead of answering, as a server does whose idle time has run out."""
    writer.close()


async def test_a_request_that_is_sent_again_on_a_fresh_connection_is_told_as_two_tries() -> None:
    async with (
        serving(by_turns(answering(VERSION), closing, answering(VERSION))) as server,
        running_world({**UNCACHED, "GATEWAY_SMS__URLS": f"{server.url}rest/v1"}) as world,
    ):
        tries = []
        for _ in range(3):
            explained = await world.ask(QUERY, headers={"X-Gateway-Explain": "1"})
            assert explained.data
            (call,) = explained.json["extensions"]["gateway"]["calls"]
            tries.append((call["path"], call["status"], call["tries"]))
        metrics = (await world.client.get(f"{world.url}/metrics")).text

    assert tries == [("/rest/v1/version", 200, 1), ("/rest/v1/version", 200, 2), ("/rest/v1/version", 200, 1)]
    assert (len(server.requests), server.connections) == (4, 2)
    assert 'gateway_upstream_tries_total{operation="version",upstream="SMS"} 4.0' in metrics
