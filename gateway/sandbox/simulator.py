"""Base of the simulated upstreams: the vendor's app behind a request log, fault injection and HTTP controls.

The controls, under `/_sandbox/`, change the faults and the clock and return the recorded requests.
"""

import msgspec
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.sandbox.clock import AdjustableClock, RunningClock, checked_speed
from gateway.sandbox.faults import FaultInjection, Faults, FaultSettings
from gateway.sandbox.request_log import RequestLog, RequestRecorder

_ERROR_IN_200 = b'{"code":"internal_error","message":"Something went wrong."}'
_CONTROL_PREFIX = "/_sandbox/"
_MAX_BODY_BYTES = 65_536

Answer = tuple[int, bytes]
_NO_CONTENT: Answer = (204, b"")


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
        # Requests that a fault answers are recorded as well.
        recorded = RequestRecorder(faulty, self.requests)
        self.app: ASGIApp = Control(recorded, faults=self.faults, requests=self.requests, clock=clock)


# Unknown fields are refused, since a misspelt one would change nothing and not say so.
class ClockChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `PUT /_sandbox/clock`.

    Attributes:
        speed: Sandbox seconds per real second.
        advance_seconds: Sandbox seconds to move the clock forward by.
    """

    speed: float | None = None
    advance_seconds: float | None = None


class Control:
    """ASGI middleware that answers `/_sandbox/*` and forwards other requests; simulator lifetime.

    Control requests are neither recorded nor subject to faults.

    Args:
        app: The app that answers other requests.
        faults: Served by GET, PUT and DELETE `/_sandbox/faults`.
        requests: Served by GET and DELETE `/_sandbox/requests`.
        clock: Served by GET and PUT `/_sandbox/clock`.
    """

    def __init__(self, app: ASGIApp, *, faults: Faults, requests: RequestLog, clock: AdjustableClock) -> None:
        self._app = app
        self._faults = faults
        self._requests = requests
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a control request, or forward the request."""
        if not scope["path"].startswith(_CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        try:
            status, content = self._answer(scope["method"], scope["path"].removeprefix(_CONTROL_PREFIX), body)
        except (msgspec.MsgspecError, ValueError) as error:
            status, content = 400, orjson.dumps({"message": str(error)})
        await _send(send, status, content)

    def _answer(self, method: str, name: str, body: bytes) -> Answer:
        match name:
            case "faults":
                return self._answer_faults(method, body)
            case "requests":
                return self._answer_requests(method)
            case "clock":
                return self._answer_clock(method, body)
        return 404, orjson.dumps({"message": f"No control {name!r}: there are faults, requests and clock."})

    def _answer_faults(self, method: str, body: bytes) -> Answer:
        match method:
            case "GET":
                return 200, msgspec.json.encode(self._faults.settings)
            case "PUT":
                self._faults.settings = msgspec.json.decode(body, type=FaultSettings)
                return 200, msgspec.json.encode(self._faults.settings)
            case "DELETE":
                self._faults.clear()
                return _NO_CONTENT
        return _not_allowed("GET, PUT and DELETE")

    def _answer_requests(self, method: str) -> Answer:
        match method:
            case "GET":
                found = {"most_at_once": self._requests.most_at_once, "requests": list(self._requests)}
                return 200, msgspec.json.encode(found)
            case "DELETE":
                self._requests.clear()
                return _NO_CONTENT
        return _not_allowed("GET and DELETE")

    def _answer_clock(self, method: str, body: bytes) -> Answer:
        if method not in ("GET", "PUT"):
            return _not_allowed("GET and PUT")
        if method == "PUT":
            self._change_clock(msgspec.json.decode(body, type=ClockChange))
        return 200, orjson.dumps({"now": self._clock.now().isoformat(), "speed": self._clock.speed})

    def _change_clock(self, change: ClockChange) -> None:
        clock, speed = self._clock, change.speed
        # Checked before anything changes, so that a wrong change changes nothing.
        if speed is not None and not isinstance(clock, RunningClock):
            raise ValueError("This clock is moved by hand and has no speed: send advance_seconds.")
        if speed is not None:
            checked_speed(speed)
        if change.advance_seconds is not None:
            clock.advance(change.advance_seconds)
        if speed is not None and isinstance(clock, RunningClock):
            clock.speed = speed


def _not_allowed(methods: str) -> Answer:
    return 405, orjson.dumps({"message": f"Use {methods}."})


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    # A longer body is cut off, so that decoding it fails and the answer is 400.
    while len(body) <= _MAX_BODY_BYTES:
        message = await receive()
        body.extend(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return bytes(body)


async def _send(send: Send, status: int, content: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
