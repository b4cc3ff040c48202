"""Hostile upstreams and hostile ids: neither gets further than the field that it concerns."""

import json
from typing import Final
from urllib.parse import unquote

import pytest

from tests.scripted_gateway import ScriptedGateway

PRODUCT: Final = "/api/v1/products/1"
ATTRIBUTES: Final = '{ node(id: "Product:1") { ... on Product { attributes } } upstreams { name } }'

HOSTILE_IDS: Final = (
    "../../oauth/token",
    "..\\..\\x",
    "a/b",
    "a?filter[id]=2",
    "a#b",
    "a%2Fb",
    "a\r\nX-Injected: yes",
    "a\nb",
    "a\x00b",
    "a b",
    "é\U0001f600",
    "\u202e",
    "...",
)


def product(attribute: bytes) -> bytes:
    return b'{"data": {"type": "products", "id": "1", "attributes": {"name": "n", "odd": ' + attribute + b"}}}"


@pytest.mark.parametrize("own_id", [*HOSTILE_IDS, ".", "..", "x" * 257, ""])
@pytest.mark.parametrize("kind", ["Delivery", "Product", "SmsJob", "LogisticsTask", "Organization"])
async def test_what_cannot_be_an_id_is_refused_and_asks_nobody(victim: ScriptedGateway, kind: str, own_id: str) -> None:
    answer = await victim.ask("query($id: ID!) { node(id: $id) { id } }", {"id": f"{kind}:{own_id}"})

    assert answer.codes == {"node": "BAD_INPUT"}
    assert f"no id of a {kind}" in answer.json["errors"][0]["message"]
    assert victim.upstream.requests == []


@pytest.mark.parametrize("own_id", HOSTILE_IDS)
async def test_an_id_from_an_upstream_is_one_segment_of_a_path_whatever_is_in_it(
    victim: ScriptedGateway, own_id: str
) -> None:
    task = {"id": "t", "current_status": "complete", "org_id": own_id}
    victim.upstream.answer("GET", "/logistics/platform/tasks/t", json.dumps(task).encode())

    await victim.ask('{ logisticsTask(id: "t") { organization { id } } }')

    request = victim.upstream.requests[-1]
    prefix = "/logistics/platform/organizations/"
    assert request.path.startswith(prefix)
    assert "/" not in request.path.removeprefix(prefix)
    assert unquote(request.path.removeprefix(prefix)) == own_id
    assert request.query == ""
    assert "x-injected" not in request.headers


async def test_a_list_of_what_cannot_be_ids_is_refused_as_a_whole_beyond_a_hundred(victim: ScriptedGateway) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    few = await victim.ask(query, {"ids": ["x"] * 100})
    many = await victim.ask(query, {"ids": ["x"] * 49_000})

    assert len(few.json["errors"]) == 100
    assert [error["extensions"]["argumentPath"] for error in many.json["errors"]] == [["ids"]]


@pytest.mark.parametrize(
    "reference",
    ["about Delivery:../../oauth/token", "about LogisticsTask:a/b?c", "about Partner:1", "about Delivery:", "about x"],
)
async def test_a_reference_made_by_hand_reaches_nothing_but_what_the_caller_may_read(
    victim: ScriptedGateway, reference: str
) -> None:
    report = {"jobId": "j", "customerRef": reference, "recipientIds": []}
    victim.upstream.answer("GET", "/rest/v1/jobs/j", json.dumps(report).encode())

    answer = await victim.ask('{ smsJob(id: "j") { jobId regarding { id } } }')

    followed = [request for request in victim.upstream.requests if request.path != "/rest/v1/jobs/j"]
    assert answer.json["data"]["smsJob"]["regarding"] is None
    for request in followed:
        assert request.headers["authorization"] == "Bearer our token"
        assert request.path.count("/") == 4


@pytest.mark.parametrize("cursor", ["x", "WyJkZWxpdmVyaWVzIiw5XQ", "WyJvcmdhbml6YXRpb25zIiwtNV0", "\x00", "="])
async def test_a_cursor_of_another_list_or_of_nobodys_making_is_bad_input(victim: ScriptedGateway, cursor: str) -> None:
    answer = await victim.ask("query($c: String) { organizations(after: $c) { nodes { id } } }", {"c": cursor})

    assert answer.codes == {"organizations": "BAD_INPUT"}
    assert victim.upstream.requests == []


@pytest.mark.parametrize("levels", [2_000, 200_000])
async def test_an_answer_nested_too_deeply_is_a_bad_answer_at_its_field(victim: ScriptedGateway, levels: int) -> None:
    victim.upstream.answer("GET", PRODUCT, product(b"[" * levels + b"]" * levels))

    answer = await victim.ask(ATTRIBUTES)

    assert answer.codes == {"node": "UPSTREAM_BAD_ANSWER"}
    assert answer.json["data"]["upstreams"]


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 300 + b"]" * 300,
        b"123456789012345678901234567890",
        b'"' + b"\xe2\x80\xa8" + b'"',
        b"[" * 900 + b"]" * 900,
    ],
)
async def test_odd_values_that_are_json_pass_through_or_are_a_bad_answer(victim: ScriptedGateway, value: bytes) -> None:
    victim.upstream.answer("GET", PRODUCT, product(value))

    answer = await victim.ask(ATTRIBUTES)

    passed = answer.json["data"] and answer.json["data"]["node"]
    assert answer.status == 200
    assert set(answer.codes.values()) <= {"UPSTREAM_BAD_ANSWER"}
    assert passed is None or passed["attributes"]["odd"] == json.loads(value)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"data": 5}', b'{"data": {"type": 1, "id": {}}}', b"NaN", b"<p>"],
)
async def test_what_is_no_answer_is_a_bad_answer_at_its_field(victim: ScriptedGateway, body: bytes) -> None:
    victim.upstream.answer("GET", PRODUCT, body)

    answer = await victim.ask(ATTRIBUTES)

    assert answer.codes == {"node": "UPSTREAM_BAD_ANSWER"}
    assert answer.json["data"]["upstreams"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(victim: ScriptedGateway, status: int) -> None:
    victim.upstream.answer("GET", PRODUCT, status=status, headers={"location": "/elsewhere"})

    answer = await victim.ask(ATTRIBUTES)

    assert answer.codes == {"node": "UPSTREAM_BAD_ANSWER"}
    assert {request.path for request in victim.upstream.requests} == {PRODUCT}
