from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from gateway.http.compression import Compression, CompressionConfig
from gateway.subscriptions.connections import SubscriptionsConfig
from tests.subscriptions.feed import MAX_MESSAGE_BYTES, Feed, Served, build
from tests.subscriptions.identities import Identities
from tests.subscriptions.loopback import serving

Serve = Callable[..., AbstractAsyncContextManager[int]]


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def identities() -> Identities:
    return Identities()


@pytest.fixture
def config() -> SubscriptionsConfig:
    # With compression, which all clients of streams here accept by themselves.
    compression = Compression(CompressionConfig())
    return SubscriptionsConfig(
        max_message_bytes=MAX_MESSAGE_BYTES, operations_per_connection=3, compression=compression
    )


@pytest.fixture
def served(feed: Feed, identities: Identities, config: SubscriptionsConfig) -> Served:
    return build(feed, identities, config)


@pytest.fixture
async def port(served: Served) -> AsyncIterator[int]:
    async with serving(served.app, max_message_bytes=MAX_MESSAGE_BYTES) as port:
        yield port


@pytest.fixture
def serve(feed: Feed, identities: Identities) -> Serve:
    """Serve with another configuration than the usual one."""

    @asynccontextmanager
    async def serve(config: SubscriptionsConfig) -> AsyncIterator[int]:
        app = build(feed, identities, config).app
        async with serving(app, max_message_bytes=MAX_MESSAGE_BYTES) as port:
            yield port

    return serve
