"""What one field's failure does to the others while they are executed by compiled functions."""

import asyncio
from typing import Final

import strawberry

from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.documents.documents import Documents
from gateway.operations.execution import core_schema
from tests.operations.compared import empty_context

LOOKED: Final[list[str]] = []


@strawberry.type
class Thing:
    """Notes each time that somebody looks at it."""

    @strawberry.field
    def look(self) -> str:
        LOOKED.append("look")
        return "seen"


@strawberry.type
class Query:
    """Has a field that comes later beside one that fails at once."""

    @strawberry.field
    async def thing(self) -> Thing:
        await asyncio.sleep(0)
        return Thing()

    @strawberry.field
    def wrong(self) -> int | None:
        raise ValueError("This is wrong.")


async def test_what_comes_after_another_field_has_failed_is_completed_by_graphql_core_alone() -> None:
    schema = strawberry.Schema(Query)
    document = Documents(core_schema(schema)).get("{ thing { look } wrong }")
    context = empty_context()

    result = await CompiledExecution(schema).execute(document, document.operation(None), None, context)
    for _ in range(10):
        await asyncio.sleep(0)

    assert result.data == {"thing": {"look": "seen"}, "wrong": None}
    assert LOOKED == ["look"]
