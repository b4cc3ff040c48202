"""What mutations answer, and what their upstream was asked for it."""

from typing import Any

from resolvers.context import Context
from tests.contract.operations import execute
from tests.upstreams.recording_server import RecordingServer


def asked_of(upstream: RecordingServer) -> list[tuple[str, str]]:
    """The method and path of each request."""
    return [(request.method, request.path) for request in upstream.requests]


async def payload_of(document: str, variables: dict[str, Any], context: Context) -> dict[str, Any]:
    result = await execute(document, variables, context)
    assert result.errors is None
    assert result.data is not None
    payload: dict[str, Any] = result.data["answer"]
    return payload


def assert_unconfirmed(payload: dict[str, Any], about: str, *, shown: bool = False) -> None:
    """The change may stand, and the client is told to look before it sends it again.

    Args:
        payload: What the mutation answered.
        about: Part of the error's message.
        shown: Whether the thing stands beside the error.
    """
    (error,) = payload["errors"]
    assert (error["__typename"], error["outcomeUnknown"], error["retryable"]) == ("UpstreamFailed", True, False)
    assert about in error["message"]
    assert "before you send" in error["message"]
    assert [payload[place] is not None for place in payload if place != "errors"] == [shown]
