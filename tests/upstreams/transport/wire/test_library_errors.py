"""Whatever the HTTP library raises is an error of ours."""

import inspect

import pyreqwest.exceptions
import pytest
from pyreqwest.exceptions import DetailedPyreqwestError, JSONDecodeError, PyreqwestError, StatusError

from resolvers.errors import UpstreamBadAnswer, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.transport.wire.library import LibraryPools, LibraryWire, translated
from tests.upstreams.transport.wire.talking_server import call_to

MEANINGS: dict[str, type[UpstreamError]] = {
    "PyreqwestError": UpstreamUnavailable,
    "DetailedPyreqwestError": UpstreamUnavailable,
    "RequestError": UpstreamUnavailable,
    "StatusError": UpstreamUnavailable,
    "RedirectError": UpstreamUnavailable,
    "DecodeError": UpstreamBadAnswer,
    "BodyDecodeError": UpstreamBadAnswer,
    "JSONDecodeError": UpstreamBadAnswer,
    "TransportError": UpstreamUnavailable,
    "RequestTimeoutError": UpstreamTimeout,
    "NetworkError": UpstreamUnavailable,
    "ConnectTimeoutError": UpstreamTimeout,
    "ReadTimeoutError": UpstreamTimeout,
    "WriteTimeoutError": UpstreamTimeout,
    "PoolTimeoutError": UpstreamTimeout,
    "ConnectError": UpstreamUnavailable,
    "ReadError": UpstreamUnavailable,
    "WriteError": UpstreamUnavailable,
    "ClientClosedError": UpstreamUnavailable,
    "BuilderError": UpstreamUnavailable,
    "RequestPanicError": UpstreamUnavailable,
}
NEVER_SENT = {"ClientClosedError", "BuilderError"}


def every_class() -> list[type[PyreqwestError]]:
    classes = inspect.getmembers(pyreqwest.exceptions, inspect.isclass)
    return [kind for _, kind in classes if issubclass(kind, PyreqwestError)]


def an_error(kind: type[PyreqwestError]) -> PyreqwestError:
    if issubclass(kind, JSONDecodeError):
        return kind("it failed", {"doc": "{", "pos": 0, "causes": None})
    if issubclass(kind, StatusError):
        return kind("it failed", {"causes": None, "status": 500})
    return kind("it failed", {"causes": None}) if issubclass(kind, DetailedPyreqwestError) else kind("it failed")


def test_no_error_of_the_library_is_forgotten() -> None:
    assert {kind.__name__ for kind in every_class()} == MEANINGS.keys()


@pytest.mark.parametrize("kind", every_class())
def test_every_error_of_the_library_is_one_of_ours(kind: type[PyreqwestError]) -> None:
    read = translated(call_to("http://upstream.test/"), an_error(kind))
    change = translated(call_to("http://upstream.test/", method="POST"), an_error(kind))

    assert type(read) is MEANINGS[kind.__name__]
    assert not read.outcome_unknown
    assert change.outcome_unknown == (kind.__name__ not in NEVER_SENT)


async def test_a_closed_client_is_unavailable_and_nothing_was_sent() -> None:
    pools = LibraryPools()
    await pools.close()

    with pytest.raises(UpstreamUnavailable) as failed:
        await LibraryWire(pools, max_answer_bytes=1000).send(call_to("http://127.0.0.1:1/", method="POST"))

    assert not failed.value.outcome_unknown
