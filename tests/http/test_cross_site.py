import httpx
import pytest
from starlette.types import Scope

from gateway.http.origin import CrossSiteRule
from gateway.http.refusals import CrossSite
from tests.http.conftest import LISTED
from tests.http.schema_operations import SchemaOperations

QUERY = {"query": "{ hello }"}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new", "same-origin, cross-site"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_that_another_site_caused_is_refused(
    client: httpx.AsyncClient, operations: SchemaOperations, method: str, site: str
) -> None:
    body = {"json": QUERY} if method == "POST" else {"params": QUERY}

    response = await client.request(method, "", headers={"sec-fetch-site": site}, **body)  # type: ignore[arg-type] # one of two

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert "access-control-allow-origin" not in response.headers
    assert operations.requests == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_a_request_of_our_own_pages_or_of_the_user_is_served(client: httpx.AsyncClient, site: str) -> None:
    response = await client.get("", params=QUERY, headers={"sec-fetch-site": site})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "file://", "http://localhost", "https://app.example.com.evil.example"],
)
async def test_a_foreign_origin_is_refused(client: httpx.AsyncClient, origin: str) -> None:
    response = await client.post("", json=QUERY, headers={"origin": origin})

    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


async def test_our_own_origin_is_served_without_cors(client: httpx.AsyncClient, url: str) -> None:
    response = await client.post("", json=QUERY, headers={"origin": url.removesuffix("/graphql")})

    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("body", [{"query": "{ hello }"}, {"query": 7}])
async def test_a_listed_origin_may_read_answers_and_refusals(
    client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    headers = {"origin": LISTED, "sec-fetch-site": "cross-site"}

    response = await client.post("", json=body, headers=headers)

    assert response.status_code == (200 if body == QUERY else 400)
    assert response.headers["access-control-allow-origin"] == LISTED
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "x-request-id" in response.headers["access-control-expose-headers"]
    assert "origin" in response.headers["vary"]


async def test_a_preflight_of_a_listed_origin_is_answered(client: httpx.AsyncClient) -> None:
    headers = {
        "origin": LISTED,
        "sec-fetch-site": "cross-site",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }

    response = await client.options("", headers=headers)

    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == LISTED
    assert response.headers["access-control-allow-methods"] == "GET, POST"
    assert set(response.headers["access-control-allow-headers"].split(", ")) == {
        "authorization",
        "content-type",
        "x-api-key",
        "x-request-id",
        "x-gateway-explain",
    }
    assert "origin" in response.headers["vary"]


async def test_a_preflight_of_any_other_origin_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}

    response = await client.options("", headers=headers)

    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "own"),
    [
        ("http", "gw.example", "http://gw.example", True),
        ("http", "gw.example:80", "http://gw.example", True),
        ("http", "GW.example", "https://gw.example", True),
        ("https", "gw.example:443", "https://gw.example", True),
        ("wss", "gw.example", "https://gw.example", True),
        ("ws", "[::1]:8000", "http://[::1]:8000", True),
        ("https", "gw.example", "http://gw.example", False),
        ("http", "gw.example:8000", "http://gw.example:8001", False),
        ("http", "gw.example", "http://user@gw.example", False),
        ("http", "", "http://", False),
    ],
)
def test_an_origin_is_ours_where_host_port_and_scheme_are(scheme: str, host: str, origin: str, own: bool) -> None:
    scope: Scope = {"scheme": scheme}
    headers = {b"host": host.encode(), b"origin": origin.encode()}

    try:
        passed = CrossSiteRule().check(scope, headers) is None
    except CrossSite:
        passed = False

    assert passed is own


@pytest.mark.parametrize("listed", ["https://APP.example.com:443", "https://app.example.com/"])
def test_a_listed_origin_may_be_spelt_as_operators_do(listed: str) -> None:
    rule = CrossSiteRule([listed])

    assert rule.check({"scheme": "http"}, {b"origin": LISTED.encode()}) == LISTED.encode()


@pytest.mark.parametrize(
    "listed", ["*", "app.example.com", "https://*.example.com", "https://app.example.com/path", ""]
)
def test_what_is_no_origin_cannot_be_listed(listed: str) -> None:
    with pytest.raises(ValueError, match="no origin"):
        CrossSiteRule([listed])
