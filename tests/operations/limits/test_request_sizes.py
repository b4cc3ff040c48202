"""What a request says too much of is refused before it takes any time."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.http.request import decode_post
from gateway.operations.documents.request_limits import RequestCounts, RequestLimits
from gateway.operations.responses.report import MAX_MESSAGE
from gateway.settings import load_settings
from tests.cpu_time import cpu_time
from tests.lifespan import lifespan_of
from tests.subscriptions.loopback import serving
from tests.subscriptions.socket_client import NEW, OLD, initialized

MB: Final = 1_000_000
PLAIN: Final = "{ __typename }"
NODES: Final = "nodes(ids: $i) { id }"
OF_IDS: Final = f"query ($i: [ID!]!) {{ {NODES} }}"
SEVERAL: Final = " ".join(f"a{number}: {NODES}" for number in range(50))

LARGE: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "comment": ("document", {"query": f"#{'x' * MB}\n{PLAIN}"}),
    "string": ("document", {"query": f'{{ delivery(id: "{"x" * MB}") {{ id }} }}'}),
    "block string": ("document", {"query": f'{{ delivery(id: """{"x" * MB}""") {{ id }} }}'}),
    "name": ("document", {"query": f"{{ {'x' * MB} }}"}),
    "number": ("document", {"query": f"{{ deliveries(first: {'1' * MB}) {{ totalCount }} }}"}),
    "blanks": ("document", {"query": PLAIN + " " * MB}),
    "characters of several bytes": ("document", {"query": f"#{'é' * 60_000}\n{PLAIN}"}),
    "beside a hash": (
        "document",
        {"query": PLAIN + " " * MB, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
    ),
    "ids": ("variables", {"query": OF_IDS, "variables": {"i": [1] * 480_000}}),
    "lists": ("variables", {"query": OF_IDS, "variables": {"i": [[]] * 300_000}}),
    "lists in lists": ("variables", {"query": PLAIN, "variables": {"i": [[[[[]]]]] * 90_000}}),
    "variables": ("variables", {"query": PLAIN, "variables": {f"v{number}": 1 for number in range(80_000)}}),
    "extensions": ("variables", {"query": PLAIN, "extensions": {f"v{number}": 1 for number in range(80_000)}}),
    "many uses": (
        "variables",
        {"query": f"query ($i: [ID!]!) {{ {SEVERAL} }}", "variables": {"i": ["Delivery:1"] * 1_100}},
    ),
    "many uses by a fragment": (
        "variables",
        {
            "query": f"query ($i: [ID!]!) {{ {' '.join(['...A'] * 50)} }} fragment A on Query {{ {NODES} }}",
            "variables": {"i": ["Delivery:1"] * 1_100},
        },
    ),
    "many uses of a default": (
        "variables",
        {"query": f"query ($i: [ID!]! = [{'1 ' * 1100}]) {{ {SEVERAL} }}"},
    ),
}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = create_app(load_settings({"GATEWAY_AUTH__ANONYMOUS": "true"}))
    async with lifespan_of(app), serving(app, max_message_bytes=2 * MB) as port:
        yield port


async def post(port: int, body: dict[str, Any], **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.post(f"http://127.0.0.1:{port}/graphql", json=body, headers=headers)


async def refused(port: int, part: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    line = f'gateway_large_requests_refused_total{{part="{part}"}} '
    return next(float(one.removeprefix(line)) for one in metrics.splitlines() if one.startswith(line))


@pytest.mark.parametrize("name", LARGE)
async def test_a_request_that_is_too_large_to_look_into_is_refused_and_counted(port: int, name: str) -> None:
    part, body = LARGE[name]

    answer = await post(port, body)

    assert answer.status_code == 413
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "BAD_INPUT"}
    assert "accepted" in error["message"]
    assert await refused(port, part) == 1


@pytest.mark.parametrize("name", ["comment", "ids"])
@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_a_stream_refuses_the_same(port: int, name: str, accept: str) -> None:
    part, body = LARGE[name]

    answer = await post(port, body, accept=accept)

    assert '"code":"BAD_INPUT"' in answer.text
    assert await refused(port, part) == 1


@pytest.mark.parametrize("name", ["comment", "ids"])
@pytest.mark.parametrize(("protocol", "start"), [(NEW, "subscribe"), (OLD, "start")])
async def test_a_socket_refuses_the_same(port: int, name: str, protocol: str, start: str) -> None:
    part, body = LARGE[name]

    async with initialized(port, protocol) as client:
        await client.say(start, "1", **body)
        while (message := await client.hear())["type"] == "ka":
            pass

    assert '"BAD_INPUT"' in json.dumps(message)
    assert await refused(port, part) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"query": f"#{'x' * 99_900}\n{PLAIN}"},
        {"query": OF_IDS, "variables": {"i": ["Delivery:1"] * 200}},
        {"query": PLAIN, "variables": {"unused": [1] * 19_000}},
        {"query": PLAIN, "variables": {"text": "[" * 500_000}},
        {"query": "query ($i: [ID!]! = [1]) { nodes(ids: $i) { id } }", "variables": {"i": ["Delivery:1"]}},
    ],
    ids=["document", "ids", "values", "brackets in text", "default"],
)
async def test_what_is_within_the_limits_is_run(port: int, body: dict[str, Any]) -> None:
    answer = await post(port, body)

    assert answer.status_code == 200
    assert "data" in answer.json()


@pytest.mark.parametrize(
    "body",
    [
        {
            "query": "query ($o: SortOrder) { logisticsTasks(order: $o) { nodes { id } } }",
            "variables": {"o": "A" * MB},
        },
        {"query": f"{{ {'x' * 99_000} }}"},
        {
            "query": "{"
            + " ".join(f'a{number}: deliveries(first: "{"x" * 4_700}") {{ totalCount }}' for number in range(20))
            + "}"
        },
        {
            "query": "mutation ($i: UpdateDeliveryInput!) { updateDelivery(id: 1, input: $i) { errors { message } } }",
            "variables": {"i": {"x" * MB: 1}},
        },
    ],
    ids=["value", "field", "arguments", "field of an input"],
)
async def test_errors_do_not_repeat_all_that_was_sent(port: int, body: dict[str, Any]) -> None:
    with cpu_time() as cpu:
        answer = await post(port, body)

    assert answer.json()["errors"]
    assert max(len(error["message"]) for error in answer.json()["errors"]) <= MAX_MESSAGE
    assert len(answer.content) < 30_000
    assert cpu.seconds < 1


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=30,
)


@given(
    query=st.text(min_size=1, max_size=40), variables=st.dictionaries(st.text(max_size=2), JSON), escaped=st.booleans()
)
def test_a_text_that_is_passed_for_its_shortness_would_have_been_passed_anyway(
    query: str, variables: dict[str, Any], escaped: bool
) -> None:
    limits = RequestLimits(document_bytes=60, variable_values=20, counts=RequestCounts())
    body = json.dumps({"query": query, "variables": variables}, ensure_ascii=escaped, separators=(",", ":"))
    request = decode_post(body.encode(errors="replace"), "request")

    assert request.size == len(body.encode(errors="replace"))
    assert limits.admit(request) is limits.admit(msgspec.structs.replace(request, size=None))
