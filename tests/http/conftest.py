from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Scope

from gateway.http.cross_site import CrossSiteRule, ListedOrigins
from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.sandbox.server import serving
from resolvers.errors import Unauthenticated
from tests.http.schema_operations import SchemaOperations

LISTED = "https://app.example.com"
APP = "capacitor://localhost"
MAX_BODY_BYTES = 100_000


async def authenticate(scope: Scope) -> str:
    """Everybody is "anonymous" but those whose key is wrong."""
    if (b"x-api-key", b"wrong") in scope["headers"]:
        raise Unauthenticated("This API key is not known; send one that is.")
    return "anonymous"


@pytest.fixture
def operations() -> SchemaOperations:
    return SchemaOperations()


@pytest.fixture
def endpoint(operations: SchemaOperations) -> Endpoint[str]:
    config = EndpointConfig(MAX_BODY_BYTES, CrossSiteRule(listed=ListedOrigins((LISTED, APP))))
    return Endpoint(operations, authenticate, config)


@pytest.fixture
async def url(endpoint: Endpoint[str]) -> AsyncIterator[str]:
    async with serving(endpoint) as base:
        yield f"{base}/graphql"


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client
