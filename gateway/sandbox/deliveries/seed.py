"""Send-tasks that the sandbox starts with and that arrive while it runs; the same for the same seed and start."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from gateway.sandbox.deliveries.records import DELIVERY_TYPES, DspUploadIdentification, Product, SendTask
from gateway.sandbox.deliveries.store import DeliveriesStore, draw_course
from gateway.sandbox.generated_records import Arrival, Arrivals, Rhythm, random_uuid, seeded_random

RHYTHM: Final = Rhythm(every_seconds=300, ahead=4, kept=288)
"""Send-tasks of the last 24 hours of the clock are kept."""
SLOWNESS: Final = 3.0
"""Arriving send-tasks take 6 to 18 minutes, so one is always in progress and slow enough to watch."""
FIRST_ID: Final = 100_001
"""Far above the numbers of send-tasks that clients create, which continue those of the seeded ones."""
_TRIES: Final = 20


_PRODUCTS = 60
_DRAFT_EVERY = 10
_PAST_TASKS = 216
_RUNNING_TASKS = 14
_QUEUED_TASKS = 4
_HELD_TASKS = 6
_CHANNELS = (
    "Northlight Music",
    "Tidewater Stream",
    "Pavilion Store",
    "Cadence Radio",
    "Orbit Video",
    "Harbour Downloads",
    "Lantern Social",
    "Meridian Play",
)
_ADJECTIVES = ("Silent", "Golden", "Distant", "Paper", "Electric", "Hollow", "Crimson", "Slow")
_NOUNS = ("Rivers", "Mirrors", "Gardens", "Machines", "Summers", "Letters", "Harbours", "Shadows")
_ARTISTS = ("Ada Lindqvist", "The Copper Owls", "Mira Okafor", "Night Ferry", "Juno & Pike", "Elias Varga")
_LABELS = ("Bluefinch Records", "Quarry Sound", "Saltbox Music")


def seed_deliveries(store: DeliveriesStore, now: datetime) -> None:
    """Fill the store with 60 products, 8 channels and 240 send-tasks of the last 60 days, numbered from 1 by age.

    Args:
        store: An empty store; its `random` decides every value.
        now: When the simulator starts. Most tasks are finished by then; the last 24 are in progress, queued or held.
    """
    _seed_products(store, now)
    _seed_identifications(store, now)
    combinations = _combinations(store)
    _seed_past(store, now, combinations)
    _seed_running(store, now, combinations)
    _seed_pending(store, now, combinations)


def _seed_products(store: DeliveriesStore, now: datetime) -> None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(1, _PRODUCTS + 1):
        released_at = midnight + timedelta(days=store.random.randint(-300, 60))
        store.products[str(number)] = Product(
            product_id=number,
            name=f"{store.random.choice(_ADJECTIVES)} {store.random.choice(_NOUNS)}",
            # Some drafts, so that the document's rule about active products can be tried.
            status="active" if number % _DRAFT_EVERY else "draft",
            upc_code=_upc_code(store.random),
            artist=store.random.choice(_ARTISTS),
            label=store.random.choice(_LABELS),
            production_year=released_at.year,
            released_at=released_at,
            created_at=midnight - timedelta(days=store.random.randint(301, 500)),
        )


def _upc_code(random: Random) -> str:
    digits = [random.randrange(10) for _ in range(12)]
    # The check digit of GTIN-13: the vendor's samples have 13 digits.
    weighted = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return "".join(map(str, [*digits, -weighted % 10]))


def _seed_identifications(store: DeliveriesStore, now: datetime) -> None:
    for number, name in enumerate(_CHANNELS, start=1):
        store.identifications[str(number)] = DspUploadIdentification(
            identification_id=number, name=name, created_at=now - timedelta(days=700 - number)
        )


def _combinations(store: DeliveriesStore) -> list[tuple[int, int, str]]:
    # Each combination is used once: two tasks in progress must not share product, channel and type.
    active = [product.product_id for product in store.products.values() if product.status == "active"]
    identifications = [found.identification_id for found in store.identifications.values()]
    every = [(product, channel, kind) for product in active for channel in identifications for kind in DELIVERY_TYPES]
    return store.random.sample(every, _PAST_TASKS + _RUNNING_TASKS + _QUEUED_TASKS + _HELD_TASKS)


def _seed_past(store: DeliveriesStore, now: datetime, combinations: list[tuple[int, int, str]]) -> None:
    # Not younger than 600 seconds, as the longest course takes 360: all have finished.
    ages = sorted((store.random.uniform(600, 60 * 86_400) for _ in range(_PAST_TASKS)), reverse=True)
    for age in ages:
        _add(store, combinations.pop(), created_at=now - timedelta(seconds=age), starts_in=1.0)


def _seed_running(store: DeliveriesStore, now: datetime, combinations: list[tuple[int, int, str]]) -> None:
    for place in range(_RUNNING_TASKS):
        # Their courses take two to six minutes, so a task of the last 100 seconds has not ended at the start.
        _add(store, combinations.pop(), created_at=now - timedelta(seconds=100 - 5 * place), starts_in=0.0)


def _seed_pending(store: DeliveriesStore, now: datetime, combinations: list[tuple[int, int, str]]) -> None:
    for place in range(_QUEUED_TASKS):
        _add(store, combinations.pop(), created_at=now - timedelta(seconds=20 - place), starts_in=300.0 * (place + 1))
    for place in range(_HELD_TASKS):
        _add(store, combinations.pop(), created_at=now - timedelta(seconds=10 - place), starts_in=None)


def _add(
    store: DeliveriesStore, combination: tuple[int, int, str], *, created_at: datetime, starts_in: float | None
) -> None:
    product_id, identification_id, delivery_type = combination
    course = None if starts_in is None else store.course(created_at + timedelta(seconds=starts_in))
    store.add(
        created_at=created_at,
        deliverable=course is not None,
        delivery_type=delivery_type,
        product_id=product_id,
        identification_id=identification_id,
        course=course,
    )


def delivery_arrivals(store: DeliveriesStore, seed: int, start: datetime) -> Arrivals:
    """Return the arrivals that add new send-tasks to a store and remove old ones.

    Args:
        store: A store with products and channels.
        seed: The same seed and start give the same send-tasks.
        start: When the simulator starts.
    """

    def add(arrival: Arrival) -> str:
        random = seeded_random(seed, "arriving delivery", arrival.number)
        product_id, identification_id, delivery_type = _free_combination(store, random, arrival.arrives_at)
        task = SendTask(
            task_id=FIRST_ID + arrival.number,
            delivery_type=delivery_type,
            deliverable=True,
            product_id=product_id,
            identification_id=identification_id,
            sent_on_token=random_uuid(random),
            created_at=arrival.arrives_at,
            touched_at=arrival.arrives_at,
            course=draw_course(random, arrival.begins_at, slowness=SLOWNESS),
        )
        store.insert(task)
        return str(task.task_id)

    return Arrivals(start, RHYTHM, add, store.remove)


def _free_combination(store: DeliveriesStore, random: Random, now: datetime) -> tuple[int, int, str]:
    """Return a product, channel and type without a task in progress: the document forbids a second one."""
    active = [product.product_id for product in store.products.values() if product.status == "active"]
    channels = [found.identification_id for found in store.identifications.values()]
    drawn = [(random.choice(active), random.choice(channels), random.choice(DELIVERY_TYPES)) for _ in range(_TRIES)]
    # If all are taken, the rule is broken rather than the arrivals stopped; of 1,728 combinations few ever are.
    return next((one for one in drawn if not any(store.in_progress(*one, now))), drawn[0])
