"""The send-tasks API simulated, and the send-tasks that begin while the sandbox runs."""

from datetime import datetime
from random import Random
from typing import Final

import orjson
from starlette.types import ASGIApp

from gateway.sandbox.arrivals import Arrival, Arrivals, Rhythm
from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.deliveries.api import DeliveriesApi
from gateway.sandbox.deliveries.jsonapi import error, error_document
from gateway.sandbox.deliveries.login import DeliveriesLogin
from gateway.sandbox.deliveries.options import DeliveriesOptions
from gateway.sandbox.deliveries.records import DELIVERY_TYPES, SendTask
from gateway.sandbox.deliveries.seed import seed_deliveries
from gateway.sandbox.deliveries.store import DeliveriesStore, settled_course, settled_uuid
from gateway.sandbox.simulator import Simulator

RHYTHM: Final = Rhythm(every_seconds=300, ahead=4, kept=288)
"""A day of the clock is kept."""

SLOWNESS: Final = 3.0
"""Six to eighteen minutes each: one is always on its way, and slow enough to watch."""

FIRST_ID: Final = 100_001
"""Far above those that clients' send-tasks get, which are counted from the seeded ones on."""

_TRIES: Final = 20


def delivery_arrivals(store: DeliveriesStore, seed: int, start: datetime) -> Arrivals:
    """What adds new send-tasks to a store and removes old ones.

    Args:
        store: With its products and channels.
        seed: The same seed and start give the same send-tasks.
        start: When the simulator starts.
    """

    def add(arrival: Arrival) -> str:
        random = Random(f"{seed}/arriving delivery/{arrival.number}")  # noqa: S311 - made-up records, no secrets
        product_id, identification_id, delivery_type = _free_combination(store, random, arrival.arrives_at)
        task = SendTask(
            task_id=FIRST_ID + arrival.number,
            delivery_type=delivery_type,
            deliverable=True,
            product_id=product_id,
            identification_id=identification_id,
            sent_on_token=settled_uuid(random),
            created_at=arrival.arrives_at,
            touched_at=arrival.arrives_at,
            course=settled_course(random, arrival.begins_at, slowness=SLOWNESS),
        )
        store.take_over(task)
        return str(task.task_id)

    return Arrivals(start, RHYTHM, add, store.remove)


def _free_combination(store: DeliveriesStore, random: Random, now: datetime) -> tuple[int, int, str]:
    """A product, channel and type that are not under way together, for the document forbids a second such task."""
    active = [product.product_id for product in store.products.values() if product.status == "active"]
    channels = [found.identification_id for found in store.identifications.values()]
    drawn = [(random.choice(active), random.choice(channels), random.choice(DELIVERY_TYPES)) for _ in range(_TRIES)]
    return next((one for one in drawn if not any(store.in_progress(*one, now))), drawn[0])


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
