"""The IDE's examples in the sandbox: running one right after loading the page must show changes."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse, validate
from graphql.execution.values import get_variable_values

from gateway.commands.sandbox_examples import FOLLOW_ALL, sandbox_examples
from gateway.ide.page import Example
from gateway.operations.execution import core_schema
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.sms.simulator import create_sms
from schema.root import build_schema
from tests.sandbox.logistics.server import NOON

DEFAULT_SPEED = 10
MINUTE = timedelta(minutes=1) * DEFAULT_SPEED
HOUR, DAY = 3_600, 86_400

WHENEVER = pytest.mark.parametrize("seconds", [0, 700, HOUR, 5 * HOUR, DAY, 3 * DAY + 1234])


class Sandbox:
    """The three simulators after some time; test lifetime."""

    def __init__(self, seconds: float, *, step: float = 600) -> None:
        self.clock = ManualClock(NOON)
        self.deliveries, self.sms = create_deliveries(self.clock), create_sms(self.clock)
        self.logistics = create_logistics(self.clock)
        self.wait(0)
        while seconds > 0:
            self.wait(min(step, seconds))
            seconds -= step

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for one in (self.deliveries, self.sms, self.logistics):
            one.arrivals.catch_up(self.clock.now())

    @property
    def examples(self) -> dict[str, Example]:
        now = self.clock.now()
        jobs = [job for data_centre in self.sms.data_centres for job in data_centre.open_jobs(now)]
        examples = sandbox_examples(self.deliveries.store.send_tasks.values(), jobs, self.logistics.tasks, now)
        return {example.title: example for example in examples}

    def ids(self, title: str) -> list[str]:
        variables = self.examples[title].variables
        assert variables is not None
        ids = variables["ids"]
        assert isinstance(ids, list)
        return ids

    def look(self, global_id: str) -> Any:  # noqa: ANN401 - whatever the simulator says
        """Return the current status of a record that exists."""
        now = self.clock.now()
        kind, _, local_id = global_id.partition(":")
        if kind == "Delivery":
            return self.deliveries.store.send_tasks[local_id].status_at(now)
        if kind == "LogisticsTask":
            return self.logistics.tasks.find(local_id).status(now)
        job_id, _, sms_id = local_id.partition("/")
        (job,) = filter(None, (data_centre.job(job_id, now) for data_centre in self.sms.data_centres))
        if kind == "SmsJob":
            return job.finished_by(now) is not None
        return next(one for one in job.recipients if one.sms_id == sms_id).state_at(now).process_status


@WHENEVER
def test_in_each_of_the_next_eight_minutes_a_followed_task_changes(seconds: float) -> None:
    sandbox = Sandbox(seconds)
    now = sandbox.clock.now()

    ids = sandbox.ids("Follow a task")

    followed = [task for task in sandbox.logistics.tasks if f"LogisticsTask:{task.id}" in ids]
    changes = sorted(event.happened_at for task in followed for event in task.events)
    moments = [now, *(moment for moment in changes if now < moment < now + 8 * MINUTE), now + 8 * MINUTE]
    assert len(followed) == len(ids) == 8
    assert all(later - earlier <= MINUTE for earlier, later in pairwise(moments))


@WHENEVER
def test_of_all_three_apis_something_followed_changes_within_a_minute(seconds: float) -> None:
    sandbox = Sandbox(seconds)
    ids = sandbox.ids("Follow all three at once")
    before = {one: sandbox.look(one) for one in ids}

    changed = set()
    for _ in range(60):
        sandbox.wait(DEFAULT_SPEED)
        changed |= {one.partition(":")[0] for one in ids if sandbox.look(one) != before[one]}

    assert {one.partition(":")[0] for one in ids} == {"Delivery", "SmsJob", "Recipient", "LogisticsTask"}
    assert changed >= {"Delivery", "Recipient", "LogisticsTask"}


def test_a_page_that_is_loaded_later_follows_others() -> None:
    sandbox = Sandbox(0)
    before = {title: set(sandbox.ids(title)) for title in sandbox.examples}
    sandbox.wait(3 * HOUR)

    assert all(before[title].isdisjoint(sandbox.ids(title)) for title in before)


def test_a_followed_job_finishes_within_three_minutes() -> None:
    sandbox = Sandbox(HOUR)
    (job,) = [one for one in sandbox.ids("Follow all three at once") if one.startswith("SmsJob:")]

    sandbox.wait(3 * 60 * DEFAULT_SPEED)

    assert sandbox.look(job) is True


def test_what_a_client_has_settled_is_not_followed() -> None:
    sandbox = Sandbox(HOUR)
    first, *_ = (one for one in sandbox.ids("Follow all three at once") if one.startswith("Delivery:"))

    sandbox.deliveries.store.send_tasks[first.partition(":")[2]].status_set = "error"

    assert first not in sandbox.ids("Follow all three at once")


def test_the_sandboxs_own_example_is_valid_and_its_variables_fit() -> None:
    served = core_schema(build_schema())
    document = parse(FOLLOW_ALL)
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)

    variables = Sandbox(0).examples["Follow all three at once"].variables

    assert validate(served, document) == []
    assert variables is not None
    assert not isinstance(get_variable_values(served, operation.variable_definitions or (), variables), list)
