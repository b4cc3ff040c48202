"""`gateway sandbox`: serve the gateway over simulated upstreams, in one process and on loopback only."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from socket import socket
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import orjson
import uvicorn
from starlette.types import ASGIApp
from uvicorn.importer import import_from_string

from gateway.commands.sandbox_examples import sandbox_examples
from gateway.commands.serve import GATEWAY_APP, listen, server_config
from gateway.commands.simulators import (
    HOST,
    Simulators,
    SimulatorUrls,
    create_simulators,
    run_in_background,
    start_simulators,
)
from gateway.http.cross_site import LOOPBACK_ORIGINS
from gateway.ide.page import Example
from gateway.sandbox.clock import Clock, RunningClock
from gateway.sandbox.logistics.simulator import LogisticsSimulator
from gateway.sandbox.logistics.webhooks import WebhookSender
from gateway.sandbox.options import DeliveriesOptions, LogisticsOptions, SmsOptions
from gateway.settings import Settings, SettingsProblems, load_settings

_WRONG_SETTINGS: Final = 2
_WEBHOOK_SECRET: Final = "sandbox"  # noqa: S105 - on loopback, and public
_STATUS_KEY: Final = "sandbox"
# The operator's upstreams, Redis and callers must not be used by the sandbox.
_ALLOWED_SETTINGS: Final = (
    "PORT",
    "LOG__",
    "CACHE__",
    "COMPRESSION__",
    "CONNECTIONS__",
    "CORS_",
    "DEADLINE_SECONDS",
    "EVENTS__",
    "LIMITS__",
    "MAX_BODY_BYTES",
    "PUBLIC_URL",
    "STATUS_KEY",
)


OPERATIONS: Final[Mapping[str, str]] = {
    "Everything at once, from all three upstreams": (
        "{ deliveries(first: 3) { totalCount nodes { sendTaskId status product { name } } }"
        " smsJobs(first: 3) { nodes { jobId progress recipientCount } }"
        " logisticsTasks(first: 3) { nodes { taskId status pickup { address { streetAddress } } } } }"
    ),
    "What a delivery by motorcycle would cost": (
        "{ priceQuote(input: { serviceType: MOTORCYCLE, stops: ["
        '{ address: "1 Raffles Place, Singapore" }, { address: "10 Bayfront Avenue, Singapore" }] })'
        " { total { amount currency } waypoints } }"
    ),
    "Send an SMS, to nobody": (
        'mutation { sendSms(input: { messages: [{ text: "Hello", recipients: [{ destination: "+6591234567" }] }] })'
        " { job { jobId progress } errors { message } } }"
    ),
}
"""Example operations by title."""


def banner(gateway_url: str, simulators: Mapping[str, str], *, own_key: bool = False) -> str:
    """Return the text printed at the start.

    Args:
        gateway_url: The base URL of the gateway, such as "http://127.0.0.1:8000".
        simulators: The base URL of each simulator, by name.
        own_key: Whether the settings name a key of the status page, which only its owner knows.
    """
    key = "of GATEWAY_STATUS_KEY" if own_key else _STATUS_KEY
    endpoint = f"{gateway_url}/graphql"
    tries = "".join(f"\n  # {title}\n  {_curl(endpoint, operation)}\n" for title, operation in OPERATIONS.items())
    upstreams = "".join(f"  {name:16}{url}\n" for name, url in simulators.items())
    first = next(iter(simulators.values()))
    return (
        f"\nThe sandbox is up. Open {endpoint} in a browser, or try:\n{tries}"
        f"\nThe simulated upstreams, whose records are made up:\n{upstreams}"
        f"\nSwitch a fault on, and off again:\n"
        f'  curl -X PUT {first}/_sandbox/faults -d \'{{"outage":"503"}}\'\n'
        f"  curl -X DELETE {first}/_sandbox/faults\n"
        f"\nThe state of it all, for the user operator with the key {key}: {gateway_url}/status\n"
        f"\nCtrl-C ends it.\n"
    )


def _curl(endpoint: str, operation: str) -> str:
    body = orjson.dumps({"query": operation}).decode()
    return f"curl -s {endpoint} -H 'content-type: application/json' -d {shlex.quote(body)}"


def run(
    environment: Mapping[str, str],
    *,
    port: int | None = None,
    seed: int = 1,
    speed: float = 10.0,
    webhooks: bool = True,
    app: str = GATEWAY_APP,
) -> int:
    """Serve the sandbox until a signal to stop.

    Args:
        environment: The settings; those of upstreams, Redis and callers are ignored.
        port: The port of the gateway, 0 for a free one; the default is GATEWAY_PORT or 8000.
        seed: The same seed gives the same records.
        speed: Sandbox seconds per real second.
        webhooks: Whether the simulated logistics API sends webhooks.
        app: The factory of the gateway's app, as "module:function"; called with the settings and examples.

    Returns:
        The exit code: 0, or 2 for invalid settings, with a line for each on standard error.
    """
    given = {"GATEWAY_PORT": str(port)} if port is not None else {}
    sandbox = _Sandbox({**_allowed_settings(environment), **given}, seed=seed, speed=speed, webhooks=webhooks)
    try:
        # Uvicorn chooses the loop in `run` only, and here the simulators share it.
        with asyncio.Runner(
            loop_factory=uvicorn.Config(app, loop="uvloop", log_config=None).get_loop_factory()
        ) as runner:
            runner.run(sandbox.serve(import_from_string(app)))
    except SettingsProblems as wrong:
        sys.stderr.write(f"{wrong}\n")
        return _WRONG_SETTINGS
    return 0


def sandbox_environment(urls: SimulatorUrls, port: int, directory: Path) -> dict[str, str]:
    """Return the settings of a gateway over the simulators that accepts any caller on this machine.

    Args:
        urls: The base URLs of the simulators.
        port: The port of the gateway.
        directory: A directory for its files.
    """
    deliveries, sms, logistics = DeliveriesOptions(), SmsOptions(), LogisticsOptions()
    return {
        "GATEWAY_HOST": HOST,
        "GATEWAY_PORT": str(port),
        # No load balancer routes to a sandbox, so there is nothing to wait for at its end.
        "GATEWAY_DRAIN_SECONDS": "0",
        "GATEWAY_AUTH__ANONYMOUS": "true",
        # A new one each time: the sessions that it seals are in a temporary directory as well.
        "GATEWAY_SECRET_KEYS": token_urlsafe(32),
        "GATEWAY_SESSIONS__DATABASE": str(directory / "sessions.sqlite3"),
        "GATEWAY_IDEMPOTENCY__DATABASE": str(directory / "idempotency.sqlite3"),
        "GATEWAY_WEBHOOK_SECRET": _WEBHOOK_SECRET,
        "GATEWAY_DELIVERIES__URL": f"{urls.deliveries}/api/v1",
        "GATEWAY_DELIVERIES__EMAIL": deliveries.email,
        "GATEWAY_DELIVERIES__PASSWORD": deliveries.password,
        "GATEWAY_SMS__URLS": f"{urls.sms_primary}/rest/v1,{urls.sms_secondary}/rest/v1",
        "GATEWAY_SMS__SEND_URL": f"{urls.sms_send}/rest/v1",
        "GATEWAY_SMS__USERNAME": sms.username,
        "GATEWAY_SMS__PASSWORD": sms.password,
        "GATEWAY_LOGISTICS__URL": urls.logistics,
        "GATEWAY_LOGISTICS__TOKEN": logistics.token,
        "GATEWAY_LOGISTICS__CLIENT_KEY": logistics.client_key,
        "GATEWAY_LOGISTICS__SECRET_KEY": logistics.secret_key,
        "GATEWAY_LOGISTICS__AUTHORIZE_URL": f"{urls.logistics}/oauth2/auth",
    }


class _Sandbox:
    """Simulators and gateway in one event loop; command lifetime."""

    def __init__(self, environment: Mapping[str, str], *, seed: int, speed: float, webhooks: bool) -> None:
        self._environment = environment
        self._seed = seed
        self._webhooks = webhooks
        self._clock = RunningClock(speed=speed)

    async def serve(self, create_app: Callable[..., ASGIApp]) -> None:
        # Checked before anything starts. The other settings follow once the simulators have URLs.
        wanted = load_settings({**self._environment, "GATEWAY_AUTH__ANONYMOUS": "true"})
        # Bound first, because the simulators send their webhooks to this port.
        listener = listen(HOST, wanted.port)
        port = listener.getsockname()[1]
        webhook_url = f"http://{HOST}:{port}/webhooks/logistics/{_WEBHOOK_SECRET}"
        simulators = create_simulators(self._clock, seed=self._seed, webhook_url=webhook_url)
        async with AsyncExitStack() as stack:
            directory = stack.enter_context(TemporaryDirectory(prefix="gateway-sandbox-"))
            urls = await start_simulators(stack, simulators, self._clock)
            simulated = sandbox_environment(urls, port, Path(directory))
            # In this order, so that nothing in the environment leads away from the simulators.
            settings = load_settings({**_defaults(port), **self._environment, **simulated, **_origins(wanted)})
            if self._webhooks:
                await self._start_webhooks(stack, simulators.logistics, webhook_url)
            gateway = create_app(settings, examples=partial(_examples, simulators, self._clock))
            greeting = banner(f"http://{HOST}:{port}", asdict(urls), own_key=wanted.status_key is not None)
            server = _Server(server_config(settings, gateway), greeting)
            await server.serve(sockets=[listener])

    async def _start_webhooks(self, stack: AsyncExitStack, logistics: LogisticsSimulator, url: str) -> None:
        # A proxy that the environment names does not reach this machine's loopback.
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))

        async def post(to: str, body: bytes) -> int | None:
            try:
                answer = await client.post(to, content=body, headers={"content-type": "application/json"})
            except httpx.HTTPError:
                return None
            return answer.status_code

        sender = WebhookSender(logistics.tasks, self._clock, url, post=post, sleep=asyncio.sleep)
        run_in_background(stack, sender.run())


class _Server(uvicorn.Server):
    """A server that prints the banner once it has started, and stops the sandbox at a signal; command lifetime."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self._greeting)
            # A program that has started the sandbox waits for it, and a pipe would keep it back.
            sys.stdout.flush()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn's own raises the signal again at its end, before the simulators would be closed.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _examples(simulators: Simulators, clock: Clock) -> list[Example]:
    now = clock.now()
    jobs = [job for data_centre in simulators.sms.data_centres for job in data_centre.open_jobs(now)]
    return sandbox_examples(simulators.deliveries.store.send_tasks.values(), jobs, simulators.logistics.tasks, now)


def _defaults(port: int) -> dict[str, str]:
    """Return defaults that the environment may replace. There is no proxy in front, so the public URL is known."""
    return {
        "GATEWAY_LOG__LEVEL": "warning",
        "GATEWAY_PUBLIC_URL": f"http://{HOST}:{port}",
        "GATEWAY_STATUS_KEY": sha256(_STATUS_KEY.encode()).hexdigest(),
    }


def _origins(wanted: Settings) -> dict[str, str]:
    """Allow the loopback origins, where front ends are developed."""
    return {"GATEWAY_CORS_ORIGINS": ",".join((*wanted.cors_origins, *LOOPBACK_ORIGINS))}


def _allowed_settings(environment: Mapping[str, str]) -> dict[str, str]:
    prefixes = tuple(f"GATEWAY_{name}" for name in _ALLOWED_SETTINGS)
    return {name: value for name, value in environment.items() if name.upper().startswith(prefixes)}
