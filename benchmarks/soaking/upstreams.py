"""The simulators under the soak, which write into each record whose credentials asked for it.

Theory of operation
-------------------
The simulators know one login each, and answer everybody alike. `Stamping` is around each of them: it knows the tokens
of all accounts and of all sessions, asks the simulator by its only login, and replaces one field of every record in the
answer by the name of the asking credentials. An answer that the gateway gives to another identity is then seen by that
field, whichever cache or shared call it came from::

    gateway -- Bearer acme:3 --> Stamping -- Bearer <the simulator's> --> simulator
            <-- invoice_number: acme --        <-- invoice_number: ... --
"""

import asyncio
import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.commands.simulators import Simulators, run_in_background
from gateway.sandbox.clock import RunningClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.faults import FaultSettings
from gateway.sandbox.generated_records import keep_arriving
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.options import DeliveriesOptions, LogisticsOptions, SmsOptions
from gateway.sandbox.server import serving
from gateway.sandbox.simulator import Simulator
from gateway.sandbox.sms.simulator import create_sms
from soaking.operations import RecordIds

_TOKEN: Final = "soak"  # noqa: S105 - of a simulator, during one run
_SPEED: Final = 60.0

FAULTS: Final = (
    FaultSettings(latency_seconds=0.3),
    FaultSettings(error_rate=0.5, error_status=500),
    FaultSettings(error_rate=0.3, error_status=502, latency_seconds=0.1),
    FaultSettings(outage="refuse"),
    FaultSettings(outage="503", retry_after_seconds=1),
    FaultSettings(rate_limited=True, retry_after_seconds=1),
    FaultSettings(cut=True),
    FaultSettings(nonsense="html"),
    FaultSettings(nonsense="truncated"),
    FaultSettings(nonsense="empty_object"),
    FaultSettings(nonsense="error_in_200"),
    FaultSettings(latency_seconds=8.0),
)
"""What happens to one upstream at a time."""

Identify = Callable[[str], tuple[str, str] | None]
"""From the value of Authorization to the name of the credentials and the value for the simulator; None for neither."""


class Tokens:
    """The logistics tokens of sessions; run lifetime."""

    def __init__(self) -> None:
        self._stamps: dict[str, str] = {}

    def add(self, token: str, stamp: str) -> None:
        """Note whose token this is."""
        self._stamps[token] = stamp

    def identify(self, authorization: str) -> tuple[str, str] | None:
        """Identify the bearer of a session's or an account's token."""
        token = authorization.removeprefix("Bearer ")
        stamp = self._stamps.get(token)
        return (stamp, authorization) if stamp is not None else account_of_bearer(authorization)


def account_of_bearer(authorization: str) -> tuple[str, str] | None:
    """Identify an account by its token, `<name>:<version>`."""
    name, colon, _ = authorization.removeprefix("Bearer ").partition(":")
    return (name, f"Bearer {_TOKEN}") if colon else None


def account_of_basic(authorization: str) -> tuple[str, str] | None:
    """Identify an account by its user name at the SMS API."""
    name, _, _ = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    login = base64.b64encode(f"{SmsOptions().username}:{SmsOptions().password}".encode()).decode()
    return name, f"Basic {login}"


