"""A cursor belongs to the list that it came from: the same field with the same arguments."""

import base64
import json
from datetime import UTC, timedelta, timezone
from typing import Final

import pytest

from tests.world import Answer, World

PAGE: Final = "{ edges { cursor } pageInfo { endCursor hasNextPage } }"


def filled_in(arguments: str, world: World) -> str:
    """Arguments with instants around the simulators' present for their placeholders."""
    now = world.clock.now().astimezone(UTC)
    instants = {
        "EARLY": (now - timedelta(days=20)).isoformat(),
        "ABROAD": (now - timedelta(days=20)).astimezone(timezone(timedelta(hours=8))).isoformat(),
        "LATER": (now - timedelta(days=19)).isoformat(),
        "END": (now + timedelta(hours=1)).isoformat(),
    }
    for placeholder, instant in instants.items():
        arguments = arguments.replace(placeholder, f'"{instant}"')
    return arguments


async def read(world: World, field: str, arguments: str, after: str | None = None, first: int = 2) -> Answer:
    given = f"first: $first, after: $after, {filled_in(arguments, world)}"
    query = f"query($first: Int, $after: String) {{ page: {field}({given}) {PAGE} }}"
    return await world.ask(query, {"first": first, "after": after})


async def a_cursor(world: World, field: str, arguments: str = "") -> str:
    cursor = (await read(world, field, arguments)).data["page"]["pageInfo"]["endCursor"]
    assert isinstance(cursor, str), "the page is empty"
    return cursor


def assert_refused(world: World, answer: Answer) -> None:
    assert answer.codes == {"page": "BAD_INPUT"}
    (error,) = answer.json["errors"]
    assert error["extensions"]["argumentPath"] == ["after"]
    assert "pass one that came with the same arguments" in error["message"]
    assert world.requests == []


@pytest.mark.parametrize(
    ("field", "made_with", "used_with"),
    [
        ("deliveries", "", "filter: { status: COMPLETED }"),
        ("deliveries", "filter: { status: COMPLETED }", ""),
        ("deliveries", "filter: { status: COMPLETED }", "filter: { status: WAITING }"),
        ("deliveries", "filter: { type: DELIVERY }", "filter: { type: UPDATE }"),
        ("deliveries", 'filter: { ids: ["1", "2", "3"] }', 'filter: { ids: ["1", "2", "4"] }'),
        ("deliveries", 'filter: { createdFrom: "2020-01-01" }', 'filter: { createdTo: "2020-01-01" }'),
        ("deliveries", 'filter: { productId: "1" }', 'filter: { dspUploadIdentificationId: "1" }'),
        ("smsJobs", "", "open: true"),
        ("smsJobs", "open: false", ""),
        ("smsJobs", "open: false", "open: true"),
        ("smsJobs", "", "from: EARLY, to: END"),
        ("smsJobs", "from: EARLY", ""),
        ("smsJobs", "from: EARLY, to: END", "from: LATER, to: END"),
        ("smsJobs", "from: EARLY, to: END", "from: EARLY"),
        ("logisticsTasks", "order: ASC", "order: DESC"),
    ],
)
async def test_a_cursor_is_refused_under_other_arguments_than_its_own(
    world: World, field: str, made_with: str, used_with: str
) -> None:
    cursor = await a_cursor(world, field, made_with)

    answer = await read(world, field, used_with, cursor)

    assert_refused(world, answer)


@pytest.mark.parametrize(
    ("field", "made_with", "used_with"),
    [
        ("deliveries", "", "filter: {}"),
        ("deliveries", 'filter: { ids: ["1", "2", "3"] }', 'filter: { ids: ["3", "Delivery:1", "2", "1"] }'),
        ("deliveries", 'filter: { productId: "1" }', 'filter: { productId: "Product:1", status: null }'),
        ("smsJobs", "", "open: null"),
        ("smsJobs", "from: EARLY, to: END", "to: END, from: ABROAD"),
        ("logisticsTasks", "", "order: ASC"),
    ],
)
async def test_a_cursor_goes_on_under_the_same_arguments_however_they_are_written_and_with_any_first(
    world: World, field: str, made_with: str, used_with: str
) -> None:
    cursor = await a_cursor(world, field, made_with)
    both = await read(world, field, made_with, first=5)

    answer = await read(world, field, used_with, cursor, first=3)

    assert answer.data["page"]["edges"] == both.data["page"]["edges"][2:] != []


@pytest.mark.parametrize(
    ("field", "place"),
    [
        pytest.param("deliveries", ["deliveries", 4], id="deliveries, before their cursors named filters"),
        pytest.param(
            "smsJobs",
            ["sms jobs", "2024-01-01T00:00:00Z", "2024-01-31T00:00:00Z", 0, 4],
            id="jobs, before their cursors named windows",
        ),
        pytest.param("deliveries", {"list_name": "deliveries"}, id="nothing of ours"),
    ],
)
async def test_a_cursor_that_the_gateway_does_not_make_is_refused(world: World, field: str, place: object) -> None:
    answer = await read(world, field, "", made_up(place))

    assert_refused(world, answer)


@pytest.mark.parametrize(
    ("field", "step", "value"),
    [
        ("deliveries", 1, -1),
        ("deliveries", 1, "1"),
        ("smsJobs", 2, "2024-01-31T00:00:00"),
        ("smsJobs", 3, -1),
        ("smsJobs", 3, 2),
        ("smsJobs", 4, -1),
        ("smsJobs", 4, 2**31 - 1),
        ("smsJobs", 4, 10**30),
    ],
)
async def test_a_cursor_whose_place_is_none_is_refused(world: World, field: str, step: int, value: object) -> None:
    cursor = await a_cursor(world, field)
    place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    place[step] = value

    answer = await read(world, field, "", made_up(place))

    assert_refused(world, answer)


def made_up(place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


@pytest.mark.parametrize("other", ["smsJobs", "logisticsTasks", "organizations"])
async def test_a_cursor_of_another_field_is_refused(world: World, other: str) -> None:
    cursor = await a_cursor(world, other)

    answer = await read(world, "deliveries", "", cursor)

    assert_refused(world, answer)


@pytest.mark.parametrize(
    ("field", "arguments", "most"),
    [
        ("deliveries", 'filter: { ids: ["1", "2", "3", "4", "5", "6", "7"], status: COMPLETED }', 40),
        ("smsJobs", "from: EARLY, to: END, open: false", 120),
    ],
)
async def test_a_cursor_is_no_longer_for_the_arguments_that_it_belongs_to(
    world: World, field: str, arguments: str, most: int
) -> None:
    cursor = await a_cursor(world, field, arguments)

    assert len(cursor) <= most


@pytest.mark.parametrize(
    "bounds", ['from: "9999-12-20T00:00:00Z", to: "9999-12-31T00:00:00Z"', 'to: "0001-01-02T00:00:00Z"']
)
async def test_a_window_at_an_end_of_the_calendar_is_one_like_any_other(world: World, bounds: str) -> None:
    answer = await read(world, "smsJobs", bounds)

    assert answer.data["page"]["edges"] == []
