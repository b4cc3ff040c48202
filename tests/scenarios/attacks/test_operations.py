"""Operations made to keep a server busy: each is refused, with the code named, before any upstream is asked."""

from typing import Any, Final

import pytest

from tests.cpu_time import cpu_time
from tests.world import World, running_world


def bomb(links: int) -> str:
    fragments = [f"fragment F{one} on Delivery {{ ...F{one + 1} ...F{one + 1} }}" for one in range(links)]
    return " ".join(['{ delivery(id: "1") { ...F0 } }', *fragments, f"fragment F{links} on Delivery {{ id }}"])


RINGS: Final = "{ recipients { nodes { job " * 6 + "{ jobId }" + " } } }" * 6
DIGITS: Final = "9" * 200_000

ATTACKS: Final[dict[str, tuple[str, str]]] = {
    "aliases": ("{ " + " ".join(f"a{one}: smsApiVersion {{ message }}" for one in range(51)) + " }", "BAD_INPUT"),
    "directives": ("{ __typename " + "@skip(if: false) " * 21 + "}", "BAD_INPUT"),
    "unknown directives": ("{ __typename " + "@a " * 900 + "}", "BAD_INPUT"),
    "depth": ('{ smsJob(id: "1") ' + RINGS + " }", "BAD_INPUT"),
    "braces": ("{ a" * 50_000, "BAD_INPUT"),
    "tokens": ("{ " + "__typename " * 50_000 + "}", "BAD_INPUT"),
    "comments": ("#\n" * 200_000 + "{ __typename }", "BAD_INPUT"),
    "doubling fragments": (bomb(150), "BAD_INPUT"),
    "circular fragments": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "BAD_INPUT"),
    "long chain of fragments": (
        "{ ...F0 }" + "".join(f" fragment F{one} on Query {{ ...F{one + 1} }}" for one in range(300)),
        "BAD_INPUT",
    ),
    "the same field": ("{" + " upstreams { name }" * 490 + "}", "BAD_INPUT"),
    "many operations": ("query A { __typename } query B { __typename }", "BAD_INPUT"),
    "huge number": (f"{{ deliveries(first: {DIGITS}) {{ totalCount }} }}", "BAD_INPUT"),
    "huge page": ("{ deliveries(first: 2147483647) { totalCount } }", "BAD_INPUT"),
    "huge id": (f'{{ delivery(id: "{DIGITS}") {{ id }} }}', "BAD_INPUT"),
    "huge cursor": (f'{{ deliveries(after: "{DIGITS}") {{ totalCount }} }}', "BAD_INPUT"),
    "deep literal": (f"{{ priceQuote(input: {'[' * 5000}{']' * 5000}) {{ code }} }}", "BAD_INPUT"),
    "cyclic introspection": (
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
        "BAD_INPUT",
    ),
    "repeated introspection": (
        "{ " + " ".join(f"s{one}: __schema {{ types {{ name }} }}" for one in range(6)) + " }",
        "BAD_INPUT",
    ),
    "cost": (
        "{ smsJobs(first: 100) { nodes { qos recipients { totalCount } regarding { id } } } }",
        "OPERATION_TOO_EXPENSIVE",
    ),
    "cost by aliases": (
        "{ " + " ".join(f"a{one}: deliveries(first: 99) {{ nodes {{ product {{ id }} }} }}" for one in range(4)) + " }",
        "OPERATION_TOO_EXPENSIVE",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused_before_any_call_and_in_no_time(world: World, attack: str) -> None:
    query, code = ATTACKS[attack]

    with cpu_time() as cpu:
        answer = await world.ask(query)

    assert set(answer.codes.values()) == {code}
    assert world.requests == []
    assert cpu.seconds < 1.5


@pytest.mark.parametrize("ids", [["Product:1"] * 5 + [f"Product:{one}" for one in range(400)], ["x"] * 50_000])
async def test_lists_of_ids_are_bounded_by_their_cost(world: World, ids: list[str]) -> None:
    answer = await world.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})

    assert world.requests == []
    assert "INTERNAL" not in answer.codes.values()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([{"query": "{ __typename }"}] * 11, 400, "BAD_INPUT"),
        ([0] * 300_000, 400, "BAD_INPUT"),
        ({"query": "{ __typename }", "variables": {"a": "x" * 1_100_000}}, 413, "BAD_INPUT"),
    ],
    ids=["batch", "huge batch", "large body"],
)
async def test_large_batches_and_large_bodies_are_refused(world: World, body: Any, status: int, code: str) -> None:  # noqa: ANN401 - any JSON
    accept = {"accept": "application/graphql-response+json"}
    response = await world.client.post(f"{world.url}/graphql", json=body, headers=accept)

    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code


