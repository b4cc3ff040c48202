"""The logistics API (GotSurge Partnership 0.1.0) simulated, written from the vendor's document.

The document lost every method and path and all its errors. Assumed here:

- the paths, at the root of the server: see `PartnerApi.routes` and `TaskApi.routes`;
- errors are `{code, message}`; creating answers 201, everything else 200;
- a stale `version_rev` is 409 `version_conflict`; a status that forbids a cancellation is 422 `invalid_status`, so that
  the two can be told apart;
- a missing, wrong or outdated bearer token is 401, one without the role OrgAdmin 403 on everything under `/platform`;
- a bad body or query parameter is 400 where it cannot be read and 422 where a field breaks a rule;
- in `updated_tasks` whatever could not be updated is absent.

`/oauth2/auth` and `/sso/login` stand in for the vendor's web pages.

The logistics tasks that begin while the sandbox runs: ordered ahead, and broadcast when their time comes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from gateway.sandbox.arrivals import Arrival, Arrivals, Rhythm
from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.logistics import vocabulary as words
from gateway.sandbox.logistics.errors import Refused
from gateway.sandbox.logistics.lifecycle import Journeys, StatusEvent
from gateway.sandbox.logistics.organizations import Organizations
from gateway.sandbox.logistics.partner_api import PartnerApi
from gateway.sandbox.logistics.requests import answer_refused, answer_unrouted
from gateway.sandbox.logistics.seed import made_up_fields, seed_tasks
from gateway.sandbox.logistics.task_api import TaskApi
from gateway.sandbox.logistics.tasks import Task, TaskStore
from gateway.sandbox.logistics.tokens import Credentials
from gateway.sandbox.options import LogisticsOptions
from gateway.sandbox.random_values import seeded_random, seeded_uuid
from gateway.sandbox.simulator import Simulator

RHYTHM: Final = Rhythm(every_seconds=600, ahead=8, kept=144)
"""A day of the clock is kept."""

_FIRST_NUMBER: Final = 1_000
_PICKUP_IN: Final = timedelta(hours=6)


def task_arrivals(store: TaskStore, journeys: Journeys, org_ids: Sequence[str], start: datetime) -> Arrivals:
    """What adds new tasks to a store and removes old ones.

    Args:
        store: Of the simulator.
        journeys: Plans what becomes of them, and holds the seed.
        org_ids: The organizations that own them.
        start: When the simulator starts.
    """

    def add(arrival: Arrival) -> str:
        task = _task(arrival, journeys, org_ids)
        store.add(task)
        return task.id

    return Arrivals(start.replace(microsecond=0), RHYTHM, add, store.remove)


def _task(arrival: Arrival, journeys: Journeys, org_ids: Sequence[str]) -> Task:
    seed, number = journeys.seed, arrival.number
    chance = seeded_random(seed, "arriving", number)
    task_id = seeded_uuid(seed, "arriving task", number)
    fields = made_up_fields(chance, _FIRST_NUMBER + number, arrival.arrives_at, arrival.begins_at + _PICKUP_IN)
    fields |= {"broadcast_preference": chance.choice(("squad", "all", "marine")), "org_id": chance.choice(org_ids)}
    return Task(task_id, seeded_uuid(seed, "arriving group", number), fields, _events(task_id, arrival, journeys))


def _events(task_id: str, arrival: Arrival, journeys: Journeys) -> tuple[StatusEvent, ...]:
    """All that will happen to a task; one that expires for want of a driver would stand still for hours before."""
    outcome = journeys.outcome(task_id)
    planned = journeys.plan(task_id, arrival.begins_at, None, words.COMPLETE if outcome == words.EXPIRED else outcome)
    broadcast = StatusEvent(words.BROADCASTING, arrival.begins_at), *planned
    if arrival.arrives_at == arrival.begins_at:
        return broadcast
    return StatusEvent(words.PENDING_BROADCAST, arrival.arrives_at), *broadcast


class LogisticsSimulator(Simulator):
    """The simulated logistics API; server lifetime.

    Args:
        clock: The time in the sandbox.
        seed: The same seed gives the same tasks, organizations and tokens.
        options: Keys, lifetimes and pace.

    Attributes:
        tasks: What a `WebhookSender` watches.
        credentials: Issues codes and sessions where nobody sits at the pages.
        arrivals: Brings new tasks for as long as it is asked to catch up with the clock.
    """

    def __init__(self, clock: AdjustableClock, seed: int, options: LogisticsOptions) -> None:
        now = clock.now()
        journeys = Journeys(seed, options.pace, options.failing_share)
        organizations = Organizations(seed, now)
        self.credentials = Credentials(clock, seed, options)
        self.tasks = TaskStore(seed, journeys)
        for task in seed_tasks(now, journeys, organizations.ids):
            self.tasks.add(task)
        self.arrivals = task_arrivals(self.tasks, journeys, organizations.ids, now)
        task_api = TaskApi(clock, self.credentials, self.tasks, organizations)
        partner_api = PartnerApi(clock, self.credentials, organizations)
        app = Starlette(
            routes=[*partner_api.routes, *task_api.routes],
            exception_handlers={Refused: answer_refused, HTTPException: answer_unrouted},
        )
        super().__init__("logistics", app, clock)


def create_logistics(
    clock: AdjustableClock, *, seed: int = 1, options: LogisticsOptions | None = None
) -> LogisticsSimulator:
    """A simulated logistics API with its seeded records.

    Args:
        clock: What its tasks move and its tokens expire by.
        seed: Decides everything that is made up.
        options: Keys, lifetimes and pace; the defaults where left out.
    """
    return LogisticsSimulator(clock, seed, options or LogisticsOptions())
