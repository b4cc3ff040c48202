"""What clients say to learn a price."""

import strawberry

from resolvers.errors import BadInput
from resolvers.upstreams.logistics.requests import PriceRequest, PriceStop
from resolvers.upstreams.logistics.vocabulary import PRICED_VEHICLES, VEHICLE_WORDS
from schema.enums import VehicleType
from schema.inputs.checks import Path, between, known


@strawberry.input(description="A stop of the way to price: an address, or both coordinates, or all three.")
class PriceStopInput:
    """A stop that a client names; operation lifetime."""

    address: str | None = strawberry.field(description="Where, in words.")
    latitude: float | None = strawberry.field(description="Degrees north, from -90 to 90; not without `longitude`.")
    longitude: float | None = strawberry.field(description="Degrees east, from -180 to 180; not without `latitude`.")

    def to_request(self, path: Path) -> PriceStop:
        """What the upstream is sent.

        Raises:
            BadInput: it does not say where, or names coordinates that are nowhere on earth.
        """
        has_address = self.address is not None and self.address.strip() != ""
        coordinates = (self.latitude, self.longitude)
        if None in coordinates and (coordinates != (None, None) or not has_address):
            raise BadInput("A stop needs an address or both coordinates.", path=path)
        return PriceStop(
            address=self.address if has_address else None,
            latitude=between(-90, 90, self.latitude, (*path, "latitude")),
            longitude=between(-180, 180, self.longitude, (*path, "longitude")),
        )


@strawberry.input(description="The way to price, and what drives it.")
class PriceQuoteInput:
    """A way that a client asks the price of; operation lifetime."""

    service_type: VehicleType = strawberry.field(
        description="LTL and LORRY_20FT are no service types of the price API: BAD_INPUT."
    )
    stops: list[PriceStopInput] = strawberry.field(
        description=(
            "The first is the pickup; up to 10 deliveries count, beyond that the upstream takes the 10 farthest."
        )
    )

    def to_request(self, path: Path) -> PriceRequest:
        """What the upstream is sent.

        Raises:
            BadInput: no pickup with a delivery, or a vehicle or a stop that is refused.
        """
        vehicle = known(self.service_type, (*path, "serviceType"))
        if vehicle not in PRICED_VEHICLES:
            raise BadInput(f"{vehicle.name} is no service type of the price API.", path=(*path, "serviceType"))
        among = (*path, "stops")
        if len(self.stops) < 2:
            raise BadInput("A price needs at least two stops: the pickup and a delivery.", path=among)
        return PriceRequest(
            VEHICLE_WORDS[vehicle], tuple(stop.to_request((*among, index)) for index, stop in enumerate(self.stops))
        )
