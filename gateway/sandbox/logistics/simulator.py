"""The simulated logistics API (GotSurge Partnership 0.1.0), written from the vendor's document.

The document lacks every method and path and all errors. Assumed here:

- the paths, at the root of the server: see `PartnerApi.routes` and `TaskApi.routes`;
- errors are `{code, message}`; creating answers 201, everything else 200;
- a stale `version_rev` is 409 `version_conflict`; a status that does not allow a cancellation is 422 `invalid_status`,
  so clients can distinguish the two;
- a missing, wrong or expired bearer token is 401, one without the role OrgAdmin is 403 on everything under `/platform`;
- a body or query parameter that cannot be parsed is 400, a field that violates a rule is 422;
- `updated_tasks` omits the tasks that could not be updated.

`/oauth2/auth` and `/sso/login` replace the vendor's web pages.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.logistics.credentials import Credentials
from gateway.sandbox.logistics.lifecycle import Journeys
from gateway.sandbox.logistics.organizations import Organizations
from gateway.sandbox.logistics.partner_api import PartnerApi
from gateway.sandbox.logistics.requests import Refused, answer_refused, answer_unrouted
from gateway.sandbox.logistics.seed import seed_tasks, task_arrivals
from gateway.sandbox.logistics.task_api import TaskApi
from gateway.sandbox.logistics.tasks import TaskStore
from gateway.sandbox.options import LogisticsOptions
from gateway.sandbox.simulator import Simulator


class LogisticsSimulator(Simulator):
    """The simulated logistics API; server lifetime.

    Args:
        clock: The sandbox's clock.
        seed: The same seed gives the same tasks, organizations and tokens.
        options: Keys, lifetimes and pace.

    Attributes:
        tasks: The tasks, for a `WebhookSender`.
        credentials: Issues codes and sessions without the pages, for tests.
        arrivals: Adds new tasks on each `catch_up`.
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
    """Create the simulated logistics API with its records.

    Args:
        clock: The sandbox's clock, by which tasks progress and tokens expire.
        seed: The same seed and start give the same records.
        options: Keys, lifetimes and pace.
    """
    return LogisticsSimulator(clock, seed, options or LogisticsOptions())
