import asyncio

import pytest
from starlette.types import Scope

from gateway.subscriptions.connections import OpenConnections, SubscriptionAdmission
from resolvers.errors import Forbidden, RateLimited
from tests.subscriptions.identities import Identities

SCOPE: Scope = {"type": "websocket", "headers": []}


class Door:
    """An admission that notes when its proof has run out."""

    def __init__(self, connections: OpenConnections) -> None:
        identities = Identities()
        self.expired = asyncio.Event()
        self.admission = SubscriptionAdmission(
            identities.connection, connections, lambda: identities.now, self.expired.set, lambda _: None
        )

    async def admit(self, token: str) -> None:
        await self.admission.admit(SCOPE, {"authorization": token})


async def test_new_proof_takes_the_place_of_the_old() -> None:
    renewed, other = Door(OpenConnections(2)), Door(OpenConnections(2))
    await renewed.admit("ada 0.01")
    await renewed.admit("ada 1000")
    await other.admit("ada 0.01")

    await asyncio.wait_for(other.expired.wait(), 5)

    assert not renewed.expired.is_set()
    renewed.admission.leave()


async def test_after_the_connection_has_ended_nothing_runs_out() -> None:
    left, other = Door(OpenConnections(2)), Door(OpenConnections(2))
    await left.admit("ada 0.01")
    left.admission.leave()
    await other.admit("ada 0.01")

    await asyncio.wait_for(other.expired.wait(), 5)

    assert not left.expired.is_set()


async def test_somebody_elses_proof_is_refused() -> None:
    door = Door(OpenConnections(2))
    await door.admit("ada")

    with pytest.raises(Forbidden):
        await door.admit("eve")


async def test_a_connection_counts_once_however_often_it_is_renewed() -> None:
    connections = OpenConnections(1)
    first, second = Door(connections), Door(connections)
    await first.admit("ada")
    await first.admit("ada")
    with pytest.raises(RateLimited):
        await second.admit("ada")
    first.admission.leave()

    await second.admit("ada")
