"""Types of records that a class does not decide: graphql-core finds them."""

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
import strawberry
from strawberry import Schema

from gateway.operations.execution import core_schema
from tests.operations.compared import Comparison, empty_context
from tests.operations.generated import Generator


@dataclass
class Record:
    """One class for two types."""

    name: str
    kind: str


RECORDS = [Record("Rex", "dog"), Record("Tom", "cat"), Record("Flint", "stone")]


def awaitable_schema() -> Schema:
    """Types with predicates that are coroutines."""

    @strawberry.interface
    class Being:
        name: str

    @strawberry.type
    class Dog(Being):
        @classmethod
        async def is_type_of(cls, value: Any, _info: object) -> bool:  # noqa: ANN401 - any record
            return bool(value.kind == "dog")

    @strawberry.type
    class Cat(Being):
        @classmethod
        async def is_type_of(cls, value: Any, _info: object) -> bool:  # noqa: ANN401 - any record
            return bool(value.kind == "cat")

    return schema_of(Being, Dog, Cat)


def deciding_schema() -> Schema:
    """Types with predicates that look at more than a class."""

    @strawberry.interface
    class Being:
        name: str

    @strawberry.type
    class Dog(Being):
        @classmethod
        def is_type_of(cls, value: Any, _info: object) -> bool:  # noqa: ANN401 - any record
            return bool(value.kind == "dog")

    @strawberry.type
    class Cat(Being):
        @classmethod
        def is_type_of(cls, value: Any, _info: object) -> bool:  # noqa: ANN401 - any record
            return bool(value.kind == "cat")

    return schema_of(Being, Dog, Cat)


def resolving_schema() -> Schema:
    """An interface that finds types by itself, by a coroutine."""

    @strawberry.interface
    class Being:
        name: str

        @classmethod
        async def resolve_type(cls, value: Any, *_: object) -> str | None:  # noqa: ANN401 - any record
            return {"dog": "Dog", "cat": "Cat"}.get(value.kind)

    @strawberry.type
    class Dog(Being):
        @classmethod
        def is_type_of(cls, *_: object) -> bool:
            return True

    @strawberry.type
    class Cat(Being):
        @classmethod
        def is_type_of(cls, *_: object) -> bool:
            return True

    return schema_of(Being, Dog, Cat)


def schema_of(being: type, dog: type, cat: type) -> Schema:
    def all_of_them() -> object:
        return RECORDS[:2]

    def one_of(number: int) -> object:
        return RECORDS[number]

    @strawberry.type
    class Query:
        beings = strawberry.field(resolver=all_of_them, graphql_type=list[being])  # type: ignore[valid-type]
        one = strawberry.field(resolver=one_of, graphql_type=being | None)
        that_dog = strawberry.field(resolver=one_of, graphql_type=dog | None)

    return Schema(Query, types=[dog, cat])


@pytest.mark.parametrize("make", [awaitable_schema, deciding_schema, resolving_schema])
async def test_types_are_found_as_graphql_core_finds_them(make: Any) -> None:  # noqa: ANN401 - a function
    schema = make()
    comparison = Comparison(schema, empty_context)
    numbers = {"number": ["0", "1", "2"]}
    generator = Generator(core_schema(schema), Random(1), {"one": numbers, "thatDog": numbers})  # noqa: S311 - a test's choice

    async for one in comparison.of(generator, 100):
        assert one.compiled == one.standard, one.query
    got = await comparison.response(comparison.compiled, "{ beings { __typename name } }", {})

    assert b'[{"__typename":"Dog","name":"Rex"},{"__typename":"Cat","name":"Tom"}]' in got
