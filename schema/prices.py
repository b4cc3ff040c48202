"""The prices of fields, declared with the fields themselves.

The price of a field is metadata of its declaration::

    product = strawberry.field(resolver=..., graphql_type=..., metadata=priced(CallForEach(PRODUCT_OF, "Product")))

It has two parts. `calls` are the upstream calls that the field causes: each field of a root type has it, and each other
field with a resolver, `FREE` if it asks no upstream. `size` is the number of objects that a list or a page holds.
`schema/root.py` refuses a schema in which either is missing. Prices are data: before an operation is executed,
`gateway/operations/cost` adds them up to its estimate.

Each class here is one way to price a field. The estimate of a field is that of its own calls, and for each record that
it finds, that of the fields selected of the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from graphql import GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from resolvers.upstreams.operations import Operation


@dataclass(frozen=True, slots=True)
class Free:
    """No call; a value."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, independent of the selected fields; a value."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class RecordById:
    """The calls that read one record by its id; a value.

    Args:
        kind: The record's GraphQL type.
        argument: The argument with its global id, or the upstream's own.
    """

    kind: str
    argument: str = "id"


@dataclass(frozen=True, slots=True)
class RecordByGlobalId:
    """The calls that read one record of the kind that its global id names; a value.

    Args:
        argument: The argument with the global id.
    """

    argument: str


@dataclass(frozen=True, slots=True)
class RecordsByGlobalIds:
    """The calls that read records of several kinds by their global ids; a value.

    Args:
        argument: The argument with the global ids.
    """

    argument: str


@dataclass(frozen=True, slots=True)
class DeliveriesPage:
    """The calls that read a page of deliveries; a value.

    Args:
        operation: The call that reads a page.
        ids: The argument and its member that list ids; if given, the deliveries are read by these instead.
    """

    operation: Operation
    ids: tuple[str, str]


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """The calls that read a page of a list whose upstream pages are numbered; a value.

    Args:
        operation: The call that reads one page of the upstream. If the client asks whether there is a next page, that
            is read too, because nothing else shows it.
        kind: The records' GraphQL type.
        filtered_by: The argument by which the gateway filters the list itself; None if the list has none.
    """

    operation: Operation
    kind: str
    filtered_by: str | None = None


@dataclass(frozen=True, slots=True)
class JobsPage:
    """The calls that read a page of SMS jobs from each data centre and window of time; a value.

    Args:
        operation: The call that reads the list of one data centre and window.
    """

    operation: Operation


@dataclass(frozen=True, slots=True)
class RecipientsByJobId:
    """The calls that read the recipients of one SMS job; a value.

    Args:
        argument: The argument with the job's id.
    """

    argument: str


@dataclass(frozen=True, slots=True)
class CallForEach:
    """One call for each parent record; a value.

    Args:
        operation: The call.
        kind: The GraphQL type of the records that it finds.
    """

    operation: Operation
    kind: str


@dataclass(frozen=True, slots=True)
class RecipientsOfJob:
    """The calls that read the recipients of each parent SMS job; a value."""


@dataclass(frozen=True, slots=True)
class JobOfRecipient:
    """The calls that read the SMS job of each parent recipient; a value."""


@dataclass(frozen=True, slots=True)
class JobsAboutRecord:
    """The calls that look through SMS jobs for those about the parent records, once for all of them; a value.

    The argument `first` is how many jobs are looked through, and the most that are found, since each is about one.
    """


@dataclass(frozen=True, slots=True)
class OneOfKinds:
    """The calls that read one record for each parent record; a value.

    Args:
        kinds: The GraphQL types that the record may have; the one that costs most is charged.
    """

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The calls of a mutation; a value.

    Args:
        operation: The call that makes the change; several records are changed in chunks.
        kind: The GraphQL type of the changed record; None if the payload does not hold it.
        place: The payload's field that holds the record.
        reads: How often each record is read at most: before its change, or after one whose answer does not hold it.
        reads_most: How many reads there are in all at most; None if only `reads` bounds them.
    """

    operation: Operation
    kind: str | None = None
    place: str = ""
    reads: int = 0
    reads_most: int | None = None


@dataclass(frozen=True, slots=True)
class EventsByGlobalIds:
    """The calls that read each followed record at the start of a subscription; a value.

    Args:
        argument: The argument with the global ids.
        place: The event's field that holds the record.
    """

    argument: str
    place: str


@dataclass(frozen=True, slots=True)
class EventsOfList:
    """The calls that read a list and its records at the start of a subscription; a value.

    Args:
        argument: The argument that names the list, by the one of its members that is given.
        places: The event's fields that hold records.
    """

    argument: str
    places: tuple[str, ...]


# Unions and no base class, because a price may stand in several of them; `schema/root.py` checks fields by them.
SubscriptionCalls: TypeAlias = EventsByGlobalIds | EventsOfList
"""The prices that a field of `Subscription` can have."""

QueryCalls: TypeAlias = (
    Free
    | Call
    | RecordById
    | RecordByGlobalId
    | RecordsByGlobalIds
    | DeliveriesPage
    | NumberedPage
    | JobsPage
    | RecipientsByJobId
)
"""The prices that a field of `Query` can have."""

# Without those by arguments: a field of a record is priced for each record that holds it.
RecordCalls: TypeAlias = Free | CallForEach | RecipientsOfJob | JobOfRecipient | JobsAboutRecord | OneOfKinds
"""The prices that a field of a record can have."""

Calls: TypeAlias = QueryCalls | RecordCalls | Change | SubscriptionCalls


@dataclass(frozen=True, slots=True)
class PageByFirst:
    """A connection with as many nodes as its argument `first` or `last` asks for; a value.

    Args:
        usual: The number of nodes without the argument.
        most: The largest number of nodes that is served.
    """

    usual: int
    most: int


@dataclass(frozen=True, slots=True)
class PageByArgument:
    """A payload with one record for each item of an argument; a value."""

    argument: str


@dataclass(frozen=True, slots=True)
class WholePage:
    """A list with an object for each record of its parent, such as `nodes` of a connection; a value."""


@dataclass(frozen=True, slots=True)
class ListByArgument:
    """A list with one object for each item of an argument; a value."""

    argument: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `count` objects; a value."""

    count: int


PageSize: TypeAlias = PageByFirst | PageByArgument
"""The sizes that a connection or a payload can have."""

ListSize: TypeAlias = WholePage | ListByArgument | ListOf
"""The sizes that a list can have."""

FREE: Final = Free()
WHOLE_PAGE: Final = WholePage()
UNBOUNDED: Final = ListOf(10)
"""The assumed size of a list that no argument bounds, such as a task's items."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a field; a value.

    Args:
        calls: Its upstream calls; None for a field that only shows what its parent holds.
        size: Its number of objects in the response; None for one object.
    """

    calls: Calls | None = None
    size: PageSize | ListSize | None = None


NO_PRICE: Final = Price()

_KEY: Final = "price"


def priced(calls: Calls | None = None, size: PageSize | ListSize | None = None) -> Mapping[str, Price]:
    """Return the metadata by which a field declares its price."""
    return {_KEY: Price(calls, size)}


def price_of(field: GraphQLField) -> Price:
    """Return the price that a field declares, `NO_PRICE` if it declares none."""
    # graphql-core's field has no metadata of ours; Strawberry's own, which it refers to, has.
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    price = definition.metadata.get(_KEY) if isinstance(definition, StrawberryField) else None
    return price if isinstance(price, Price) else NO_PRICE
