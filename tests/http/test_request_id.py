import re

import httpx
import pytest

from tests.http.schema_operations import SchemaOperations


@pytest.mark.parametrize("given", ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "~" * 128])
async def test_a_valid_request_id_is_taken_over_and_echoed(
    client: httpx.AsyncClient, operations: SchemaOperations, given: str
) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers={"x-request-id": given})

    assert response.headers["x-request-id"] == given
    assert operations.requests[0].request_id == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "t\tab", "é"])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers=[(b"x-request-id", given.encode())])

    assert response.headers["x-request-id"] != given
    assert re.fullmatch("[!-~]{1,128}", response.headers["x-request-id"])


async def test_ids_of_our_own_differ_and_refusals_have_them_too(client: httpx.AsyncClient) -> None:
    served = await client.post("", json={"query": "{ hello }"})
    refused = await client.put("")
    options = await client.options("")

    assert len({answer.headers["x-request-id"] for answer in (served, refused, options)}) == 3
