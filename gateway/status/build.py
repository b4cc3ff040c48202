"""The status page as one part of the app, built from the settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from gateway.composition.upstreams import Upstreams
from gateway.http.cross_site import CrossSiteRule, OwnOrigin
from gateway.operations.cost.budget import Buckets, LocalBuckets, RedisBuckets
from gateway.operations.stack import OperationStack
from gateway.settings.model import Settings
from gateway.status.endpoint import QUESTION, StatusAccess, StatusReports, StatusRoutes
from gateway.status.recent import RecentOperations
from gateway.status.worker import Sources, Worker
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.telemetry.telemetry import Telemetry
from resolvers.events.service import Events
from resolvers.upstreams.transport.stack import loop_clock


class StatusPage:
    """The status page and what it remembers. Lifetime: process.

    Args:
        worker: The state of this worker.
        routes: Answer the requests.
    """

    def __init__(self, worker: Worker, routes: StatusRoutes) -> None:
        self._worker = worker
        self._routes = routes

    def add_to(self, rest: FastAPI, ready: Callable[[], bool]) -> None:
        """Add `/status` and what is below it.

        Args:
            rest: The app.
            ready: Returns whether new work should be sent to this process.
        """
        # Not before, because the app alone knows it, once it is put together.
        self._worker.is_draining = lambda: not ready()
        self._routes.add_to(rest)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Remember the last minute within the block."""
        self._worker.window.start()
        try:
            yield
        finally:
            self._worker.window.stop()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of the app that the status is about. Lifetime: process.

    Args:
        upstreams: Returns the accounts in force, with connections and cache.
        stack: Returns the operation stack in force.
        subscriptions: The long-lived connections.
        events: Follows status changes.
        telemetry: The metrics, and the workers that ask each other.
    """

    upstreams: Callable[[], Upstreams]
    stack: Callable[[], OperationStack]
    subscriptions: Subscriptions
    events: Events
    telemetry: Telemetry


def build_status(
    settings: Settings, parts: Surroundings, operations: RecentOperations, now: Callable[[], float]
) -> StatusPage | None:
    """Return the status page; None where no key to it is set.

    Args:
        settings: All settings.
        parts: What the status is about.
        operations: The operations that failed or were slow.
        now: The wall clock, in seconds since 1970.
    """
    if settings.status_key is None:
        return None
    group = parts.telemetry.group
    sources = Sources(
        parts.telemetry.metrics,
        parts.upstreams,
        lambda: parts.stack().responses,
        lambda: parts.subscriptions.open_connections,
        lambda: parts.events.counts,
    )
    worker = Worker(sources, operations, now)
    group.add(QUESTION, worker.state)
    # Without the listed origins: they are of those who use the API, not of those who operate the gateway.
    rule = CrossSiteRule(OwnOrigin(settings.public_url))
    access = StatusAccess(settings.status_key, rule, _buckets(settings, parts.upstreams()))
    reports = StatusReports(group, lambda: parts.stack().budgets, now)
    return StatusPage(worker, StatusRoutes(access, reports, lambda: parts.subscriptions.accepting))


def _buckets(settings: Settings, upstreams: Upstreams) -> Buckets:
    if upstreams.redis is None:
        return LocalBuckets(loop_clock)
    # A prefix of its own, because logins are counted by the same addresses.
    return RedisBuckets(upstreams.redis, f"{settings.redis_prefix}status:", loop_clock, times=upstreams.redis_times)
