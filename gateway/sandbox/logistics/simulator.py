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
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.logistics.arrivals import task_arrivals
from gateway.sandbox.logistics.errors import Refused
from gateway.sandbox.logistics.lifecycle import Journeys
from gateway.sandbox.logistics.options import LogisticsOptions
from gateway.sandbox.logistics.organizations import Organizations
from gateway.sandbox.logistics.partner_api import PartnerApi
from gateway.sandbox.logistics.requests import answer_refused, answer_unrouted
from gateway.sandbox.logistics.seed import seed_tasks
from gateway.sandbox.logistics.task_api import TaskApi
from gateway.sandbox.logistics.tasks import TaskStore
from gateway.sandbox.logistics.tokens import Credentials
from gateway.sandbox.simulator import Simulator


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
