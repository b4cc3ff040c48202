"""Runs an operation over a connection that stays open, a subscription above all, and gives out its responses.

A subscription may begin after an event that the client names in `Last-Event-ID` instead of its document.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.compiled.plan import CompiledEvents, CompiledExecution
from gateway.operations.documents.documents import Document
from gateway.operations.explain import plan_asked_for, traces_asked_for
from gateway.operations.refusals import MutationByGet
from gateway.operations.request import GraphQLRequest
from gateway.operations.responses.encoding import variables_key
from gateway.operations.responses.report import internal_error_body, report
from gateway.operations.stack import OperationStack
from gateway.subscriptions.response import Response, refusal, refusal_of
from gateway.subscriptions.run import SourceRefused, SubscriptionRun
from gateway.subscriptions.shared_responses import SharedResponses
from resolvers.context import Context
from resolvers.errors import BadInput, GatewayError
from resolvers.events.start import Start
from resolvers.upstreams.call import CallScope

RESUMING_ARGUMENT: Final = "after"


def resumed(schema: GraphQLSchema, document: DocumentNode, cursor: str) -> DocumentNode:
    """The document with the cursor as the argument `after` of every subscription field that has one.

    What a browser's EventSource sends when it reconnects is the same document and variables as before, and this
    header: it is the newer of the two, so it takes the place of any `after` given there.

    Args:
        schema: What the document was validated against.
        document: The client's; left as it is.
        cursor: The id of the last event that the client has received.
    """
    types = TypeInfo(schema)
    changed: DocumentNode = visit(document, TypeInfoVisitor(types, _Resuming(schema, types, cursor)))
    return changed


class _Resuming(Visitor):
    """Rewrites the fields at a subscription's root; lives as long as one visit."""

    def __init__(self, schema: GraphQLSchema, types: TypeInfo, cursor: str) -> None:
        super().__init__()
        self._root = schema.subscription_type
        self._types = types
        self._argument = ArgumentNode(
            name=NameNode(value=RESUMING_ARGUMENT), value=StringValueNode(value=cursor, block=False)
        )

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode | None:  # noqa: ANN401 - what graphql-core passes on
        definition = self._types.get_field_def()
        if self._types.get_parent_type() is not self._root or definition is None:
            return None
        if RESUMING_ARGUMENT not in definition.args:
            return None
        others = [one for one in node.arguments or () if one.name.value != RESUMING_ARGUMENT]
        return FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=(*others, self._argument),
            directives=node.directives,
            selection_set=node.selection_set,
        )


logger = logging.getLogger(__name__)


