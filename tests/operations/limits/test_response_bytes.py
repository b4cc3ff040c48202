"""A response that grows too large is given up while it is written, over every transport."""

import tracemalloc
from typing import Any, Final

import orjson
import pytest

from gateway.operations.responses.encoding import ResponseWriter, encode_part
from tests.world import UNCACHED, running_world

SMALL: Final = {**UNCACHED, "GATEWAY_LIMITS__RESPONSE_BYTES": "3000"}
PAGE: Final = "{ deliveries(first: 50) { nodes { id status createdAt } } }"


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"a": []},
        {"a": [[]], "b": [[1, 2], [3]]},
        {"a": {"nodes": [{"id": str(number), "x": None} for number in range(20)], "total": 3}},
        {"a": {"nodes": [{"id": str(number), "x": {"y": [{"z": number}]}} for number in range(20)]}},
        {"a": [None, {"b": [1]}, None, {"c": {}}], 'with "quotes" ä': "ä\n"},
        {"a": [{"b": 2**70}, {"b": 1.5}]},
        {"a": [{"b": True, "c": [None, "x", 1]}] * 17},
        {"a": [{"b": "x" * 10_000, "c": [{"d": 1}]}] * 300, "e": "ä"},
        {"a": [{"b": [{"c": "x" * 3_000}] * 200}, None, {"b": None}, {"b": []}] * 3},
        {"a": ["x" * 100_000] * 7, "b": [["x" * 90_000], ["y" * 300_000]] * 3},
        {"a": orjson.loads("[" * 240 + "]" * 240)},
        {"a": "x" * 400_000, "b": [{"c": "x" * 400_000}, 1]},
    ],
)
def test_pieces_come_to_the_same_bytes(data: Any) -> None:  # noqa: ANN401 - any JSON value
    response = {"data": data, "errors": [{"message": "m", "path": ["a", 0]}]}

    body, whole = ResponseWriter().write(response)

    assert whole
    assert body == encode_part(response)


def nested(levels: int) -> Any:  # noqa: ANN401 - any JSON value
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("\ud800", "half of a surrogate pair"),
        ({"\udfff": 1}, "half of a surrogate pair"),
        ([{"x": "x" * 300_000}, {"x": "\ud83d"}], "half of a surrogate pair"),
        (nested(2_000), "nested too deeply"),
        ([{"x": "x" * 300_000}, nested(2_000)], "nested too deeply"),
    ],
)
def test_what_has_no_json_is_an_error_and_not_whole(value: object, why: str) -> None:
    body, whole = ResponseWriter().write({"data": {"a": value}})

    assert not whole
    decoded = orjson.loads(body)
    assert decoded["data"] is None
    assert why in decoded["errors"][0]["message"]
    assert decoded["errors"][0]["extensions"] == {"code": "UPSTREAM_BAD_ANSWER"}


def test_what_is_too_deep_for_the_estimate_is_written_up_to_the_limit() -> None:
    response = {"data": nested(600)}

    assert ResponseWriter(2_000).write(response) == (encode_part(response), True)
    assert ResponseWriter(1_000).write(response)[1] is False


@pytest.mark.parametrize("first", [[], [{"a0": None}]])
def test_what_is_too_large_is_given_up_long_before_it_is_built(first: list[Any]) -> None:
    attributes = {"text": "x" * 100_000}
    response = {"data": {"nodes": first + [{f"a{alias}": attributes for alias in range(20)}] * 200}}
    tracemalloc.start()
    body, whole = ResponseWriter(1_000_000).write(response)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert not whole
    assert orjson.loads(body)["errors"][0]["extensions"]["code"] == "OPERATION_TOO_EXPENSIVE"
    assert peak < 40_000_000, "400 MB would have been built"


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_response_above_the_limit_is_refused_by_name(accept: str) -> None:
    async with running_world(SMALL) as world:
        answer = await world.client.post(f"{world.url}/graphql", json={"query": PAGE}, headers={"accept": accept})
        small = await world.ask(PAGE.replace("50", "5"))
        metrics = (await world.client.get(f"{world.url}/metrics")).text

    assert '"data":null' in answer.text
    assert "OPERATION_TOO_EXPENSIVE" in answer.text
    assert "3000 bytes" in answer.text
    assert len(small.data["deliveries"]["nodes"]) == 5
    assert any("response" in line and line.endswith(" 1.0") for line in metrics.splitlines())


async def test_a_refused_response_is_not_kept() -> None:
    async with running_world({"GATEWAY_LIMITS__RESPONSE_BYTES": "3000"}) as world:
        answers = [await world.ask(PAGE) for _ in range(2)]

    assert [answer.codes for answer in answers] == [{"": "OPERATION_TOO_EXPENSIVE"}] * 2


async def test_an_event_above_the_limit_is_refused_by_name() -> None:
    aliases = " ".join(f"a{number}: createdAt b{number}: rawStatus" for number in range(25))
    query = f'subscription {{ statusChanged(ids: ["Delivery:1"]) {{ node {{ ... on Delivery {{ {aliases} }} }} }} }}'
    async with (
        running_world({**SMALL, "GATEWAY_LIMITS__RESPONSE_BYTES": "500"}) as world,
        world.client.stream(
            "POST", f"{world.url}/graphql", json={"query": query}, headers={"accept": "text/event-stream"}
        ) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                break

    assert "OPERATION_TOO_EXPENSIVE" in line
    assert "500 bytes" in line