class Stamping:
    """ASGI middleware that names the asking credentials in each record; server lifetime.

    Args:
        app: The simulator.
        member: The member of a record's JSON that holds the name.
        identify: Identifies the credentials.
        tokens: Learns the tokens of new sessions.
    """

    def __init__(self, app: ASGIApp, member: str, identify: Identify, tokens: Tokens) -> None:
        self._app = app
        self._member = member
        self._identify = identify
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with stamped records."""
        if scope["path"] == "/platform/sso/token":
            await self._app(scope, *self._login(receive, send))
            return
        headers = dict(scope["headers"])
        found = self._identify(headers.get(b"authorization", b"").decode())
        if found is None:
            await self._app(scope, receive, send)
            return
        stamp, authorization = found
        headers[b"authorization"] = authorization.encode()
        stamped = _edited(send, lambda document: _replace(document, self._member, stamp))
        await self._app({**scope, "headers": list(headers.items())}, receive, stamped)

    def _login(self, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """Note the tokens that a session id is exchanged for, and make each session one of another person."""
        stamps: list[str] = []

        async def noted() -> Message:
            message = await receive()
            if message.get("body"):
                stamps.append(orjson.loads(message["body"])["session_id"])
            return message

        def edit(document: Any) -> None:  # noqa: ANN401 - any JSON value
            if isinstance(document, dict) and "bearer_token" in document:
                self._tokens.add(document["bearer_token"], stamps[0])
                document["user"]["id"] = stamps[0]

        return noted, _edited(send, edit)


def _replace(document: Any, member: str, value: str) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(document, dict):
        if member in document:
            document[member] = value
        for child in document.values():
            _replace(child, member, value)
    elif isinstance(document, list):
        for child in document:
            _replace(child, member, value)


def _edited(send: Send, edit: Callable[[Any], None]) -> Send:
    """Return a `send` that changes the JSON of a response that comes as a whole; others are cut by a fault."""
    held: list[Message] = []

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            held.append(message)
            return
        start = held.pop() if held else None
        body = message.get("body", b"")
        if start is not None and not message.get("more_body") and start["status"] < 300:
            body = _edited_body(body, edit)
            kept = [one for one in start["headers"] if one[0].lower() != b"content-length"]
            start = {**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
        if start is not None:
            await send(start)
        await send({**message, "body": body})

    return sending


def _edited_body(body: bytes, edit: Callable[[Any], None]) -> bytes:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    edit(document)
    return orjson.dumps(document)


@dataclass
class Upstreams:
    """The served simulators; run lifetime."""

    simulators: Simulators
    clock: RunningClock
    urls: dict[str, str]

    @property
    def ids(self) -> RecordIds:
        """The ids of the records that there are now, without the oldest, which are removed soon."""
        tasks = [task.id for task in self.simulators.logistics.tasks]
        deliveries = list(self.simulators.deliveries.store.send_tasks)
        jobs = [job.job_id for job in self.simulators.sms.data_centres[0].open_jobs(self.clock.now())]
        return RecordIds(tasks[40:], deliveries[40:], jobs or ["J.none"])

    @property
    def faulty(self) -> tuple[Simulator, ...]:
        """Those that get faults."""
        sims = self.simulators
        return sims.deliveries, sims.sms.primary, sims.sms.secondary, sims.logistics

    def fail(self, chance: Random) -> str:
        """Give one of the upstreams a fault, and return its name and the fault."""
        simulator, fault = chance.choice(self.faulty), chance.choice(FAULTS)
        if fault.rate_limited:
            # A pace that was learnt from a 429 makes Redis part of each call for minutes: one upstream is enough.
            simulator = self.simulators.sms.primary
        simulator.faults.settings = fault
        return f"{simulator.name}: {simulator.faults.settings}"

    def recover(self) -> None:
        """Remove all faults."""
        for simulator in self.faulty:
            simulator.faults.clear()


async def start_upstreams(stack: AsyncExitStack, seed: int) -> Upstreams:
    """Serve the simulators until the stack is closed."""
    clock = RunningClock(speed=_SPEED)
    deliveries = create_deliveries(clock, seed=seed, options=DeliveriesOptions(token=_TOKEN))
    sms = create_sms(clock, seed=seed)
    logistics = create_logistics(clock, seed=seed, options=LogisticsOptions(token=_TOKEN, session_seconds=86_400))
    simulators, tokens = Simulators(deliveries, sms, logistics), Tokens()
    for arrivals in simulators.arrivals:
        arrivals.catch_up(clock.now())
    apps = {
        "deliveries": Stamping(deliveries.app, "batch-id", account_of_bearer, tokens),
        "primary": Stamping(sms.primary.app, "src", account_of_basic, tokens),
        "secondary": Stamping(sms.secondary.app, "src", account_of_basic, tokens),
        "logistics": Stamping(logistics.app, "invoice_number", tokens.identify, tokens),
    }
    urls = {name: await stack.enter_async_context(serving(app)) for name, app in apps.items()}
    run_in_background(stack, keep_arriving(simulators.arrivals, clock, sleep=asyncio.sleep, every_seconds=1.0))
    return Upstreams(simulators, clock, urls)
