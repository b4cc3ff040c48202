"""The enums of the schema: those of the records, registered with a description for every value."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import strawberry
from strawberry.types.enum import has_enum_definition

from resolvers.events.boards import BoardEventKind as ListEventKind
from resolvers.events.interface import StatusEventKind, StatusEventSource
from resolvers.upstream_states import UpstreamState
from resolvers.upstreams.deliveries.vocabulary import DeliveryStatus, DeliveryType
from resolvers.upstreams.logistics.vocabulary import BroadcastPreference, TaskStatus, TruckService, VehicleType
from resolvers.upstreams.names import Progress, UpstreamName
from resolvers.upstreams.sms.vocabulary import InvalidCharacters, SmsEncoding, SmsProcessStatus, SmsQos

UNKNOWN_WORD = "A word of the upstream that is not known here; refused as an input."

__all__ = [
    "BroadcastPreference",
    "DeliveryStatus",
    "DeliveryType",
    "InvalidCharacters",
    "ListEventKind",
    "ListOrder",
    "Progress",
    "SmsEncoding",
    "SmsProcessStatus",
    "SmsQos",
    "SortOrder",
    "StatusEventKind",
    "StatusEventSource",
    "TaskStatus",
    "TruckService",
    "UpstreamNameField",
    "UpstreamState",
    "VehicleType",
]

if TYPE_CHECKING:
    UpstreamNameField: TypeAlias = UpstreamName
else:
    # Resolved when the schema is built, because every upstream must be known by then.
    UpstreamNameField = Annotated["UpstreamNames", strawberry.lazy("schema.upstreams")]  # noqa: F821 - see there

Vocabulary = TypeVar("Vocabulary", bound=type[Enum])


def described(vocabulary: Vocabulary, description: str, name: str | None = None, **values: str) -> Vocabulary:
    """Register an enum with Strawberry.

    Args:
        vocabulary: The enum; its members' names become the GraphQL values.
        description: What the enum is for.
        name: Its name in the schema; None for its own.
        values: The description of each member; UNKNOWN has the same in all enums.
    """
    registered = strawberry.enum(vocabulary, name=name, description=description)
    texts = {"UNKNOWN": UNKNOWN_WORD} | values
    # Always so; the type checker learns of the attribute by it.
    if has_enum_definition(registered):
        for value in registered.__strawberry_definition__.values:
            # Fails for a member without a text, so that none is served without a description.
            value.description = texts[value.name]
    return registered


class ListOrder(Enum):
    """The order of a list by time."""

    OLDEST_FIRST = "OLDEST_FIRST"
    NEWEST_FIRST = "NEWEST_FIRST"


def is_newest_first(order: ListOrder | None) -> bool | None:
    """Return whether the newest comes first; None where the client leaves the order to the upstream."""
    return order is ListOrder.NEWEST_FIRST if isinstance(order, ListOrder) else None


# Here and in no vocabulary of an upstream, because no record has it.
class SortOrder(Enum):
    """The order of a list of tasks, in the upstream's words."""

    ASC = "ASC"
    DESC = "DESC"


