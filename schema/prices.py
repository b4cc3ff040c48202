"""What a field costs, declared with the field itself.

The price of a field is metadata of its declaration::

    product = strawberry.field(resolver=..., graphql_type=..., metadata=priced(CallForEach(PRODUCT_OF, "Product")))

It has two parts. `calls` tells which upstream calls the field causes: each field of a root type has it, and each other
field with a resolver, `FREE` where it asks no upstream. `size` tells how many objects a list or a page holds. A schema
in which either is missing is refused, see `schema/root.py`. Prices are data: the estimates that
`gateway/operations/cost` makes before it executes an operation add them up.
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
    """No upstream is asked; a value."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, whatever is selected below; a value."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class RecordById:
    """What finding one record takes, and what is selected of it; a value.

    Args:
        kind: The record's GraphQL type.
        argument: Holds its global id, or the upstream's own.
    """

    kind: str
    argument: str = "id"


@dataclass(frozen=True, slots=True)
class RecordByGlobalId:
    """As `RecordById`, of the kind that the global id names; a value."""

    argument: str


@dataclass(frozen=True, slots=True)
class RecordsByGlobalIds:
    """What finding records of several kinds takes, and what is selected of them; a value."""

    argument: str


@dataclass(frozen=True, slots=True)
class DeliveriesPage:
    """A page of a list, and what is selected of its deliveries; a value.

    Args:
        operation: Reads a page.
        ids: The argument, and its member, that name some deliveries, which are then read by their ids.
    """

    operation: Operation
    ids: tuple[str, str]


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """A page of a list by its number, and what is selected of its records; a value.

    Whether there is a next page is seen on the next page only.

    Args:
        operation: Reads a page.
        kind: The records' GraphQL type.
    """

    operation: Operation
    kind: str


@dataclass(frozen=True, slots=True)
class JobsPage:
    """A page of the lists of SMS jobs of each data centre and window of time, and what is selected of the jobs.

    A value; the operation reads one such list.
    """

    operation: Operation


@dataclass(frozen=True, slots=True)
class RecipientsByJobId:
    """The recipients of one SMS job, and what is selected of them; a value."""

    argument: str


@dataclass(frozen=True, slots=True)
class CallForEach:
    """One call for each record that has the field, and what is selected of the records found; a value.

    Args:
        operation: The call.
        kind: The GraphQL type of what it finds.
    """

    operation: Operation
    kind: str


@dataclass(frozen=True, slots=True)
class RecipientsOfJob:
    """The recipients of each SMS job that has the field, and what is selected of them; a value."""


@dataclass(frozen=True, slots=True)
class JobOfRecipient:
    """The SMS job of each recipient that has the field, and what is selected of it; a value."""


@dataclass(frozen=True, slots=True)
class OneOfKinds:
    """One record for each record that has the field, of the kind that costs most; a value."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The calls of a mutation, and what is selected of its payload; a value.

    Args:
        operation: Its call; several things go upstream in chunks.
        kind: The GraphQL type of what it changes, where its payload holds that.
        place: The payload's field that does.
        reads: How often each thing is read at most, before its change or after one whose answer does not hold it.
        reads_most: How many reads there are in all at most; None if only `reads` bounds them.
    """

    operation: Operation
    kind: str | None = None
    place: str = ""
    reads: int = 0
    reads_most: int | None = None


@dataclass(frozen=True, slots=True)
class EventsByGlobalIds:
    """The start of a subscription: each thing is read, and what is selected of it; a value.

    Args:
        argument: Holds the global ids.
        place: The event's field that holds the thing.
    """

    argument: str
    place: str


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
"""What a field of Query costs."""

RecordCalls: TypeAlias = Free | CallForEach | RecipientsOfJob | JobOfRecipient | OneOfKinds
"""What a field of a record costs."""

Calls: TypeAlias = QueryCalls | RecordCalls | Change | EventsByGlobalIds


@dataclass(frozen=True, slots=True)
class PageByFirst:
    """A connection with as many nodes as its argument `first` says; a value.

    Args:
        usual: Where it is not given.
        most: The largest page that is served.
    """

    usual: int
    most: int


@dataclass(frozen=True, slots=True)
class PageByArgument:
    """A payload with one thing for each item of an argument; a value."""

    argument: str


@dataclass(frozen=True, slots=True)
class WholePage:
    """A list of as many objects as the page has that holds it, such as `nodes` of a connection; a value."""


@dataclass(frozen=True, slots=True)
class ListByArgument:
    """A list of one object for each item of an argument; a value."""

    argument: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of so many objects; a value."""

    count: int


PageSize: TypeAlias = PageByFirst | PageByArgument
"""How many objects the lists of a connection or of a payload hold."""

ListSize: TypeAlias = WholePage | ListByArgument | ListOf
"""How many objects a list holds."""

FREE: Final = Free()
WHOLE_PAGE: Final = WholePage()
UNBOUNDED: Final = ListOf(10)
"""What a list is taken for that no argument bounds, such as a task's items."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a field costs; a value.

    Args:
        calls: In upstream calls; None for a field that only shows what its parent holds.
        size: In objects of the response; None for one object.
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
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    price = definition.metadata.get(_KEY) if isinstance(definition, StrawberryField) else None
    return price if isinstance(price, Price) else NO_PRICE
