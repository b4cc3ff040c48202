"""The simulated price recommendation: a made-up tariff for each vehicle over the great-circle distance."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.sandbox.logistics import checks
from gateway.sandbox.logistics.errors import invalid
from gateway.sandbox.logistics.geography import Point, distance_meters, place
from gateway.sandbox.logistics.vocabulary import PRICE_SERVICES

MAX_DELIVERIES: Final = 10
"""Beyond these only the farthest from the pickup count (document: Get price recommendation)."""

_CENT: Final = 1000
_BASE_CENTS: Final = 500
_CENTS_PER_KILOMETRE: Final = 40


def price_recommendation(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fee from the pickup to each delivery in turn.

    Args:
        body: `{service_type, stops}`; a stop is `{address?, latitude?, longitude?}` and the first one the pickup.

    Returns:
        The document's answer; fees in 1/1000 cents, `total_waypoint` the deliveries that count.

    Raises:
        Refused: 422, the vehicle is not priced, or there are fewer than two stops.
    """
    service = checks.one_of(PRICE_SERVICES)(body.get("service_type"), "service_type")
    stops = checks.records(body.get("stops"), "stops")
    if len(stops) < 2:
        raise invalid("stops", "must hold a pickup location and at least one delivery location")
    pickup, *deliveries = [_point(stop, f"stops[{index}]") for index, stop in enumerate(stops)]
    counted = _farthest(pickup, deliveries)
    meters = sum(map(distance_meters, [pickup, *counted], counted))
    fee = _fee(service, meters, len(counted))
    return {
        "average_fee": fee // len(counted),
        "code": "success",
        "distance": {"value": meters, "unit": "m"},
        "total_fee": fee,
        "total_fee_currency": "SGD",
        "total_waypoint": len(counted),
    }


def _farthest(pickup: Point, deliveries: list[Point]) -> list[Point]:
    by_distance = sorted(range(len(deliveries)), key=lambda at: distance_meters(pickup, deliveries[at]), reverse=True)
    return [deliveries[at] for at in sorted(by_distance[:MAX_DELIVERIES])]


def _fee(service: str, meters: int, deliveries: int) -> int:
    size = PRICE_SERVICES.index(service) + 1
    return (_BASE_CENTS * deliveries + _CENTS_PER_KILOMETRE * meters // 1000) * size * _CENT


def _point(stop: Mapping[str, Any], path: str) -> Point:
    latitude, longitude = stop.get("latitude"), stop.get("longitude")
    if latitude is not None and longitude is not None:
        return checks.number(latitude, f"{path}.latitude"), checks.number(longitude, f"{path}.longitude")
    return place(checks.required_text(stop.get("address") or "", f"{path}.address"))