described(
    ListEventKind,
    "What an event of a followed list says.",
    name="ListEventKind",
    SNAPSHOT="The list as it stands: sent first.",
    ENTERED="Something is new on the list, or matches its filter now.",
    CHANGED="Something on the list has another status, or was changed otherwise.",
    LEFT="Something matches no longer, no longer exists, or made room for something newer.",
    GAP="Events between `after` and this one are lost: a SNAPSHOT follows.",
    PROBLEM="The list cannot be read at the moment: see `problem`. Reading is tried again.",
)
described(
    ListOrder,
    "In which order of time a list is.",
    OLDEST_FIRST="The oldest is the first of the list.",
    NEWEST_FIRST="The newest is the first of the list.",
)
described(
    SortOrder,
    "How the upstream sorts a list; its documents do not say by what.",
    ASC="The upstream's `asc`, taken as the oldest first.",
    DESC="The upstream's `desc`, taken as the newest first.",
)
described(
    Progress,
    "Where a thing stands, in one vocabulary for all three upstreams.",
    PENDING="Nothing has begun yet.",
    IN_PROGRESS="It is under way.",
    SUCCEEDED="It is done, as asked.",
    FAILED="It is over, and was not done.",
    CANCELLED="It was called off.",
)
described(
    UpstreamState,
    "How an upstream does.",
    HEALTHY="It answers.",
    DEGRADED="Some of its latest calls failed, or it limits them and is asked more slowly.",
    UNAVAILABLE="It does not answer; calls to it fail at once until it has had time to recover.",
    UNCONFIGURED="The gateway's settings name no such upstream.",
)
described(
    DeliveryType,
    "What a delivery asks of the DSP.",
    DELIVERY="Put the product there for the first time.",
    UPDATE="Bring what is there up to date.",
    REDELIVERY="Send the whole product again.",
    DELETE="Take the product down.",
)
described(
    DeliveryStatus,
    "PROCESSING also covers the upstream's spelling 'procesing'; a word not known here is UNKNOWN, see rawStatus.",
    PENDING="Created, not started.",
    WAITING="Sent; the DSP has not acknowledged it yet.",
    PROCESSING="Being worked on.",
    COMPLETED="Acknowledged by the DSP.",
    ERROR="The delivery or its acknowledgement failed.",
)
described(
    SmsEncoding,
    "How an SMS is encoded, which decides how many characters fit.",
    STANDARD="GSM-7: 160 characters, 153 for each part of a longer text.",
    UTF_16="UTF-16: 70 characters, 67 for each part of a longer text.",
)
described(SmsQos, "How urgent an SMS job is.", NORMAL="Sent in its turn.", EXPRESS="Sent before jobs that are NORMAL.")
described(
    InvalidCharacters,
    "What becomes of characters that the STANDARD encoding lacks.",
    REFUSE="The whole job is refused.",
    REPLACE="Each becomes a blank.",
    TO_UTF16="The SMS is sent as UTF-16.",
    TRANSLITERATE="Each becomes its nearest likeness.",
)
described(
    SmsProcessStatus,
    "Where one SMS stands in the upstream's processing.",
    OPEN="Not sent yet, or to be tried again.",
    RUNNING="Sent; no delivery notification yet.",
    DONE="Over; `status` says with which outcome.",
    CANCELED="Cancelled before it was sent.",
    KILL="Cancelled after it was sent, without a notification.",
)
described(
    TaskStatus,
    "Where a logistics task stands.",
    DRAFT="Created, not offered to drivers.",
    PENDING_BROADCAST="About to be offered to drivers.",
    BROADCASTING="Offered to drivers.",
    CANCELLED="Called off by the merchant or an operator.",
    EXPIRED="No driver accepted it in time.",
    ACCEPTED="A driver has accepted it.",
    PENDING_PICKUP="The driver is on the way to the pickup.",
    PICKUP_ARRIVING="The driver is about to reach the pickup.",
    UNSUCCESSFUL_PICKUP="The goods could not be picked up.",
    PENDING_DELIVERY="The driver is on the way to the dropoff.",
    DELIVERY_ARRIVING="The driver is about to reach the dropoff.",
    UNSUCCESSFUL_DELIVERY="The goods could not be handed over.",
    COMPLETE="The goods were handed over.",
)
described(
    BroadcastPreference,
    "Which drivers a task is offered to.",
    MARINE="Those who serve ships.",
    SQUAD="The merchant's own squad.",
    ALL="Everyone.",
)
described(
    VehicleType,
    "The vehicle that a task needs.",
    LTL="Part of a lorry's load; no vehicle type of the price API.",
    MOTORCYCLE="A motorcycle.",
    CAR="A car.",
    MPV="A multi-purpose vehicle.",
    VAN_1_7M="A van of 1.7 metres.",
    VAN_2_4M="A van of 2.4 metres.",
    LORRY_10FT="A lorry of 10 feet.",
    LORRY_14FT="A lorry of 14 feet.",
    LORRY_20FT="A lorry of 20 feet; no vehicle type of the price API.",
    LORRY_24FT="A lorry of 24 feet.",
    LORRY_40FT="A lorry of 40 feet.",
)
described(
    TruckService,
    "How much of a truck a task takes.",
    FTL="The whole truck.",
    LTL="A part of its load.",
)
described(
    StatusEventKind,
    "Why a subscription sends an event.",
    SNAPSHOT="Where the thing stands now: sent first, once for each id.",
    CHANGE="The thing's status changed.",
    GAP="Events between `after` and this one are lost (older than the log keeps): a SNAPSHOT of each id follows.",
    PROBLEM="An id cannot be followed, or not read at the moment: see `problem`. The other ids go on.",
)
described(
    StatusEventSource,
    "How the gateway learnt of a change.",
    WEBHOOK="The upstream reported it.",
    POLL="It asked the upstream.",
    MUTATION="A mutation through the gateway made the change.",
)
