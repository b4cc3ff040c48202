"""Base of the simulated upstreams: the vendor's app behind a request log, fault injection and HTTP controls."""

from starlette.types import ASGIApp

from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.control import Control
from gateway.sandbox.faults import FaultInjection, Faults
from gateway.sandbox.request_log import RequestLog, RequestRecorder

_ERROR_IN_200 = b'{"code":"internal_error","message":"Something went wrong."}'


class Simulator:
    """One simulated upstream; server lifetime.

    Args:
        name: The name, such as "deliveries".
        app: The vendor's API as an ASGI app that uses HTTP only.
        clock: The sandbox's clock, shared by the simulators.
        error_in_200: The body of the fault of that name, in the vendor's error format.

    Attributes:
        app: The ASGI app to serve: controls, then request log, then faults, then the vendor's API.
        faults: The current faults; set `faults.settings`.
        requests: The requests so far.
        clock: The sandbox's clock.
    """

    def __init__(
        self,
        name: str,
        app: ASGIApp,
        clock: AdjustableClock,
        *,
        error_in_200: bytes = _ERROR_IN_200,
    ) -> None:
        self.name = name
        self.clock = clock
        self.faults = Faults()
        self.requests = RequestLog()
        faulty = FaultInjection(app, self.faults, error_in_200=error_in_200)
        recorded = RequestRecorder(faulty, self.requests)
        self.app: ASGIApp = Control(recorded, faults=self.faults, requests=self.requests, clock=clock)