class Subscriber:
    """Runs operations over connections that stay open; process lifetime.

    Args:
        schema: What is executed.
        execution: Executes events.
        stack: Says which subscriptions run, and runs queries and mutations, which such connections carry as well.
        deadline_seconds: What one event may take from the source to its response.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        execution: CompiledExecution,
        stack: OperationStack,
        deadline_seconds: float,
    ) -> None:
        self._schema = schema
        self._execution = execution
        self._stack = stack
        self._deadline_seconds = deadline_seconds
        self._shared = SharedResponses(time.monotonic)

    def responses(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, last_event_id: str | None = None
    ) -> AsyncGenerator[Response, None]:
        """Run an operation; whatever goes wrong from now on is a response.

        The next event is taken from the source only once the response before it has been, so a client that does
        not read leaves its events where they are bounded.

        Args:
            request: What is to be run.
            scope: ASGI's, of the connection.
            caller: Who asks.
            last_event_id: The cursor of the last event that the client has, where a header says so.

        Raises:
            MutationByGet: HTTP itself forbids it.
        """
        if not request.may_mutate and self._is_mutation(request):
            raise MutationByGet
        return self._guarded(self._responses(request, scope, caller, last_event_id), request.request_id)

    async def check(self, request: GraphQLRequest, caller: Caller) -> None:
        """Make sure that an operation can begin, where it is a subscription: this may take seconds.

        Args:
            request: What is to be run; what is wrong with it is a response, as of any operation.
            caller: Who asks.

        Raises:
            EventsUnavailable: No subscription can begin just now.
        """
        events = caller.account.events
        if events is None or not self._stack.limits.admit(request):
            return
        try:
            found = self._found(await self._stack.with_document(request))
        except GatewayError:
            return
        if found is not None and found[1].operation is OperationType.SUBSCRIPTION:
            await events.check()

    async def finish(self) -> None:
        """Wait for mutations whose clients have left."""
        await self._stack.mutations.finish()

    async def _guarded(
        self, responses: AsyncGenerator[Response, None], request_id: str
    ) -> AsyncGenerator[Response, None]:
        try:
            async with aclosing(responses):
                async for response in responses:
                    yield response
        except GatewayError as error:
            yield refusal(error)
        except Exception:
            logger.exception("Request %s met an error that nothing foresaw.", request_id)
            yield Response(internal_error_body(), refused=True)

    async def _responses(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, last_event_id: str | None
    ) -> AsyncGenerator[Response, None]:
        request = await self._stack.with_document(request)
        found = self._found(request)
        if found is None or found[1].operation is not OperationType.SUBSCRIPTION or plan_asked_for(scope):
            reply = await self._stack.operations.run(request, scope, caller)
            yield Response(reply.body, refused=not reply.executed)
            return
        start = await self._stack.admit_subscription(*found, request, caller)
        async with aclosing(self._followed(*found, request, scope, caller, last_event_id, start=start)) as followed:
            async for response in followed:
                yield response

    async def _followed(  # noqa: PLR0913 - what a run is made of
        self,
        document: Document,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        scope: Scope,
        caller: Caller,
        last_event_id: str | None,
        *,
        start: Start | None,
    ) -> AsyncGenerator[Response, None]:
        node = document.node
        assert node is not None  # noqa: S101 - it has been validated
        if last_event_id:
            node = resumed(self._schema, node, last_event_id)
        compiled = self._execution.events(document, operation, request.variables)
        new_context = partial(self._new_context, scope, caller, start)
        standard, writer = self._execution.standard, self._stack.writer
        explained = traces_asked_for(scope) is not None
        run = SubscriptionRun(
            standard, node, operation, request, compiled, new_context, writer=writer, explained=explained
        )
        asked = _asked(document, request, compiled, scope, caller)
        try:
            async for event in await run.source():
                yield await self._shared.response(asked, event, run.response)
        except SourceRefused as refused:
            if start is not None:
                await start.end()
            yield refusal_of(report(refused.errors, request.request_id))
        finally:
            await run.close()

    def _found(self, request: GraphQLRequest) -> tuple[Document, OperationDefinitionNode] | None:
        """The document and the operation in it; None where whoever runs queries is to say what is wrong."""
        if request.query is None:
            return None
        document = self._stack.documents.get(request.query)
        if document.errors:
            return None
        return document, document.operation(request.operation_name)

    def _is_mutation(self, request: GraphQLRequest) -> bool:
        try:
            found = self._found(request)
        except BadInput:
            return False
        return found is not None and found[1].operation is OperationType.MUTATION

    def _new_context(self, scope: Scope, caller: Caller, start: Start | None) -> Context:
        deadline = asyncio.get_running_loop().time() + self._deadline_seconds
        traces = traces_asked_for(scope)
        if traces is None and start is not None and not start.over:
            traces = []
        return Context(caller.account, CallScope(deadline, traces), start=start)


def _asked(
    document: Document, request: GraphQLRequest, compiled: CompiledEvents | None, scope: Scope, caller: Caller
) -> Hashable | None:
    """All that decides a response besides its event; None where that is meant for one client alone."""
    if traces_asked_for(scope) is not None:
        return None
    variables = request.variables or {}
    if compiled is not None:
        variables = {name: value for name, value in variables.items() if name in compiled.variables}
    return document.text, request.operation_name, variables_key(variables), caller.account.answer_identity
