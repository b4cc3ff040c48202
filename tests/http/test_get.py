import httpx
import pytest

from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.sandbox.server import serving
from tests.http.conftest import authenticate
from tests.http.schema_operations import SchemaOperations


async def test_a_query_runs_by_get_with_all_its_parameters(
    client: httpx.AsyncClient, operations: SchemaOperations
) -> None:
    params = {
        "query": "query A($n: String!) { hello(name: $n) } query B { caller }",
        "operationName": "A",
        "variables": '{"n":"Zoë + 1"}',
        "extensions": '{"trace":1}',
        "utm": "ignored",
    }

    response = await client.get("", params=params)

    assert response.json() == {"data": {"hello": "Hello, Zoë + 1"}}
    assert response.headers["vary"] == "accept, accept-encoding, origin"
    assert (operations.requests[0].may_mutate, operations.requests[0].extensions) == (False, {"trace": 1})


async def test_empty_optional_parameters_are_as_good_as_none(
    client: httpx.AsyncClient, operations: SchemaOperations
) -> None:
    await client.get("?query={hello}&operationName=&variables=&extensions=")

    (request,) = operations.requests
    assert (request.operation_name, request.variables, request.extensions) == (None, None, None)


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_mutation_by_get_is_refused_whatever_the_client_accepts(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.get("", params={"query": "mutation { touch }"}, headers={"accept": accept})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_INPUT"}


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "query={hello}&variables=[]",
        "query={hello}&variables=7",
        "query={hello}&variables={",
        "query={hello}&extensions=%22x%22",
        "query={hello}&query={caller}",
        "query=%ff",
        "query={hello}&variables={%22a%22:" + "[" * 3000 + "]" * 3000 + "}",
        "query={hello}" + "&a=1" * 100,
    ],
)
async def test_a_query_string_that_is_no_graphql_request_is_refused(
    client: httpx.AsyncClient, operations: SchemaOperations, query_string: str
) -> None:
    response = await client.get(f"?{query_string}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_INPUT"}
    assert operations.requests == []


async def test_head_is_answered_as_get_but_for_the_body(client: httpx.AsyncClient) -> None:
    response = await client.head("", params={"query": "{ hello }"})

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len('{"data":{"hello":"Hello, world"}}'))


async def test_options_tells_the_methods(client: httpx.AsyncClient) -> None:
    response = await client.options("")

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused_with_those_that_are_not(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "", json={"query": "{ hello }"})

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_INPUT"}


@pytest.mark.parametrize(
    ("known", "status"), [('"v1"', 304), ('"v0", W/"v1"', 304), ("*", 304), ('"v2"', 200), (None, 200)]
)
async def test_an_answer_that_the_client_already_has_is_not_sent_again(known: str | None, status: int) -> None:
    operations = SchemaOperations(headers=((b"etag", b'"v1"'), (b"cache-control", b"private, no-cache")))
    headers = {} if known is None else {"if-none-match": known}

    async with (
        serving(Endpoint(operations, authenticate, EndpointConfig())) as base,
        httpx.AsyncClient(base_url=base, trust_env=False) as client,
    ):
        response = await client.get("/", params={"query": "{ hello }"}, headers=headers)

    assert response.status_code == status
    assert response.headers["etag"] == '"v1"'
    assert response.headers.get_list("cache-control") == ["private, no-cache"]
    assert response.headers["vary"] == "accept, accept-encoding, origin"
    assert bool(response.content) == (status == 200)
