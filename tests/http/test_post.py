import logging

import httpx
import pytest

from gateway.http.request import MAX_DEPTH
from tests.http.conftest import MAX_BODY_BYTES
from tests.http.schema_operations import SchemaOperations

RESPONSE_JSON = {"accept": "application/graphql-response+json"}


def nested(levels: int) -> str:
    return '{"query":"{hello}","variables":{"v":' + "[" * levels + "]" * levels + "}}"


async def post_text(client: httpx.AsyncClient, body: str | bytes) -> httpx.Response:
    return await client.post("", content=body, headers={"content-type": "application/json"})


def code_of(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert isinstance(error["message"], str)
    return str(error["extensions"]["code"])


async def test_a_query_is_answered_with_all_the_headers_that_an_answer_has(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{ hello caller }"})

    assert response.status_code == 200
    assert response.json() == {"data": {"hello": "Hello, world", "caller": "anonymous"}}
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


async def test_a_mutation_runs_by_post(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "mutation { touch }"})

    assert response.json() == {"data": {"touch": True}}


async def test_every_parameter_reaches_the_operation(client: httpx.AsyncClient, operations: SchemaOperations) -> None:
    body = {
        "query": "query A($n: String!) { hello(name: $n) } query B { caller }",
        "operationName": "A",
        "variables": {"n": "Zoë 🏃"},
        "extensions": {"trace": 1},
        "unknown": ["is", "ignored"],
    }

    response = await client.post("", json=body)

    assert response.json() == {"data": {"hello": "Hello, Zoë 🏃"}}
    (request,) = operations.requests
    assert (request.operation_name, request.extensions, request.may_mutate) == ("A", {"trace": 1}, True)


async def test_an_operation_with_a_failing_field_is_still_a_200(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{ hello broken }"}, headers=RESPONSE_JSON)

    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "Hello, world", "broken": None}


@pytest.mark.parametrize("body", [{"query": "{"}, {"query": "{ unknown }"}, {"query": "query ($i: ID!) { hello }"}])
async def test_a_request_error_is_a_400_for_new_clients_and_a_200_for_old_ones(
    client: httpx.AsyncClient, body: dict[str, str]
) -> None:
    new = await client.post("", json=body, headers=RESPONSE_JSON)
    old = await client.post("", json=body, headers={"accept": "application/json"})

    assert (new.status_code, old.status_code) == (400, 200)
    assert new.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert new.json() == old.json()
    assert "data" not in new.json()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"{", "no valid JSON"),
        (b'{"query":"\xff"}', "no valid JSON in UTF-8"),
        (b'{"query":"{hello}"} x', "no valid JSON"),
        (b'"{hello}"', "no GraphQL request"),
        (b"null", "no GraphQL request"),
        (b'{"query":7}', "$.query"),
        (b'{"query":"{hello}","variables":[]}', "$.variables"),
        (b'{"query":"{hello}","variables":"{}"}', "$.variables"),
        (b'{"query":"{hello}","operationName":{}}', "$.operationName"),
        (b'{"query":"{hello}","extensions":false}', "$.extensions"),
        (b"{}", "`query` is missing"),
        (b'{"query":null,"extensions":{"other":1}}', "`query` is missing"),
        (b' [{"query":"{hello}"},{"query":"{hello}"}]', "Batches are not accepted"),
    ],
)
async def test_a_body_that_is_no_graphql_request_is_refused_and_told_why(
    client: httpx.AsyncClient, operations: SchemaOperations, body: bytes, words: str
) -> None:
    response = await post_text(client, body)

    assert response.status_code == 400
    assert code_of(response) == "BAD_INPUT"
    assert words in response.json()["errors"][0]["message"]
    assert operations.requests == []


