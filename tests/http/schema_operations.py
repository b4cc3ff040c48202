"""Operations of a small Strawberry schema, run by graphql-core: what the endpoint serves in these tests."""

from inspect import isawaitable

import orjson
import strawberry
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from starlette.types import Scope
from strawberry.scalars import JSON as JSONScalar  # noqa: N811 - that is no constant

from gateway.operations.request import GraphQLRequest, Header, MutationByGet, Reply
from resolvers.errors import OperationTooExpensive, RateLimited


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello, {name}"

    @strawberry.field
    def echo(self, value: JSONScalar) -> JSONScalar:
        return value

    @strawberry.field
    def caller(self, info: strawberry.Info) -> str:
        return str(info.context["caller"])

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("this field always fails")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> bool:
        return True


class SchemaOperations:
    """Runs operations of the schema above; lives as long as a test.

    An operation by the name of `Costly`, `Hasty` or `Crash` meets an error of that kind before it is executed.

    Args:
        headers: Put on every reply.
    """

    def __init__(self, headers: tuple[Header, ...] = ()) -> None:
        self.requests: list[GraphQLRequest] = []
        self._schema = strawberry.Schema(Query, Mutation)._schema
        self._headers = headers

    async def run(self, request: GraphQLRequest, scope: Scope, caller: str) -> Reply:
        self.requests.append(request)
        _fail_by_name(request.operation_name)
        try:
            document = parse(request.query or "")
        except GraphQLSyntaxError as error:
            return _request_error([error])
        if errors := validate(self._schema, document):
            return _request_error(errors)
        operation = get_operation_ast(document, request.operation_name)
        if operation is not None and operation.operation is OperationType.MUTATION and not request.may_mutate:
            raise MutationByGet
        context = {"caller": caller, "method": scope["method"]}
        result = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=request.variables,
            operation_name=request.operation_name,
        )
        return self._reply(await result if isawaitable(result) else result)

    def _reply(self, result: ExecutionResult) -> Reply:
        errors = result.errors or []
        if result.data is None and all(error.path is None for error in errors):
            return _request_error(errors)
        return Reply(200, orjson.dumps(result.formatted), self._headers)


def _fail_by_name(name: str | None) -> None:
    if name == "Costly":
        raise OperationTooExpensive("It would take 301 upstream calls, and 300 are allowed.")
    if name == "Hasty":
        raise RateLimited("The calls of this minute are used up.", retry_after=12.3)
    if name == "Crash":
        raise ZeroDivisionError("planted: never to be shown")


def _request_error(errors: list[GraphQLError]) -> Reply:
    body = {"errors": [{**error.formatted, "extensions": {"code": "BAD_INPUT"}} for error in errors]}
    return Reply(400, orjson.dumps(body), executed=False)
