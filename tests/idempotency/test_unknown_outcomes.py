"""A request whose outcome is unknown is settled by a look at the upstream before anything is sent again."""

import time
from datetime import UTC, datetime

import msgspec
import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.faults import FaultSettings
from gateway.sandbox.simulator import Simulator
from tests.idempotency.changes import CREATE_TASKS, NAMES, SEND_SMS, SHOWN, Change, change, record_of, sent, tasks
from tests.idempotency.holding import Holding
from tests.world import Answer, World, running_world

LATER = 61
"""Seconds after which what is not there is not made: the deadline of an operation and 45 seconds."""


class Clock:
    """The wall clock of a gateway and of the simulated upstreams. Lifetime: one test."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self.upstream = ManualClock(datetime.now(UTC))

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds
        self.upstream.advance(seconds)


def simulators_of(world: World, asked: Change) -> list[Simulator]:
    """The simulators that take a change."""
    if asked.path == "/rest/v1/jobs":
        return [world.sms.send]
    return [world.deliveries if asked.path.startswith("/api") else world.logistics]


async def ask_in(world: World, asked: Change, key: str, fault: FaultSettings | None = None) -> tuple[Answer, int]:
    """Request a change while its upstream has a fault, and return the answer and how often it was sent."""
    # Logins, which have another path, are spared.
    prefix = f"/{asked.path.split('/')[1]}"
    for simulator in simulators_of(world, asked):
        simulator.faults.settings = msgspec.structs.replace(fault or FaultSettings(), only_path_prefix=prefix)
    answer = await world.ask(asked.document, {**asked.variables, "key": key})
    for simulator in simulators_of(world, asked):
        simulator.faults.clear()
    return answer, sent(world, asked.path)


AFTER: dict[str, FaultSettings] = {
    "cut": FaultSettings(cut=True),
    "truncated": FaultSettings(nonsense="truncated"),
}
"""What goes wrong after the upstream has made the change."""

BEFORE: dict[str, FaultSettings] = {
    "500": FaultSettings(error_rate=1),
    "refused": FaultSettings(outage="refuse"),
    "html": FaultSettings(nonsense="html"),
}
"""What goes wrong before that, and looks alike from here."""


def unknown(answer: Answer) -> tuple[bool, bool]:
    """Whether a payload says that its outcome is unknown, and whether the same request may settle it."""
    (error,) = answer.data["answer"]["errors"]
    return error["__typename"] == "UpstreamFailed" and error["outcomeUnknown"], error["retryable"]


@pytest.mark.parametrize("fault", AFTER)
async def test_what_was_made_is_found_and_not_made_again(fault: str) -> None:
    async with running_world() as world:
        for name in SHOWN:
            asked = await change(world, name)

            first, first_sent = await ask_in(world, asked, name, AFTER[fault])
            repeat, repeat_sent = await ask_in(world, asked, name)
            third, third_sent = await ask_in(world, asked, name)

            assert unknown(first)[0], name
            assert repeat.data["answer"]["errors"] == [], name
            assert record_of(repeat.data["answer"]), name
            assert (first_sent, repeat_sent, third_sent) == (1, 0, 0), name
            assert third.data == repeat.data, name
            assert (repeat.headers["idempotent-replayed"], third.headers["idempotent-replayed"]) == ("true", "true")


@pytest.mark.parametrize("fault", BEFORE)
async def test_what_was_not_made_is_sent_again_once_that_is_certain(fault: str) -> None:
    clock = Clock()
    async with running_world(clock=clock.upstream, now=clock.now) as world:
        for name in SHOWN:
            asked = await change(world, name)

            first, first_sent = await ask_in(world, asked, name, BEFORE[fault])
            soon, soon_sent = await ask_in(world, asked, name)
            clock.advance(LATER)
            repeat, repeat_sent = await ask_in(world, asked, name)
            third, third_sent = await ask_in(world, asked, name)

            # The upstream itself broadcasts no task twice, so there is nothing to wait for.
            is_guarded = "broadcast" in name
            assert unknown(first)[0], name
            if not is_guarded:
                assert unknown(soon) == (True, True), name
            assert (first_sent, soon_sent, repeat_sent, third_sent) == (1, int(is_guarded), 1 - is_guarded, 0), name
            assert repeat.data["answer"]["errors"] == [], name
            assert third.data == repeat.data, name


@pytest.mark.parametrize("fault", ["cut", "500"])
async def test_what_cannot_be_looked_for_stays_unknown_and_is_never_sent_again(fault: str) -> None:
    clock = Clock()
    async with running_world(clock=clock.upstream, now=clock.now) as world:
        asked = await change(world, NAMES[-1])

        await ask_in(world, asked, "a", {**AFTER, **BEFORE}[fault])
        clock.advance(LATER)
        repeat, repeat_sent = await ask_in(world, asked, "a")
        _, other_sent = await ask_in(world, asked, "b")

    assert (unknown(repeat), repeat_sent, other_sent) == ((True, False), 0, 1)
    assert "another key" in repeat.data["answer"]["errors"][0]["message"]


async def test_while_the_upstream_cannot_be_looked_at_nothing_is_sent() -> None:
    async with running_world() as world:
        for name in ("createDelivery", "sendSms", "createOrganization"):
            asked = await change(world, name)
            await ask_in(world, asked, name, AFTER["cut"])
            if name == "sendSms":
                # Jobs are looked for where they can be read.
                world.sms.primary.faults.settings = FaultSettings(outage="503")

            repeat, repeat_sent = await ask_in(world, asked, name, FaultSettings(outage="503"))
            world.sms.primary.faults.clear()

            assert (unknown(repeat), repeat_sent) == ((True, True), 0), name


async def test_what_an_upstream_was_too_slow_to_answer_is_found() -> None:
    holding = Holding("after")
    async with running_world({"GATEWAY_SMS__TIMEOUT_SECONDS": "0.2"}, around=holding.around) as world:
        asked = await change(world, "sendSms")
        first = await world.ask(asked.document, {**asked.variables, "key": "a"})
        repeat = await world.ask(asked.document, {**asked.variables, "key": "a"})

    assert unknown(first)[0]
    assert (repeat.data["answer"]["errors"], holding.posted) == ([], 1)


async def test_a_job_with_a_reference_of_its_own_is_found_by_that_and_its_recipients() -> None:
    async with running_world() as world:
        # Another job with the same reference goes to somebody else.
        other = 'messages: [{text: "Hello", recipients: [{destination: "+6590000000"}]}]'
        await world.ask(f'mutation {{ sendSms(input: {{{other}, options: {{customerRef: "r"}}}}) {{ job {{ id }} }} }}')
        asked = (await change(world, "sendSms"))._replace(variables={"text": "Hello", "reference": "r"})

        await ask_in(world, asked, "a", AFTER["cut"])
        repeat, repeat_sent = await ask_in(world, asked, "a")
        # A second one like it makes the next that is lost ambiguous.
        await ask_in(world, asked, "b", AFTER["cut"])
        unclear, unclear_sent = await ask_in(world, asked, "b")

    assert (repeat.data["answer"]["errors"], repeat_sent) == ([], 0)
    assert repeat.data["answer"]["job"]["customerRef"] == "r"
    assert (unknown(unclear), unclear_sent) == ((True, False), 0)


async def test_the_subject_of_a_job_is_found_beside_the_mark_of_its_key() -> None:
    document = """mutation ($key: String) { answer: sendSms(input: {
        messages: [{text: "Hello", recipients: [{destination: "+6591234567"}]}], regarding: "Delivery:1"
        idempotencyKey: $key }) { job { customerRef regarding { __typename ... on Delivery { id } } } } }"""
    async with running_world() as world:
        answer = await world.ask(document, {"key": "a"})

    job = answer.data["answer"]["job"]
    assert job["customerRef"].startswith("about Delivery:1 key ")
    assert job["regarding"] == {"__typename": "Delivery", "id": "Delivery:1"}


async def test_tasks_without_tracking_ids_cannot_be_looked_for() -> None:
    without = {"tasks": [task | {"trackingId": None} for task in tasks(2)]}
    async with running_world() as world:
        asked = (await change(world, "createLogisticsTasks"))._replace(variables=without)
        await ask_in(world, asked, "a", AFTER["cut"])
        repeat, repeat_sent = await ask_in(world, asked, "a")

    assert (unknown(repeat), repeat_sent) == ((True, False), 0)


async def test_a_refusal_of_the_upstream_is_kept_and_a_failure_before_sending_is_not() -> None:
    async with running_world() as world:
        refused = {"type": "DELIVERY", "key": "a"}
        asked = await change(world, "createDelivery")
        # A draft is not delivered.
        document = asked.document.replace("Product:1", "Product:10")
        first = await world.ask(document, refused)
        first_sent = sent(world, asked.path)
        repeat = await world.ask(document, refused)
        repeat_sent = sent(world, asked.path)

        limited, _ = await ask_in(world, asked, "b", FaultSettings(error_rate=1, error_status=401))
        again, again_sent = await ask_in(world, asked, "b")

    assert [error["__typename"] for error in first.data["answer"]["errors"]] == ["InvalidInput"]
    assert (first.data, first_sent, repeat_sent) == (repeat.data, 1, 0)
    assert limited.data["answer"]["errors"] != []
    assert (again.data["answer"]["errors"], again_sent) == ([], 1)


async def test_tasks_of_several_requests_are_settled_each_by_itself() -> None:
    async with running_world() as world:
        variables = {"tasks": tasks(25), "key": "a"}
        world.logistics.faults.settings = FaultSettings(cut=True)
        first = await world.ask(CREATE_TASKS, variables)
        world.logistics.faults.clear()
        repeat = await world.ask(CREATE_TASKS, variables)

        assert sent(world, "/platform/tasks") == 0
    assert len(first.data["answer"]["errors"]) == 2
    assert (len(repeat.data["answer"]["tasks"]), repeat.data["answer"]["errors"]) == (25, [])


async def test_the_quota_is_charged_once() -> None:
    async with running_world({"GATEWAY_AUTH__SMS_PER_DAY": "2"}) as world:
        answers = [await world.ask(SEND_SMS, {"text": "Hello", "key": key}) for key in ("a", "a", "a", "b", "c")]

    assert [len(answer.data["answer"]["errors"]) for answer in answers] == [0, 0, 0, 0, 1]
