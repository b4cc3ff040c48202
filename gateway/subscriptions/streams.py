"""The ASGI apps that answer a request with a stream of responses."""

from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from gateway.http.request import GraphQLRequest, Headers, check_post, decode_get, decode_post, headers_of, read_body
from gateway.http.request_id import REQUEST_ID
from gateway.subscriptions.admission import SubscriptionAdmission
from gateway.subscriptions.authentication import AuthenticateConnection
from gateway.subscriptions.config import SubscriptionsConfig
from gateway.subscriptions.framing import Framing
from gateway.subscriptions.open_connections import OpenConnections
from gateway.subscriptions.streamed_answer import StreamedAnswer
from gateway.subscriptions.subscriber import Subscriber


class Streams:
    """Serves operations as streams in one framing; process lifetime.

    Args:
        framing: How responses stand in the answer's body.
        subscriber: Runs operations.
        identify: Tells who is at the other end.
        connections: All that are open.
        config: What an operator may set.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        framing: Framing,
        subscriber: Subscriber,
        identify: AuthenticateConnection,
        connections: OpenConnections,
        config: SubscriptionsConfig,
        now: Callable[[], float],
    ) -> None:
        self._framing = framing
        self._subscriber = subscriber
        self._identify = identify
        self._connections = connections
        self._config = config
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            GatewayError: Before the answer has begun: who asks is unknown or has too much open, the request is none, or
                no subscription can begin.
        """
        answer = StreamedAnswer(self._framing, receive, send, self._config)
        admission = SubscriptionAdmission(self._identify, self._connections, self._now, answer.end)
        caller = await admission.admit(scope, None)
        try:
            headers = headers_of(scope)
            request = await self._read(scope, headers, receive)
            if scope["method"] == "HEAD":
                await answer.begin_only()
                return
            await self._subscriber.check(request, caller)
            responses = self._subscriber.responses(request, scope, caller, _last_event_id(headers))
            with self._connections.holding(answer):
                await answer.give(responses)
        finally:
            admission.leave()

    async def _read(self, scope: Scope, headers: Headers, receive: Receive) -> GraphQLRequest:
        request_id, limit = scope[REQUEST_ID], self._config.max_message_bytes
        if scope["method"] != "POST":
            return decode_get(scope["query_string"], request_id)
        check_post(headers, limit)
        return decode_post(await read_body(await receive(), receive, limit), request_id)


def _last_event_id(headers: Headers) -> str | None:
    return headers.get(b"last-event-id", b"").decode("latin-1") or None
