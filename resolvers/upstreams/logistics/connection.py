"""What every group of logistics operations does alike: build a call, get it answered, refuse what the account lacks."""

from typing import Final, Literal
from urllib.parse import urlencode

from resolvers.errors import UpstreamUnconfigured
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.logistics.config import LogisticsConfig
from resolvers.upstreams.logistics.error_body import require_logistics_success
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.request_body import request_body

_ACCEPT: Final = (("accept", "application/json"),)
_ACCEPT_AND_BODY: Final = (*_ACCEPT, ("content-type", "application/json"))


class LogisticsConnection:
    """Base of the logistics clients; lives as long as the account that it speaks for.

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
