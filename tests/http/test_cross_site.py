import httpx
import pytest
from starlette.types import Scope

from gateway.http.compression import Compression, CompressionConfig
from gateway.http.cross_site import CrossSiteRule, ListedOrigins, OwnOrigin
from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.http.refusals import CrossSite
from gateway.sandbox.server import serving
from tests.http.conftest import APP, LISTED, MAX_BODY_BYTES, authenticate
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
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {"x-request-id", "idempotent-replayed"} <= set(exposed)
    assert "origin" in response.headers["vary"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("header", [{"accept": "text/plain"}, {"accept-encoding": "deflate, identity;q=0"}])
async def test_a_listed_origin_may_read_why_nothing_is_acceptable(
    operations: SchemaOperations, method: str, header: dict[str, str]
) -> None:
    rule = CrossSiteRule(listed=ListedOrigins((LISTED,)))
    config = EndpointConfig(MAX_BODY_BYTES, rule, compression=Compression(CompressionConfig()))
    async with (
        serving(Endpoint(operations, authenticate, config)) as base,
        httpx.AsyncClient(base_url=f"{base}/graphql", trust_env=False) as client,
    ):
        response = await client.request(
            method, "", params=QUERY, headers={"origin": LISTED, "sec-fetch-site": "cross-site", **header}
        )

    assert response.status_code == 406
    assert response.headers["access-control-allow-origin"] == LISTED


ASKED_BY_CLIENTS = (
    "apollographql-client-name,apollographql-client-version,apollo-require-preflight,authorization,baggage,"
    "content-type,idempotency-key,last-event-id,sentry-trace,traceparent,x-api-key,x-gateway-explain,x-request-id,"
    "x-requested-with"
)


def preflight(asked: str, origin: str = LISTED) -> dict[str, str]:
    return {
        "origin": origin,
        "sec-fetch-site": "cross-site",
        "access-control-request-method": "POST",
        "access-control-request-headers": asked,
    }


@pytest.mark.parametrize("origin", [LISTED, APP])
@pytest.mark.parametrize("asked", ["content-type", ASKED_BY_CLIENTS, "Content-Type, X-Requested-With"])
async def test_a_preflight_of_a_listed_origin_allows_the_headers_that_it_asks_for(
    client: httpx.AsyncClient, origin: str, asked: str
) -> None:
    response = await client.options("", headers=preflight(asked, origin))

    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["access-control-allow-methods"] == "GET, POST"
    assert response.headers["access-control-allow-headers"] == asked.lower()
    assert "origin" in response.headers["vary"]
    assert "access-control-request-headers" in response.headers["vary"]


@pytest.mark.parametrize("asked", ["", "a b", "x: y", "*,(", "a" * 3000])
async def test_what_is_no_list_of_headers_is_not_reflected(client: httpx.AsyncClient, asked: str) -> None:
    response = await client.options("", headers=preflight(asked))

    assert response.status_code == 204
    assert "access-control-allow-headers" not in response.headers


def test_an_operator_may_fix_the_headers_that_pages_may_send() -> None:
    rule = CrossSiteRule(listed=ListedOrigins((LISTED,)), headers=("content-type", "x-api-key"))
    asked = {b"access-control-request-method": b"POST", b"access-control-request-headers": b"content-type, baggage"}

    allowed = dict(rule.preflight_headers(asked, b"GET, POST"))[b"access-control-allow-headers"]

    assert allowed == b"content-type, x-api-key"


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


PUBLIC = "https://gw.example"


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "gateway", "gw.example", "evil.example", ""])
@pytest.mark.parametrize(
    ("origin", "own"),
    [
        (PUBLIC, True),
        ("https://GW.example:443", True),
        ("http://gw.example", False),
        ("http://127.0.0.1:8000", False),
        ("http://gateway", False),
        ("http://evil.example", False),
        ("https://evil.example", False),
    ],
)
def test_with_a_public_url_the_own_origin_is_that_and_no_other(scheme: str, host: str, origin: str, own: bool) -> None:
    headers = {b"host": host.encode(), b"origin": origin.encode(), b"sec-fetch-site": b"same-origin"}

    assert passes(CrossSiteRule(OwnOrigin(PUBLIC)), {"scheme": scheme}, headers) is own


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("localhost:8000", "http://localhost:8000", True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("app.localhost:8000", "http://app.localhost:8000", True),
        ("127.0.0.1:8000", None, True),
        ("127.0.0.1:8000", "http://127.0.0.1:9000", False),
        ("evil.example:8000", "http://evil.example:8000", False),
        ("evil.example:8000", "http://127.0.0.1:8000", False),
        ("evil.example:8000", None, False),
        ("127.0.0.1.evil.example", None, False),
    ],
)
def test_a_gateway_of_this_machine_answers_to_names_of_this_machine_only(
    host: str, origin: str | None, own: bool
) -> None:
    rule = CrossSiteRule(OwnOrigin("http://127.0.0.1:8000"))
    headers = {b"host": host.encode(), **({b"origin": origin.encode()} if origin else {})}

    assert rule.checks_names
    assert passes(rule, {"scheme": "http"}, headers) is own


def passes(rule: CrossSiteRule, scope: Scope, headers: dict[bytes, bytes]) -> bool:
    try:
        return rule.check(scope, headers) is None
    except CrossSite:
        return False


LISTED_AS = [
    ("https://APP.example.com:443", LISTED),
    ("https://app.example.com/", LISTED),
    ("capacitor://localhost", "capacitor://localhost"),
    ("ionic://localhost", "ionic://localhost"),
    ("tauri://localhost", "tauri://localhost"),
    ("http://localhost:*", "http://localhost:5173"),
    ("http://localhost:*", "http://localhost"),
    ("http://127.0.0.1:*", "http://127.0.0.1:3000"),
    ("https://[::1]:*", "https://[::1]:3000"),
]


@pytest.mark.parametrize(("listed", "sent"), LISTED_AS)
def test_a_listed_origin_may_be_spelt_as_operators_do(listed: str, sent: str) -> None:
    rule = CrossSiteRule(listed=ListedOrigins((listed,)))
    headers = {b"origin": sent.encode(), b"sec-fetch-site": b"cross-site"}

    assert rule.check({"scheme": "http"}, headers) == sent.encode()


@pytest.mark.parametrize("sent", ["http://localhost.evil.example:5173", "https://localhost:5173", "http://127.0.0.2:1"])
def test_a_port_that_may_be_any_is_that_of_its_own_host_and_scheme(sent: str) -> None:
    rule = CrossSiteRule(listed=ListedOrigins(("http://localhost:*", "http://127.0.0.1:*")))

    assert not passes(rule, {"scheme": "http"}, {b"host": b"gw.example", b"origin": sent.encode()})


@pytest.mark.parametrize(
    "listed",
    [
        "*",
        "app.example.com",
        "https://*.example.com",
        "https://app.example.com:*",
        "https://app.example.com/path",
        "null",
        "file://",
        "",
    ],
)
def test_what_is_no_origin_cannot_be_listed(listed: str) -> None:
    with pytest.raises(ValueError, match=r"is no origin|list each origin"):
        ListedOrigins((listed,))
