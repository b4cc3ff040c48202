"""What every simulated upstream has: its app, behind recorded requests, faults and controls."""

from starlette.types import ASGIApp

from gateway.sandbox.clock import AdjustableClock
from gateway.sandbox.control import Control
from gateway.sandbox.faults import FaultInjection, Faults
from gateway.sandbox.request_log import RequestLog, RequestRecorder

_ERROR_IN_200 = b'{"code":"internal_error","message":"Something went wrong."}'


class Simulator:
    """One simulated upstream; server lifetime.

    Args:
        name: What to call it, such as "deliveries".
        app: What answers as the vendor would, over HTTP alone.
        clock: The time in the sandbox, shared by the simulators.
        error_in_200: The body of the fault of that name, in the vendor's error shape.

    Attributes:
        app: The whole, to be served: controls, then recorded requests, then faults, then the vendor's answers.
        faults: What goes wrong at present; set `faults.settings`.
        requests: What was asked so far.
        clock: As given.
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
