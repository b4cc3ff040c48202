"""One execution of a compiled operation: the values that are awaited, and what all its resolvers share.

Theory of operation
-------------------
A compiled function never awaits. It hands each resolver's value to `Run.settle` with the place that it belongs to, a
key of an object or an index of a list of the response::

    value at hand                       -> completed and put into its place at once
    future (what loaders return), Later -> a callback completes it when it arrives
    coroutine, other awaitable          -> runs as a task, then like a future

To complete a value may settle further ones. `wait` returns when none is left. The first error ends the run, since
graphql-core then executes the operation from the start; what arrives afterwards is dropped.
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
"""The path in a resolver's info. One info serves all records of a field, so it cannot have their paths."""

_FUTURES: Final = (asyncio.Future, asyncio.Task)
"""The classes of what loaders return, to be recognized by class, which is faster than `isinstance`."""

Place: TypeAlias = dict[str, Any] | MutableSequence[Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What all executions of one operation share; plan lifetime.

    Args:
        schema: The schema.
        operation: The operation.
        fragments: The document's fragments, by name.
    """

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]


class Run:
    """One execution; operation lifetime.

    Args:
        compiled: The operation.
        variables: The coerced values of its variables.
        context: The context of the operation's resolvers.

    Attributes:
        calls: The prepared arguments of each `ResolverCall`.
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
        carried = context.scope.context
        self._recorder = None if carried is None else carried.recorder

    def settle(self, value: Any, place: Place, key: Any, complete: "Callable[[Any, Run], Any]") -> None:  # noqa: ANN401 - see Place
        """Complete a value and put it into its place, now or when it arrives.

        Args:
            value: A value, or an awaitable of it.
            place: The object or list of the response.
            key: The response name in the object, or the index in the list.
            complete: Completes the value to its part of the response.
        """
        # By class, because this runs once per field with a resolver: most values are futures of loaders or at hand.
        kind = value.__class__
        if kind is CoroutineType:
            value = self._task(value, (place, key))
        elif kind is Later:
            # Waits for its source directly, which saves a task. `instead` is left out: where the source fails, the run
            # fails too, and graphql-core awaits the `Later` itself.
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
        # A callback on an ended future would run in a later turn of the event loop.
        if value.done():
            if self._read_set.stale:
                self._note_stale(value, place, key)
            place[key] = complete(value.result(), self)
            return
        if self._recorder is not None:
            self._recorder.waits(place, key, value)
        self._under_way += 1
        value.add_done_callback(partial(self._arrived, place, key, complete))

    async def wait(self) -> None:
        """Wait until all values have arrived.

        Raises:
            Exception: The first error of a resolver or completion.
        """
        # The future is made only if something is left to wait for: many runs complete without a turn of the event loop.
        if self._failure is None and self._under_way:
            self._finished = self._loop.create_future()
            await self._finished
        if self._failure is not None:
            raise self._failure

    def fail(self, error: BaseException) -> None:
        """End the run by an error: values that arrive from now on are dropped."""
        self._failure = self._failure or error

    def abandon(self) -> None:
        """Cancel the tasks of the run, because its response is not awaited any more."""
        for task in self._tasks:
            task.cancel()

    def info(
        self, nodes: list[FieldNode], return_type: GraphQLOutputType, parent_type: GraphQLObjectType
    ) -> "GraphQLResolveInfo[Context]":
        """Return the info that graphql-core passes to resolvers, except for the path."""
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
        # A task copies the context variables when it is created.
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
        # After a failure nothing is completed, because completing calls further resolvers.
        if self._failure is None:
            if self._read_set.stale:
                self._note_stale(future, place, key)
            try:
                place[key] = complete(future.result(), self)
            # Also the cancellation of the awaited task, which is no `Exception`; here it is the value's error.
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - `wait` raises it
                self.fail(error)
        elif not future.cancelled():
            # The event loop logs an exception that nothing retrieves.
            future.exception()
        if (self._failure or not self._under_way) and self._finished is not None and not self._finished.done():
            self._finished.set_result(None)


class NotCovered(Exception):
    """Compiled execution does not cover this operation or this response, so that graphql-core executes it.

    Also raised where a value violates the schema, because graphql-core decides the error, its path and which parents
    become null. It never reaches a client.
    """
