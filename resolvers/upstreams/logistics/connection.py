"""What all groups of logistics operations share: configuration, a call and its answer, and the words of refusals.

The vendor's documents show no refusal.
"""

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlencode

from resolvers.errors import NotAllowedNow, UpstreamUnconfigured
from resolvers.upstreams.answers import ErrorBody, require_success
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.error_body import read_error_body
from resolvers.upstreams.logistics.paths import LogisticsPaths
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.request_body import request_body


def require_logistics_success(call: Call, answer: Answer) -> None:
    """Pass a success, and raise what any other answer means.

    Raises:
        NotAllowedNow: the status of the task forbids the operation.
        UpstreamError: the kind that fits the HTTP status.
    """
    if answer.status in {409, 422}:
        error_body = read_error_body(answer.body)
        if _status_forbids(call.operation, answer.status, error_body):
            said = error_body.words or f"HTTP {answer.status}"
            raise NotAllowedNow(call.upstream, f"The task's status forbids {call.operation}: {said}")
    require_success(call, answer, read_error_body)


def _status_forbids(operation: str, http_status: int, error_body: ErrorBody) -> bool:
    """Whether a 409 or 422 is about the status of a task.

    This is a guess, since the vendor documents the rule (Cancel Task) and not its answer: a code that speaks of the
    status says it for every operation; of a cancel, whose only input is the reason, all that does not speak of that.
    """
    if error_body.code is not None and "status" in error_body.code.lower():
        return True
    return operation == "cancel_task" and (http_status == 409 or "reason" not in (error_body.message or "").lower())


@dataclass(frozen=True, slots=True)
class LogisticsConfig:
    """One account at the logistics API; account lifetime.

    Args:
        base_url: What the paths stand below; a slash at its end is ignored.
        platform: Whether the account is a platform partner's, which lists, updates, drafts and has organizations.
        paths: Where the operations are.
        client_key: Names the partner; needed for its own record and for tokens.
        secret_key: Belongs to it; never shown.
    """

    base_url: str
    platform: bool = True
    paths: LogisticsPaths = field(default_factory=LogisticsPaths)
    client_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


_ACCEPT: Final = (("accept", "application/json"),)
_ACCEPT_AND_BODY: Final = (*_ACCEPT, ("content-type", "application/json"))


class LogisticsConnection:
    """Base of the logistics clients; account lifetime.

    Args:
        transport: Gets calls answered, with the account's credentials where they are needed.
        config: The account's addresses and keys.
    """

    def __init__(self, transport: Transport, config: LogisticsConfig) -> None:
        self._transport = transport
        self._config = config
        self._paths = config.paths
        self._base_url = config.base_url.rstrip("/")

    def _reading(self, scope: CallScope, operation: str, path: str, **query: str | int) -> Call:
        url = f"{self._base_url}{path}?{urlencode(query)}" if query else self._base_url + path
        return Call(
            UpstreamName.LOGISTICS,
            operation,
            "GET",
            url,
            scope.deadline,
            _ACCEPT,
            traces=scope.traces,
            turn_by=scope.turn_by,
        )

    def _writing(
        self, scope: CallScope, operation: str, path: str, body: object, method: Literal["POST", "PATCH"] = "POST"
    ) -> Call:
        return Call(
            UpstreamName.LOGISTICS,
            operation,
            method,
            self._base_url + path,
            scope.deadline,
            _ACCEPT_AND_BODY,
            request_body(body),
            repeatable=False,
            traces=scope.traces,
            turn_by=scope.turn_by,
        )

    async def _done(self, call: Call) -> Answer:
        """The answer of a success."""
        answer = await self._transport.send(call)
        require_logistics_success(call, answer)
        return answer

    async def _found(self, call: Call) -> Answer | None:
        """The answer of a success, or None where there is no such thing."""
        answer = await self._transport.send(call)
        if answer.status == 404:
            return None
        require_logistics_success(call, answer)
        return answer

    def _require_platform(self, operation: str) -> None:
        if not self._config.platform:
            raise UpstreamUnconfigured(
                UpstreamName.LOGISTICS,
                f"This LOGISTICS account has no platform operations, and {operation} is one; if it is a platform "
                "partner's, set GATEWAY_LOGISTICS__PLATFORM to true.",
            )

    def _require_keys(self, *keys: str | None) -> None:
        if not all(keys):
            raise UpstreamUnconfigured(
                UpstreamName.LOGISTICS,
                "This LOGISTICS account lacks its partner keys; set GATEWAY_LOGISTICS__CLIENT_KEY and "
                "GATEWAY_LOGISTICS__SECRET_KEY.",
            )