async def test_a_persisted_operation_needs_no_document(client: httpx.AsyncClient, operations: SchemaOperations) -> None:
    await client.post("", json={"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}})

    assert [request.query for request in operations.requests] == [None]


async def test_nesting_up_to_the_limit_is_accepted(client: httpx.AsyncClient) -> None:
    response = await post_text(client, nested(MAX_DEPTH))

    assert response.json() == {"data": {"hello": "Hello, world"}}


async def test_any_number_of_lists_side_by_side_is_accepted(client: httpx.AsyncClient) -> None:
    lists = ",".join(["[]"] * 10 * MAX_DEPTH)

    response = await post_text(client, '{"query":"{hello}","variables":{"v":[' + lists + "]}}")

    assert response.json() == {"data": {"hello": "Hello, world"}}


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 40_000])
async def test_deeper_nesting_is_refused_however_deep_it_is(client: httpx.AsyncClient, levels: int) -> None:
    response = await post_text(client, nested(levels))

    assert (response.status_code, code_of(response)) == (400, "BAD_INPUT")
    assert "nested too deeply" in response.json()["errors"][0]["message"]


async def test_deep_nesting_where_nothing_is_read_does_no_harm(client: httpx.AsyncClient) -> None:
    response = await post_text(client, '{"query":"{hello}","other":' + "[" * 40_000 + "]" * 40_000 + "}")

    assert (response.status_code, code_of(response)) == (400, "BAD_INPUT")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json;charset=utf-8",
        'Application/JSON; Charset="UTF-8"',
        "application/json ; v=1",
    ],
)
async def test_json_in_utf8_is_accepted_however_it_is_spelt(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("", content=b'{"query":"{hello}"}', headers={"content-type": content_type})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=iso-8859-1",
        "application/jsonx",
        "application/graphql",
    ],
)
async def test_any_other_body_is_refused_before_it_is_read(
    client: httpx.AsyncClient, operations: SchemaOperations, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}

    response = await client.post("", content=b'{"query":"{hello}"}', headers=headers)

    assert (response.status_code, code_of(response)) == (415, "BAD_INPUT")
    assert operations.requests == []


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}

    response = await client.post("", content=b"\x1f\x8b", headers=headers)

    assert (response.status_code, code_of(response)) == (415, "BAD_INPUT")


async def test_a_body_of_exactly_the_limit_is_accepted_and_a_byte_more_is_not(client: httpx.AsyncClient) -> None:
    body = b'{"query":"{hello}"}'

    fits = await post_text(client, body.ljust(MAX_BODY_BYTES))
    over = await post_text(client, body.ljust(MAX_BODY_BYTES + 1))

    assert fits.status_code == 200
    assert (over.status_code, code_of(over)) == (413, "BAD_INPUT")


async def test_wrong_credentials_are_refused_before_the_body_is_read(
    client: httpx.AsyncClient, operations: SchemaOperations
) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers={"x-api-key": "wrong"})

    assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"
    assert operations.requests == []


@pytest.mark.parametrize(("accept", "status"), [("application/json", 200), ("application/graphql-response+json", 400)])
async def test_an_operation_refused_for_its_cost_is_a_request_error(
    client: httpx.AsyncClient, accept: str, status: int
) -> None:
    body = {"query": "query Costly { hello }", "operationName": "Costly"}

    response = await client.post("", json=body, headers={"accept": accept})

    assert (response.status_code, code_of(response)) == (status, "OPERATION_TOO_EXPENSIVE")


async def test_a_caller_over_its_budget_is_told_when_to_come_back(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "query Hasty { hello }", "operationName": "Hasty"})

    assert (response.status_code, code_of(response)) == (429, "RATE_LIMITED")
    assert response.headers["retry-after"] == "13"
    assert response.json()["errors"][0]["extensions"] == {
        "code": "RATE_LIMITED",
        "retryable": True,
        "retryAfter": 12.3,
    }


async def test_an_unforeseen_error_is_masked_and_logged_under_the_request_id(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"query": "query Crash { hello }", "operationName": "Crash"}

    response = await client.post("", json=body, headers={"x-request-id": "crash-1"})

    assert (response.status_code, code_of(response)) == (500, "INTERNAL")
    assert "planted" not in response.text
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "crash-1" in record.getMessage()
    assert record.name == "gateway.http.endpoint"


async def test_large_numbers_in_variables_stay_exact(client: httpx.AsyncClient, operations: SchemaOperations) -> None:
    await post_text(client, b'{"query":"{hello}","variables":{"n":123456789012345678901234567890}}')

    assert operations.requests[0].variables == {"n": 123456789012345678901234567890}
