"""Where places are and how far apart: distances for the simulated tasks and prices."""

import math
from collections.abc import Mapping
from typing import Any, Final

from gateway.sandbox.random_values import seeded_random

_EARTH_RADIUS_METERS: Final = 6_371_000
_ADDRESS_WORDS: Final = ("street_address", "building_name", "city", "state", "country", "zip_code")

Point = tuple[float, float]


def distance_meters(one: Point, other: Point) -> int:
    """The great-circle distance of two points (latitude, longitude in degrees), in whole metres."""
    (latitude, longitude), (other_latitude, other_longitude) = (map(math.radians, point) for point in (one, other))
    half_chord = (
        math.sin((other_latitude - latitude) / 2) ** 2
        + math.cos(latitude) * math.cos(other_latitude) * math.sin((other_longitude - longitude) / 2) ** 2
    )
    return round(2 * _EARTH_RADIUS_METERS * math.asin(math.sqrt(half_chord)))


def place(text: str) -> Point:
    """A point in Singapore for an address in words, the same each time: the simulator has no map."""
    chance = seeded_random("place", text.strip().casefold())
    return round(chance.uniform(1.26, 1.44), 6), round(chance.uniform(103.65, 104.0), 6)


def address_distance(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """The distance of two addresses in whole metres."""
    return distance_meters(_address_point(one), _address_point(other))


def _address_point(address: Mapping[str, Any]) -> Point:
    latitude, longitude = address.get("latitude"), address.get("longitude")
    if latitude is not None and longitude is not None:
        return latitude, longitude
    return place(" ".join(str(address.get(word) or "") for word in _ADDRESS_WORDS))