async def test_a_batch_of_costly_operations_costs_no_more_than_one_may(world: World) -> None:
    costly = {
        "query": ATTACKS["cost by aliases"][0].replace("a3: deliveries(first: 99) { nodes { product { id } } }", "")
    }

    response = await world.client.post(f"{world.url}/graphql", json=[costly] * 10)

    answers = response.json()
    assert [len(answer.get("errors", ())) for answer in answers] == [0, *[1] * 9]
    assert {answer["errors"][0]["extensions"]["code"] for answer in answers[1:]} == {"OPERATION_TOO_EXPENSIVE"}
    assert len(world.requests) <= 300


async def test_a_mutation_by_get_is_refused(world: World) -> None:
    mutation = 'mutation { cancelDelivery(id: "1") { errors { message } } }'

    response = await world.client.get(f"{world.url}/graphql", params={"query": mutation})

    assert response.status_code == 405
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert world.requests == []


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { ... @include(if: true) { s: __schema { types { name } } } }",
        "query($is: Boolean = false) { __schema @skip(if: $is) { types { name } } }",
    ],
)
async def test_introspection_is_refused_where_it_is_switched_off(query: str) -> None:
    async with running_world({"GATEWAY_INTROSPECTION": "false"}) as world:
        introspecting = await world.ask(query)
        guessing = await world.ask("{ delivry { id } }")
        variable = await world.ask(
            "query($t: DeliveryType) { deliveries(filter: {type: $t}) { totalCount } }", {"t": "DELIVER"}
        )
        served = await world.ask("{ __typename }")

    assert introspecting.codes == {"": "BAD_INPUT"}
    assert "Did you mean" not in str(guessing.json) + str(variable.json)
    assert "DELIVERY" not in str(variable.json)
    assert served.data == {"__typename": "Query"}


async def test_the_page_is_gone_where_it_is_switched_off() -> None:
    async with running_world({"GATEWAY_IDE": "false"}) as world:
        response = await world.client.get(f"{world.url}/graphql", headers={"accept": "text/html"})

    assert response.status_code == 406
    assert "<html" not in response.text


@pytest.mark.parametrize(
    "variables",
    [
        {"first": 10**30},
        {"first": 1e300},
        {"first": True},
        {"first": "1"},
        {"first": {"a": [1]}},
        {"first": [[[1]]]},
        {"first": None, "extra": "x" * 1000},
    ],
)
async def test_variables_of_any_shape_are_answered(world: World, variables: dict[str, object]) -> None:
    answer = await world.ask("query($first: Int) { deliveries(first: $first) { totalCount } }", variables)

    assert set(answer.codes.values()) <= {"BAD_INPUT"}


@pytest.mark.parametrize("number", ["9" * 31, "-" + "9" * 400])
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_integers_beyond_64_bits_are_answered_where_answers_are_kept_and_shared(number: str, accept: str) -> None:
    body = f'{{"query": "subscription {{ statusChanged(ids: []) {{ kind }} }}", "variables": {{"unused": {number}}}}}'
    async with running_world() as world:
        response = await world.client.post(
            f"{world.url}/graphql",
            content=body
            if accept.startswith("text")
            else body.replace("subscription { statusChanged(ids: []) { kind } }", "{ __typename }"),
            headers={"content-type": "application/json", "accept": accept},
        )

    assert response.status_code == 200
    assert "INTERNAL" not in response.text
    assert "__typename" in response.text or accept.startswith("text")
