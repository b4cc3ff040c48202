"""`gateway simulators`: serve the simulated upstreams without a gateway, for gateways in other processes."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any, Final

import uvicorn

from gateway.sandbox.clock import AdjustableClock, Clock, RunningClock
from gateway.sandbox.deliveries.simulator import DeliveriesSimulator, create_deliveries
from gateway.sandbox.generated_records import Arrivals, keep_arriving
from gateway.sandbox.logistics.simulator import LogisticsSimulator, create_logistics
from gateway.sandbox.options import LogisticsOptions
from gateway.sandbox.server import serving
from gateway.sandbox.sms.simulator import SmsSimulators, create_sms

HOST: Final = "127.0.0.1"
_NOT_LISTENING: Final = 2


@dataclass(frozen=True, slots=True)
class SimulatorUrls:
    """The base URLs of the simulators."""

    deliveries: str
    sms_primary: str
    sms_secondary: str
    sms_send: str
    logistics: str


@dataclass(frozen=True, slots=True)
class Simulators:
    """The simulated upstreams; command lifetime."""

    deliveries: DeliveriesSimulator
    sms: SmsSimulators
    logistics: LogisticsSimulator

    @property
    def arrivals(self) -> tuple[Arrivals, ...]:
        """The arrivals of new records of each simulator."""
        return self.deliveries.arrivals, self.sms.arrivals, self.logistics.arrivals


def create_simulators(clock: AdjustableClock, *, seed: int, webhook_url: str = "") -> Simulators:
    """Create the simulators with their records at the start.

    Args:
        clock: The clock that they share.
        seed: The same seed gives the same records.
        webhook_url: The URL in the partner detail of the logistics API.
    """
    simulators = Simulators(
        create_deliveries(clock, seed=seed),
        create_sms(clock, seed=seed),
        create_logistics(clock, seed=seed, options=LogisticsOptions(webhook_url=webhook_url)),
    )
    # Records at the start must exist before a webhook sender, so that it sends nothing for them.
    for arrivals in simulators.arrivals:
        arrivals.catch_up(clock.now())
    return simulators


async def start_simulators(
    stack: AsyncExitStack, simulators: Simulators, clock: Clock, *, host: str = HOST, port: int = 0
) -> SimulatorUrls:
    """Serve the simulators, each at a port of its own, and let new records arrive until the stack is closed.

    Args:
        stack: Stops them when it is closed.
        simulators: The simulators.
        clock: The clock that they share.
        host: The address to listen on.
        port: The first of five consecutive ports; 0 selects free ones.

    Raises:
        OSError: A port is in use, or the address does not belong to this machine.
    """
    sms = simulators.sms
    apps = [one.app for one in (simulators.deliveries, sms.primary, sms.secondary, sms.send, simulators.logistics)]
    ports = range(port, port + len(apps)) if port else [0] * len(apps)
    urls = [
        await stack.enter_async_context(serving(app, host=host, port=number))
        for app, number in zip(apps, ports, strict=True)
    ]
    run_in_background(stack, keep_arriving(simulators.arrivals, clock, sleep=asyncio.sleep))
    return SimulatorUrls(*urls)


def run_in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine until the stack is closed."""
    stack.push_async_callback(_cancelled, asyncio.create_task(work))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    # Its cancellation comes back as an exception.
    await asyncio.gather(task, return_exceptions=True)


def run(*, host: str, port: int, seed: int = 1, speed: float = 10.0) -> int:
    """Serve the simulators until a signal to stop. They have no webhooks: a gateway polls them.

    Args:
        host: The address to listen on. Beyond loopback, everybody who reaches it may change the records and faults.
        port: The first of five consecutive ports; 0 selects free ones.
        seed: The same seed gives the same records.
        speed: Sandbox seconds per real second.

    Returns:
        The exit code: 0, or 2 if an address cannot be listened on, with a line on standard error.
    """
    loop_factory = uvicorn.Config("", loop="uvloop", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        try:
            runner.run(_serve(host, port, seed, speed))
        except OSError as error:
            sys.stderr.write(f"The simulators cannot listen on {host}, ports {port} to {port + 4}: {error.strerror}\n")
            return _NOT_LISTENING
    return 0


async def _serve(host: str, port: int, seed: int, speed: float) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    clock = RunningClock(speed=speed)
    async with AsyncExitStack() as stack:
        urls = await start_simulators(stack, create_simulators(clock, seed=seed), clock, host=host, port=port)
        sys.stdout.write("".join(f"{name:16}{url}\n" for name, url in asdict(urls).items()))
        sys.stdout.flush()
        await stopped.wait()
