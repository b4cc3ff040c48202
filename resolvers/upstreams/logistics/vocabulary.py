"""The vocabulary of the logistics API, in the schema's spelling and in the vendor's, and its meaning as progress."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from resolvers.upstreams.fields import Words
from resolvers.upstreams.names import FINAL_PROGRESS, Progress


class TaskStatus(Enum):
    """The status of a task; UNKNOWN for any other word, which is the record's `raw_status`."""

    DRAFT = "DRAFT"
    PENDING_BROADCAST = "PENDING_BROADCAST"
    BROADCASTING = "BROADCASTING"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    ACCEPTED = "ACCEPTED"
    PENDING_PICKUP = "PENDING_PICKUP"
    PICKUP_ARRIVING = "PICKUP_ARRIVING"
    UNSUCCESSFUL_PICKUP = "UNSUCCESSFUL_PICKUP"
    PENDING_DELIVERY = "PENDING_DELIVERY"
    DELIVERY_ARRIVING = "DELIVERY_ARRIVING"
    UNSUCCESSFUL_DELIVERY = "UNSUCCESSFUL_DELIVERY"
    COMPLETE = "COMPLETE"
    UNKNOWN = "UNKNOWN"


class BroadcastPreference(Enum):
    """The drivers that a task is offered to."""

    MARINE = "MARINE"
    SQUAD = "SQUAD"
    ALL = "ALL"
    UNKNOWN = "UNKNOWN"


class VehicleType(Enum):
    """The kind of vehicle for a task."""

    LTL = "LTL"
    MOTORCYCLE = "MOTORCYCLE"
    CAR = "CAR"
    MPV = "MPV"
    # Not the vendor's word in capitals, as the others are: a GraphQL name has no dot.
    VAN_1_7M = "VAN_1_7M"
    VAN_2_4M = "VAN_2_4M"
    LORRY_10FT = "LORRY_10FT"
    LORRY_14FT = "LORRY_14FT"
    LORRY_20FT = "LORRY_20FT"
    LORRY_24FT = "LORRY_24FT"
    LORRY_40FT = "LORRY_40FT"
    UNKNOWN = "UNKNOWN"


# Without UNKNOWN, because it is only sent: the document's task has no such field.
class TruckService(Enum):
    """Charter a full truck (FTL) or only the space that is needed (LTL)."""

    FTL = "FTL"
    LTL = "LTL"


BROADCAST_PREFERENCE_WORDS: Final[Mapping[BroadcastPreference, str]] = {
    BroadcastPreference.MARINE: "marine",
    BroadcastPreference.SQUAD: "squad",
    BroadcastPreference.ALL: "all",
}
"""The words to send; UNKNOWN has none."""

VEHICLE_WORDS: Final[Mapping[VehicleType, str]] = {
    VehicleType.LTL: "ltl",
    VehicleType.MOTORCYCLE: "motorcycle",
    VehicleType.CAR: "car",
    VehicleType.MPV: "mpv",
    VehicleType.VAN_1_7M: "van_1.7m",
    VehicleType.VAN_2_4M: "van_2.4m",
    VehicleType.LORRY_10FT: "lorry_10ft",
    VehicleType.LORRY_14FT: "lorry_14ft",
    VehicleType.LORRY_20FT: "lorry_20ft",
    VehicleType.LORRY_24FT: "lorry_24ft",
    VehicleType.LORRY_40FT: "lorry_40ft",
}
"""The words to send; UNKNOWN has none."""

TRUCK_SERVICE_WORDS: Final[Mapping[TruckService, str]] = {TruckService.FTL: "ftl", TruckService.LTL: "ltl"}

# Two fields of the documents have the name service_type: this one, a vehicle, and `TruckService` of an update.
PRICED_VEHICLES: Final = frozenset(VEHICLE_WORDS) - {VehicleType.LTL, VehicleType.LORRY_20FT}
"""The service types of price recommendations (document: Get price recommendation)."""

TASK_STATUS_OF: Final = Words(
    {status.value.lower(): status for status in TaskStatus if status is not TaskStatus.UNKNOWN}, TaskStatus.UNKNOWN
)
"""A task's status by the vendor's word."""

BROADCAST_PREFERENCE_OF: Final = Words(
    {word: preference for preference, word in BROADCAST_PREFERENCE_WORDS.items()}, BroadcastPreference.UNKNOWN
)

VEHICLE_OF: Final = Words({word: vehicle for vehicle, word in VEHICLE_WORDS.items()}, VehicleType.UNKNOWN)

PROGRESS_OF: Final = Words(
    {
        # The document names a draft in its text only, and `pending_broadcast` in samples: its table has neither.
        "draft": Progress.PENDING,
        "pending_broadcast": Progress.PENDING,
        "broadcasting": Progress.IN_PROGRESS,
        "accepted": Progress.IN_PROGRESS,
        "pending_pickup": Progress.IN_PROGRESS,
        "pickup_arriving": Progress.IN_PROGRESS,
        "pending_delivery": Progress.IN_PROGRESS,
        "delivery_arriving": Progress.IN_PROGRESS,
        "complete": Progress.SUCCEEDED,
        # Final by assumption, because the vendor's diagram of transitions is lost.
        "unsuccessful_pickup": Progress.FAILED,
        "unsuccessful_delivery": Progress.FAILED,
        "expired": Progress.FAILED,
        "cancelled": Progress.CANCELLED,
    },
    # An unknown status counts as one that may still change, so that the record goes on being read.
    Progress.IN_PROGRESS,
)
"""A task's progress by the vendor's word."""

FINAL_OF: Final = Words({word: progress in FINAL_PROGRESS for word, progress in PROGRESS_OF.items()}, False)
"""Whether no further change will come, by the vendor's word."""
