"""Simulated price recommendations and the distances they are based on.

The tariff is fictitious: a base fee for each delivery and a fee for each kilometre of great-circle distance, times the
size of the vehicle. Addresses without coordinates get a stable point in Singapore, as the simulator has no map.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from gateway.sandbox.generated_records import seeded_random
from gateway.sandbox.logistics.requests import check_number, check_objects, check_one_of, check_required_text, invalid

# Without lorry_20ft, which the document has in `vehicle_preference` only.
PRICE_SERVICES: Final = (
    "motorcycle",
    "car",
    "mpv",
    "van_1.7m",
    "van_2.4m",
    "lorry_10ft",
    "lorry_14ft",
    "lorry_24ft",
    "lorry_40ft",
)
"""`service_type` of the price request, from the smallest vehicle to the largest."""

MAX_DELIVERIES: Final = 10
"""Of more deliveries only the farthest from the pickup are priced (document: Get price recommendation)."""

# Amounts are in 1/1000 cents (document: Update Task, `price`).
_CENT: Final = 1000
_BASE_CENTS: Final = 500
_CENTS_PER_KILOMETRE: Final = 40
_EARTH_RADIUS_METERS: Final = 6_371_000
_ADDRESS_WORDS: Final = ("street_address", "building_name", "city", "state", "country", "zip_code")

Point = tuple[float, float]


def price_recommendation(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fee from the pickup to each delivery in turn.

    Args:
        body: `{service_type, stops}`; a stop is `{address?, latitude?, longitude?}`, and the first one is the pickup.

    Returns:
        The body of the response: fees in 1/1000 cents, the number of priced deliveries in `total_waypoint`.

    Raises:
        Refused: 422 if the vehicle has no price or there are fewer than two stops.
    """
    service = check_one_of(PRICE_SERVICES)(body.get("service_type"), "service_type")
    stops = check_objects(body.get("stops"), "stops")
    if len(stops) < 2:
        raise invalid("stops", "must hold a pickup location and at least one delivery location")
    pickup, *deliveries = [_point(stop, f"stops[{index}]") for index, stop in enumerate(stops)]
    counted = _farthest(pickup, deliveries)
    meters = sum(map(distance_meters, [pickup, *counted], counted))
    fee = _fee(service, meters, len(counted))
    return {
        # Over the deliveries: the document does not say of what it is the average.
        "average_fee": fee // len(counted),
        "code": "success",
        # The document shows nothing of its inside; value and unit are assumed.
        "distance": {"value": meters, "unit": "m"},
        "total_fee": fee,
        "total_fee_currency": "SGD",
        "total_waypoint": len(counted),
    }


def _farthest(pickup: Point, deliveries: list[Point]) -> list[Point]:
    by_distance = sorted(range(len(deliveries)), key=lambda at: distance_meters(pickup, deliveries[at]), reverse=True)
    # The fee follows the route, so the stops that are left keep their order.
    return [deliveries[at] for at in sorted(by_distance[:MAX_DELIVERIES])]


def _fee(service: str, meters: int, deliveries: int) -> int:
    size = PRICE_SERVICES.index(service) + 1
    return (_BASE_CENTS * deliveries + _CENTS_PER_KILOMETRE * meters // 1000) * size * _CENT


def _point(stop: Mapping[str, Any], path: str) -> Point:
    latitude, longitude = stop.get("latitude"), stop.get("longitude")
    if latitude is not None and longitude is not None:
        return check_number(latitude, f"{path}.latitude"), check_number(longitude, f"{path}.longitude")
    return place(check_required_text(stop.get("address") or "", f"{path}.address"))


def distance_meters(one: Point, other: Point) -> int:
    """Return the great-circle distance of two points (latitude, longitude in degrees) in whole metres."""
    (latitude, longitude), (other_latitude, other_longitude) = (map(math.radians, point) for point in (one, other))
    half_chord = (
        math.sin((other_latitude - latitude) / 2) ** 2
        + math.cos(latitude) * math.cos(other_latitude) * math.sin((other_longitude - longitude) / 2) ** 2
    )
    return round(2 * _EARTH_RADIUS_METERS * math.asin(math.sqrt(half_chord)))


def place(text: str) -> Point:
    """Return a point in Singapore for an address, the same each time."""
    chance = seeded_random("place", text.strip().casefold())
    return round(chance.uniform(1.26, 1.44), 6), round(chance.uniform(103.65, 104.0), 6)


def address_distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """Return the distance of two addresses in whole metres."""
    return distance_meters(_address_point(one), _address_point(other))


def _address_point(address: Mapping[str, Any]) -> Point:
    latitude, longitude = address.get("latitude"), address.get("longitude")
    if latitude is not None and longitude is not None:
        return latitude, longitude
    return place(" ".join(str(address.get(word) or "") for word in _ADDRESS_WORDS))
