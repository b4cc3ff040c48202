"""A change that is requested twice under one key is made once, whichever it is and wherever the key is."""

from hashlib import sha256

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.idempotency.changes import CREATE_ORGANIZATION, CREATE_TASKS, NAMES, SEND_SMS, change, record_of, sent, tasks
from tests.world import running_world

KEY = "5a8a9e5c-5f0b-4a52-9f0e-1f0f4c0ad7f3"
REPLAYED = {"gateway": {"replayed": [{"path": ["answer"]}]}}


@pytest.mark.parametrize("place", ["argument", "header"])
async def test_a_repeat_gets_the_first_outcome_and_sends_nothing(place: str) -> None:
    async with running_world() as world:
        for name in NAMES:
            asked = await change(world, name)
            variables = {**asked.variables, "key": f"{KEY}-{name}" if place == "argument" else None}
            headers = {"idempotency-key": f'"{KEY}-{name}"'} if place == "header" else None

            first = await world.ask(asked.document, variables, headers)
            first_sent = sent(world, asked.path)
            repeat = await world.ask(asked.document, variables, headers)
            repeat_sent = sent(world, asked.path)

            assert first.data["answer"]["errors"] == [], name
            assert record_of(first.data["answer"]), name
            assert repeat.data == first.data, name
            assert (first_sent, repeat_sent) == (1, 0), name
            assert ("extensions" in first.json, "idempotent-replayed" in first.headers) == (False, False)
            assert (repeat.json["extensions"], repeat.headers["idempotent-replayed"]) == (REPLAYED, "true")


async def test_another_input_under_the_same_key_is_refused_before_anything_is_sent() -> None:
    async with running_world() as world:
        for name in NAMES:
            asked = await change(world, name)
            key = f"{KEY}-{name}"
            await world.ask(asked.document, {**asked.variables, "key": key})

            other = await world.ask(asked.document, {**asked.other, "key": key})

            assert sent(world, asked.path) == 0, name
            (error,) = other.data["answer"]["errors"]
            assert (error["__typename"], error["retryable"]) == ("InvalidInput", False), name
            assert error["path"][-1] == "idempotencyKey"
            assert "idempotent-replayed" not in other.headers


async def test_one_key_is_for_one_mutation_and_no_key_is_none() -> None:
    async with running_world() as world:
        first = await world.ask(SEND_SMS, {"text": "Sea One", "key": KEY})
        other = await world.ask(CREATE_ORGANIZATION, {"name": "Sea One", "key": KEY})
        unkeyed = [await world.ask(SEND_SMS, {"text": "Sea One"}) for _ in range(2)]

    assert [error["__typename"] for error in other.data["answer"]["errors"]] == ["InvalidInput"]
    assert len({answer.data["answer"]["job"]["id"] for answer in (first, *unkeyed)}) == 3


async def test_each_field_of_a_request_has_a_key_of_its_own_by_the_header() -> None:
    message = 'messages: [{text: "Hello", recipients: [{destination: "+6591234567"}]}]'
    field = f"sendSms(input: {{{message}}}) {{ job {{ id }} }}"
    both = f"mutation {{ a: {field} b: {field} }}"
    async with running_world() as world:
        first = await world.ask(both, headers={"idempotency-key": KEY})
        first_sent = sent(world, "/rest/v1/jobs")
        repeat = await world.ask(both, headers={"idempotency-key": KEY})

        assert (first_sent, sent(world, "/rest/v1/jobs")) == (2, 0)
    assert first.data["a"] != first.data["b"]
    assert repeat.data == first.data
    assert repeat.json["extensions"] == {"gateway": {"replayed": [{"path": ["a"]}, {"path": ["b"]}]}}


async def test_the_argument_wins_over_the_header() -> None:
    async with running_world() as world:
        variables = {"text": "Hello", "key": KEY}
        first = await world.ask(SEND_SMS, variables, {"idempotency-key": "one"})

        repeat = await world.ask(SEND_SMS, variables, {"idempotency-key": "two"})
        other = await world.ask(SEND_SMS, variables | {"key": "another"}, {"idempotency-key": "one"})

    assert repeat.data == first.data
    assert other.data != first.data


async def test_keys_of_different_callers_are_different() -> None:
    callers = {f"GATEWAY_AUTH__API_KEYS__{name}": sha256(name.lower().encode()).hexdigest() for name in ("MEI", "RAVI")}
    async with running_world(callers) as world:
        answers = [
            await world.ask(SEND_SMS, {"text": "Hello", "key": KEY}, {"x-api-key": name}) for name in ("mei", "ravi")
        ]

    assert answers[0].data != answers[1].data


async def test_a_malformed_key_is_refused_and_means_nothing_to_a_query() -> None:
    accepted = {"accept": "application/graphql-response+json"}
    async with running_world() as world:
        for key in ("", "two words", "x" * 256, "ümlaut"):
            answer = await world.ask(SEND_SMS, {"text": "Hello", "key": key})
            (error,) = answer.data["answer"]["errors"]
            assert (error["__typename"], error["path"]) == ("InvalidInput", ["input", "idempotencyKey"])
        for key in ("", '"', "a b", '"a" "b"', "x" * 256, "a, b"):
            answer = await world.ask(SEND_SMS, {"text": "Hello"}, {"idempotency-key": key, **accepted})
            assert (answer.status, answer.codes) == (400, {"": "BAD_INPUT"})
            queried = await world.ask("{ __typename }", headers={"idempotency-key": key})
            assert queried.data == {"__typename": "Query"}

        assert world.requests == []


async def test_a_repeat_of_many_tasks_sends_those_that_were_not_sent() -> None:
    turned_away = TurnedAway()
    async with running_world(around=turned_away.around) as world:
        variables = {"tasks": tasks(45), "key": KEY}
        turned_away.from_request = 2
        first = await world.ask(CREATE_TASKS, variables)
        turned_away.from_request = None
        repeat = await world.ask(CREATE_TASKS, variables)
        repeat_sent = sent(world, "/platform/tasks")
        third = await world.ask(CREATE_TASKS, variables)

    assert [error["__typename"] for error in first.data["answer"]["errors"]] == ["UpstreamFailed"]
    # The requests of 20, 20 and 5 tasks go out at the same time, so the one that comes last may be any.
    assert len(first.data["answer"]["tasks"]) in {40, 25}
    assert repeat_sent == 1
    assert repeat.data["answer"]["errors"] == []
    assert {one["id"] for one in repeat.data["answer"]["tasks"]} == {one["id"] for one in third.data["answer"]["tasks"]}
    assert len({one["id"] for one in repeat.data["answer"]["tasks"]}) == 45


class TurnedAway:
    """Answers 401 to creations of tasks from one on. Lifetime: one test."""

    def __init__(self) -> None:
        self.from_request: int | None = None
        self._seen = 0

    def around(self, app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/platform/tasks"):
                self._seen += 1
                if self.from_request is not None and self._seen > self.from_request:
                    await Response(status_code=401)(scope, receive, send)
                    return
            await app(scope, receive, send)

        return answer
