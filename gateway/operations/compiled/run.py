"""One run of a compiled operation: the values still to come, and what all its resolvers share.

`NotCovered` is the one way out: graphql-core then executes the operation.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, MutableSequence
from dataclasses import dataclass
from functools import partial
from types import CoroutineType
from typing import Any, Final, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.pyutils import Path, is_awaitable

from resolvers.cache.reads import FIELD
from resolvers.context import Context
from resolvers.later import Later

NOWHERE: Final = Path(None, "", None)
"""The path that resolvers are told: the real one differs from record to record."""

_FUTURES: Final = (asyncio.Future, asyncio.Task)
"""What loaders give, known by its class."""

Place: TypeAlias = dict[str, Any] | MutableSequence[Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What all executions of one operation share; plan lifetime.

    Args:
        schema: The whole schema.
        operation: What is executed.
        fragments: The document's, by name.
    """

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]


class Run:
    """One execution; operation lifetime.

    Args:
        compiled: The operation.
        variables: Their values.
        context: What the operation's resolvers share.
    """

    def __init__(self, compiled: Compiled, variables: Mapping[str, Any], context: Context) -> None:
        self.compiled = compiled
        self.variables = variables
        self.calls: dict[object, dict[str, Any]] = {}
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._finished: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._read_set = context.read_set

    def settle(self, value: Any, place: Place, key: Any, complete: "Callable[[Any, Run], Any]") -> None:  # noqa: ANN401 - see Place
        """Put a completed value where it belongs, now or when it comes.

        Args:
            value: A value, or something to wait for.
            place: The object or list that it belongs into.
            key: Under which name or number.
            complete: Turns the value into its part of the response.
        """
        kind = value.__class__
        if kind is CoroutineType:
            value = self._task(value, (place, key))
        elif kind is Later:
            make = value.make
            self.settle(value.source, place, key, lambda source, run: complete(make(source), run))
            return
        elif kind not in _FUTURES:
            if not hasattr(kind, "__await__"):
                place[key] = complete(value, self)
                return
            if not asyncio.isfuture(value):
                value = asyncio.ensure_future(value)
                self._tasks.append(value)
        if value.done():
            if self._read_set.stale:
                self._note_stale(value, place, key)
            place[key] = complete(value.result(), self)
            return
        self._under_way += 1
        value.add_done_callback(partial(self._arrived, place, key, complete))

    async def wait(self) -> None:
        """Wait until everything has arrived.

        Raises:
            Exception: whatever came first of what a resolver or a completion raised.
        """
        if self._failure is None and self._under_way:
            self._finished = self._loop.create_future()
            await self._finished
        if self._failure is not None:
            raise self._failure

    def fail(self, error: BaseException) -> None:
        """There will be no response: what arrives from now on is for nobody."""
        self._failure = self._failure or error

    def abandon(self) -> None:
        """Nobody waits for the response any more."""
        for task in self._tasks:
            task.cancel()

    def info(
        self, nodes: list[FieldNode], return_type: GraphQLOutputType, parent_type: GraphQLObjectType
    ) -> "GraphQLResolveInfo[Context]":
        """What graphql-core tells a resolver, but for the path."""
        return GraphQLResolveInfo(
            nodes[0].name.value if nodes else "",
            nodes,
            return_type,
            parent_type,
            NOWHERE,
            self.compiled.schema,
            self.compiled.fragments,
            None,
            self.compiled.operation,
            self.variables,  # type: ignore[arg-type]  # Strawberry's resolvers get the plain dict, in graphql-core's execution too
            self._context,
            is_awaitable,
            None,
            None,  # type: ignore[arg-type]  # for resolvers of streams, which are never compiled
        )

    def _task(self, coroutine: "Coroutine[Any, Any, Any]", field: tuple[Place, Any]) -> "asyncio.Task[Any]":
        """Run a resolver's coroutine, with its field known to all that it reads."""
        token = FIELD.set(field)
        try:
            task = self._loop.create_task(coroutine)
        finally:
            FIELD.reset(token)
        self._tasks.append(task)
        return task

    def _note_stale(self, future: "asyncio.Future[Any]", place: Place, key: Any) -> None:  # noqa: ANN401 - see Place
        if future in self._read_set.stale:
            self._read_set.placed(future, (place, key))

    def _arrived(
        self,
        place: Place,
        key: Any,  # noqa: ANN401 - see Place
        complete: "Callable[[Any, Run], Any]",
        future: "asyncio.Future[Any]",
    ) -> None:
        self._under_way -= 1
        if self._failure is None:
            if self._read_set.stale:
                self._note_stale(future, place, key)
            try:
                place[key] = complete(future.result(), self)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, `wait` raises it
                self.fail(error)
        elif not future.cancelled():
            future.exception()
        if (self._failure or not self._under_way) and self._finished is not None and not self._finished.done():
            self._finished.set_result(None)


class NotCovered(Exception):
    """Compiled execution does not cover this operation, or this response: graphql-core takes over.

    It never reaches a client. Raised as well where a value is not what the schema promises: the error that this makes,
    its path and what it takes with it are graphql-core's to say.
    """
