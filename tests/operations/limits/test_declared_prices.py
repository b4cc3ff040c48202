"""No field is without a cost: it is declared with the field, estimates are made of it, and no schema lacks it."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final, TypeAlias

import pytest
import strawberry
from graphql import GraphQLSchema

from gateway import live
from gateway.operations.cost.estimates import Cost, CostConfig, Costs
from gateway.operations.documents.documents import Documents
from gateway.operations.execution import core_schema
from resolvers.upstreams import operations
from schema import root
from schema.mutation import Mutation
from schema.prices import (
    FREE,
    UNBOUNDED,
    WHOLE_PAGE,
    Call,
    CallForEach,
    Calls,
    Change,
    ListOf,
    ListSize,
    NumberedPage,
    PageByArgument,
    PageByFirst,
    PageSize,
    RecordById,
    priced,
)
from schema.query import Query
from schema.root import UndeclaredCost, require_declared_prices
from schema.subscription import Subscription
from tests.world import running_world


async def asks(info: strawberry.Info) -> str:
    return str(info)


@strawberry.type
class Found:
    name: str


@strawberry.type
class Lost:
    name: str


@strawberry.interface
class Reaching:
    reached: str = strawberry.field(resolver=asks)
    overridden: str


@strawberry.type
class Thing(Reaching):
    asked: str = strawberry.field(resolver=asks)
    overridden: str = strawberry.field(resolver=asks, metadata=priced(FREE))
    nodes: list[Found]
    tasks: list[Found] | None
    either: list[Annotated[Found | Lost, strawberry.union("Either")]]
    names: list[str]


@strawberry.type
class ThingConnection:
    nodes: list[Thing] = strawberry.field(metadata=priced(size=WHOLE_PAGE))


@strawberry.type
class Surprising(Query):
    thing: Thing
    things: ThingConnection
    listed: list[Found]


@strawberry.type
class Following(Subscription):
    @strawberry.subscription
    async def thing_changed(self) -> AsyncIterator[str]:
        yield ""


def test_whatever_may_cost_calls_or_be_long_is_refused_by_name_until_it_is_declared() -> None:
    schema = core_schema(strawberry.Schema(Surprising, subscription=Following))

    with pytest.raises(UndeclaredCost) as refused:
        require_declared_prices(schema)

    named, _, remedy = str(refused.value).removeprefix("No cost is declared for ").partition(":")
    assert set(named.split(", ")) == {
        *("Surprising.thing", "Surprising.things", "Surprising.listed", "Following.thingChanged"),
        *("Thing.asked", "Thing.reached", "Thing.nodes", "Thing.tasks", "Thing.either"),
        *("Reaching.reached", "Thing.overridden"),
    }
    assert "metadata=priced(" in remedy
    assert "schema/prices.py" in remedy


def test_a_schema_is_not_built_with_a_field_whose_cost_is_not_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "Query", Surprising)

    with pytest.raises(UndeclaredCost, match=r"Surprising\.thing"):
        root.build_schema()


async def test_a_gateway_does_not_start_with_a_field_whose_cost_is_not_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(root, "Query", Surprising)
    # Another test's app has left the schema behind that this process builds once.
    live._schema_with.cache_clear()

    with pytest.raises(UndeclaredCost, match=r"Surprising\.thing"):
        async with running_world():
            pass


def test_a_query_or_a_mutation_without_a_declared_cost_is_refused_by_name() -> None:
    async def resolve() -> str:
        return ""

    @strawberry.type
    class Wider(Query):
        surprise: str = strawberry.field(resolver=resolve)

    @strawberry.type
    class Wilder(Mutation):
        change_surprise: str = strawberry.mutation(resolver=resolve)

    schema = strawberry.Schema(Wider, Wilder)

    with pytest.raises(UndeclaredCost, match=r"Wider\.surprise.*Wilder\.changeSurprise"):
        require_declared_prices(core_schema(schema))


Declared: TypeAlias = tuple[Calls | None, PageSize | ListSize | None]

PAGE: Final = NumberedPage(operations.TASKS, "LogisticsTask")
OWNERS: Final = CallForEach(operations.ORGANIZATION, "Organization")
ORDER: Final = Change(operations.CREATE_TASKS, "LogisticsTask", "nodes")
SIZE: Final = PageByFirst(5, 9)
NAMES: Final = PageByArgument("names")

PRICES: Final[Mapping[str, Declared]] = {
    "shelf": (PAGE, SIZE),
    "owner": (OWNERS, None),
    "parts": (None, UNBOUNDED),
    "order": (ORDER, NAMES),
}


def shop(**others: Declared) -> GraphQLSchema:
    """A schema whose fields have these prices in place of `PRICES`."""
    prices = {name: priced(*price) for name, price in {**PRICES, **others}.items()}

    @strawberry.type
    class Owner:
        name: str

    def owned() -> Owner:
        return Owner(name="")

    @strawberry.type(name="LogisticsTask")
    class Task:
        name: str
        parts: list[Owner] = strawberry.field(metadata=prices["parts"])
        owner: Owner = strawberry.field(resolver=owned, metadata=prices["owner"])

    @strawberry.type
    class Shelf:
        nodes: list[Task] = strawberry.field(metadata=priced(size=WHOLE_PAGE))

    def shelved(first: int | None = None) -> Shelf:
        return Shelf(nodes=[][:first])

    def ordered(names: list[str]) -> Shelf:
        return shelved(len(names))

    @strawberry.type
    class Shop:
        shelf: Shelf = strawberry.field(resolver=shelved, metadata=prices["shelf"])

    @strawberry.type
    class Desk:
        order: Shelf = strawberry.mutation(resolver=ordered, metadata=prices["order"])

    return core_schema(strawberry.Schema(Shop, Desk))


def cost(schema: GraphQLSchema, text: str) -> Cost:
    require_declared_prices(schema)
    document = Documents(schema).get(text)
    assert not document.errors
    return Costs(schema, CostConfig()).of(document, document.operation(None), {})


OWNED: Final = "{ shelf { nodes { owner { name } } } }"
SPREAD: Final = "{ shelf { ...A } } fragment A on Shelf { nodes { ... on LogisticsTask { owner { name } } } }"


@pytest.mark.parametrize(
    ("prices", "text", "calls", "nodes"),
    [
        ({"shelf": (FREE, SIZE)}, "{ shelf { nodes { name } } }", 0, 6),
        ({}, "{ shelf { nodes { name } } }", 1, 6),
        ({"shelf": (PAGE, PageByFirst(7, 9))}, "{ shelf { nodes { name } } }", 1, 8),
        ({"shelf": (PAGE, PageByFirst(7, 9))}, "{ shelf(first: 10) { nodes { name } } }", 1, 10),
        ({"owner": (FREE, None)}, OWNED, 1, 11),
        ({}, OWNED, 6, 11),
        ({}, SPREAD, 6, 11),
        ({}, "{ shelf { nodes { parts { name } } } }", 1, 56),
        ({"parts": (None, ListOf(3))}, "{ shelf { nodes { parts { name } } } }", 1, 21),
    ],
)
def test_an_estimate_is_made_of_what_the_fields_declare(
    prices: dict[str, Declared], text: str, calls: int, nodes: int
) -> None:
    estimated = cost(shop(**prices), text)

    assert (estimated.estimate, estimated.nodes) == (calls, nodes)


@pytest.mark.parametrize(
    ("order", "calls"),
    [
        (Change(operations.CREATE_TASKS), {operations.CREATE_TASKS: 1}),
        (Change(operations.UPDATE_TASK), {operations.UPDATE_TASK: 1}),
        (
            Change(operations.UPDATE_TASK, "LogisticsTask", "nodes", reads=2),
            {operations.UPDATE_TASK: 1, operations.TASK: 6, operations.ORGANIZATION: 3},
        ),
        (
            Change(operations.UPDATE_TASK, "LogisticsTask", "nodes", reads=2, reads_most=4),
            {operations.UPDATE_TASK: 1, operations.TASK: 4, operations.ORGANIZATION: 3},
        ),
    ],
)
def test_a_mutation_costs_what_it_declares(order: Change, calls: dict[operations.Operation, int]) -> None:
    schema = shop(order=(order, NAMES))

    estimated = cost(schema, 'mutation { order(names: ["a", "b", "c"]) { nodes { owner { name } } } }')

    assert estimated.calls == calls
    assert estimated.nodes == 1 + 3 + 3


@pytest.mark.parametrize(
    ("prices", "refused"),
    [
        ({"shelf": (None, SIZE)}, "Shop.shelf"),
        ({"shelf": (PAGE, None)}, "Shop.shelf"),
        ({"shelf": (PAGE, ListOf(3))}, "Shop.shelf"),
        ({"shelf": (OWNERS, SIZE)}, "Shop.shelf"),
        ({"shelf": (ORDER, SIZE)}, "Shop.shelf"),
        ({"owner": (None, None)}, "LogisticsTask.owner"),
        ({"owner": (Call(operations.PRICE), None)}, "LogisticsTask.owner"),
        ({"owner": (RecordById("Organization"), None)}, "LogisticsTask.owner"),
        ({"parts": (None, None)}, "LogisticsTask.parts"),
        ({"parts": (None, SIZE)}, "LogisticsTask.parts"),
        ({"order": (FREE, NAMES)}, "Desk.order"),
        ({"order": (ORDER, None)}, "Desk.order"),
    ],
)
def test_a_price_that_does_not_fit_its_field_is_refused(prices: dict[str, Declared], refused: str) -> None:
    require_declared_prices(shop())

    with pytest.raises(UndeclaredCost, match=f"^No cost is declared for {refused}: "):
        require_declared_prices(shop(**prices))
