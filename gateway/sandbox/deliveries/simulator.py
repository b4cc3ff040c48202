"""The send-tasks API simulated."""

from random import Random

import orjson
from starlette.types import ASGIApp

from gateway.sandbox.arrivals import Arrivals
from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.deliveries.api import DeliveriesApi
from gateway.sandbox.deliveries.arrivals import delivery_arrivals
from gateway.sandbox.deliveries.jsonapi import error, error_document
from gateway.sandbox.deliveries.login import DeliveriesLogin
from gateway.sandbox.deliveries.options import DeliveriesOptions
from gateway.sandbox.deliveries.seed import seed_deliveries
from gateway.sandbox.deliveries.store import DeliveriesStore
from gateway.sandbox.simulator import Simulator

__all__ = ["DeliveriesOptions", "DeliveriesSimulator", "create_deliveries"]

_DEFAULTS = DeliveriesOptions()


class DeliveriesSimulator(Simulator):
    """The simulated send-tasks API; server lifetime.

    Args:
        app: Answers the requests.
        clock: The time in the sandbox.
        store: What it answers from.
        arrivals: Brings new send-tasks for as long as it is asked to catch up with the clock.
    """

    def __init__(self, app: ASGIApp, clock: AdjustableClock, store: DeliveriesStore, arrivals: Arrivals) -> None:
        failure = orjson.dumps(error_document([error(500, title="Internal Server Error")]))
        super().__init__("deliveries", app, clock, error_in_200=failure)
        self.store = store
        self.arrivals = arrivals


def create_deliveries(
    clock: AdjustableClock, *, seed: int = 1, options: DeliveriesOptions = _DEFAULTS
) -> DeliveriesSimulator:
    """Build the simulated send-tasks API with its records; base path /api/v1, tokens at /oauth/token.

    Args:
        clock: The time in the sandbox, by which tokens expire and deliveries move.
        seed: The same seed and start give the same records, tokens and outcomes.
        options: Behaviour that the document leaves open.

    Returns:
        The simulator, ready to be served.
    """
    random = Random(seed)  # noqa: S311 - planted records, no secrets
    store, start = DeliveriesStore(random), clock.now()
    seed_deliveries(store, start)
    login = DeliveriesLogin(
        email=options.email,
        password=options.password,
        fixed_token=options.token,
        token_seconds=options.token_seconds,
        random=random,
    )
    app = DeliveriesApi(clock, store, login, options).app
    return DeliveriesSimulator(app, clock, store, delivery_arrivals(store, seed, start))
