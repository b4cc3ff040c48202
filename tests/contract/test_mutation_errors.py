from collections.abc import Iterator

import pytest

from resolvers import errors
from resolvers.upstreams.names import UpstreamName
from schema.payloads import as_data

ABOUT_THE_CALLER: set[type[errors.GatewayError]] = {
    errors.Unauthenticated,
    errors.Forbidden,
    errors.OperationTooExpensive,
    errors.PersistedQueryNotFound,
    errors.NoSuchRecord,
    errors.EventsUnavailable,
}


def leaves(base: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    """The kinds that resolvers can raise; those of the server, which know HTTP, never reach a mutation."""
    ours = [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__]
    if not ours:
        yield base
    for kind in ours:
        yield from leaves(kind)


def raised(kind: type[errors.GatewayError]) -> errors.GatewayError:
    if issubclass(kind, errors.UpstreamError):
        return kind(UpstreamName.SMS, "It went wrong.")
    return kind("It went wrong.")


@pytest.mark.parametrize("kind", [kind for kind in leaves(errors.GatewayError) if kind not in ABOUT_THE_CALLER])
def test_every_error_about_the_request_becomes_data(kind: type[errors.GatewayError]) -> None:
    error = raised(kind)

    data = as_data(error)

    assert (data.message, data.retryable) == (error.message, error.retryable)


@pytest.mark.parametrize("kind", sorted(ABOUT_THE_CALLER, key=repr))
def test_an_error_about_the_caller_goes_on_as_it_is(kind: type[errors.GatewayError]) -> None:
    error = raised(kind)

    with pytest.raises(kind) as caught:
        as_data(error)

    assert caught.value is error
