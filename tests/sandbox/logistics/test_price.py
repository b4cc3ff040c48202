"""Price recommendations."""

from typing import Any

import pytest

from tests.sandbox.logistics.server import LogisticsServer, logistics_server

PICKUP = {"latitude": 1.3, "longitude": 103.8}


def stop(kilometers: float) -> dict[str, float]:
    """A stop due east of the pickup."""
    return {"latitude": 1.3, "longitude": 103.8 + kilometers / 111.17}


async def price(api: LogisticsServer, *deliveries: dict[str, Any], service: str = "car") -> dict[str, Any]:
    body = {"service_type": service, "stops": [PICKUP, *deliveries]}
    answer: dict[str, Any] = (await api.http.post("/price", json=body)).json()
    return answer


async def test_a_price_has_the_keys_of_the_sample_and_repeats() -> None:
    async with logistics_server() as api:
        first, second = [await price(api, stop(10)) for _ in range(2)]

    assert first == second
    assert first.keys() == {"average_fee", "code", "distance", "total_fee", "total_fee_currency", "total_waypoint"}
    assert (first["code"], first["total_fee_currency"], first["total_waypoint"]) == ("success", "SGD", 1)
    assert first["distance"]["unit"] == "m"
    assert first["distance"]["value"] == pytest.approx(10_000, rel=0.01)
    assert first["total_fee"] >= 200_000


async def test_farther_and_larger_costs_more() -> None:
    async with logistics_server() as api:
        near, far = await price(api, stop(2)), await price(api, stop(20))
        lorry = await price(api, stop(2), service="lorry_40ft")

    assert near["total_fee"] < far["total_fee"]
    assert near["total_fee"] < lorry["total_fee"]


async def test_the_average_is_of_the_deliveries() -> None:
    async with logistics_server() as api:
        quote = await price(api, stop(2), stop(4), stop(6))

    assert quote["total_waypoint"] == 3
    assert quote["average_fee"] == quote["total_fee"] // 3


async def test_only_the_ten_farthest_deliveries_count() -> None:
    ten = [stop(kilometers) for kilometers in range(5, 15)]
    async with logistics_server() as api:
        counted = await price(api, *ten)
        with_nearer = await price(api, stop(1), *ten, stop(2))
        with_farther = await price(api, *ten, stop(30))

    assert with_nearer == counted
    assert with_farther["total_waypoint"] == 10
    assert with_farther["distance"]["value"] > counted["distance"]["value"]


async def test_a_stop_may_be_an_address_in_words() -> None:
    async with logistics_server() as api:
        one = await price(api, {"address": "1 Maritime Square"})
        same = await price(api, {"address": " 1 maritime square"})
        other = await price(api, {"address": "9 Loyang Way"})

    assert one == same
    assert one["distance"] != other["distance"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"stops": [PICKUP, PICKUP]}, "service_type"),
        ({"service_type": "ltl", "stops": [PICKUP, PICKUP]}, "service_type"),
        ({"service_type": "lorry_20ft", "stops": [PICKUP, PICKUP]}, "service_type"),
        ({"service_type": "car"}, "stops"),
        ({"service_type": "car", "stops": [PICKUP]}, "stops"),
        ({"service_type": "car", "stops": [PICKUP, {}]}, "stops[1].address"),
        ({"service_type": "car", "stops": [PICKUP, {"latitude": "x", "longitude": 1}]}, "stops[1].latitude"),
    ],
)
async def test_a_price_that_cannot_be_given_is_refused(body: dict[str, Any], path: str) -> None:
    async with logistics_server() as api:
        answer = await api.http.post("/price", json=body)

    assert answer.status_code == 422
    assert answer.json()["message"].startswith(f"{path}: ")
