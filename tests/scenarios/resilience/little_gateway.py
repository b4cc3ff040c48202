"""Everything between a request and the wire as it is in service, over scripted wires in virtual time."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.composition.upstreams import cache_config
from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.cost.budget import SpentCounts
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.execution import core_schema
from gateway.operations.request import GraphQLRequest
from gateway.operations.stack import OperationSurroundings, build_operation_stack
from gateway.settings.groups import CacheSettings
from gateway.settings.model import Settings
from resolvers.accounts import Account
from resolvers.cache.records import RecordCache
from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, Transport
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.transport.credentials import Authorizing, FixedCredentials
from resolvers.upstreams.transport.shared_rate import LocalRate
from resolvers.upstreams.transport.stack import Stack, StackConfig, StackSurroundings, build_stack, loop_clock
from schema.root import build_schema

SCHEMA: Final = build_schema()
BASE: Final = "http://upstream.test"

Operation = tuple[str, str | None, dict[str, Any] | None]
"""Document, name and variables."""

_TIMES = {"created-at": "2020-01-01T00:00:00Z", "updated-at": "2020-01-01T00:00:00Z"}
_STATE = {"deliverable": True, "delivery-type": "delivery", "status": "pending", **_TIMES}


def now() -> float:
    return loop_clock()


@dataclass
class Wire:
    """An innermost transport that knows every delivery and every job; lives one test.

    Args:
        trouble: What is raised or answered instead, if anything.
        seconds: What a call takes.
        sent: When each call came.
    """

    trouble: Callable[[Call], Answer | Exception | None] = field(default=lambda _: None)
    seconds: Callable[[], float] = field(default=lambda: 0.02)
    sent: list[float] = field(default_factory=list)

    async def send(self, call: Call) -> Answer:
        call.tries += 1
        self.sent.append(now())
        await self._take_time(call)
        trouble = self.trouble(call)
        if isinstance(trouble, Exception):
            raise trouble
        return trouble or Answer(200, {}, orjson.dumps(_body(call.url.removeprefix(BASE))))

    async def _take_time(self, call: Call) -> None:
        """As the wire does: no longer than the try may take."""
        seconds = self.seconds()
        await asyncio.sleep(min(seconds, call.timeout))
        if seconds > call.timeout:
            raise UpstreamTimeout(call.upstream, "No answer in time.")


@dataclass
class Told:
    """An answer, when it came, and how long it took; times in seconds."""

    at: float
    seconds: float
    json: dict[str, Any]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return "errors" not in self.json and all(value is not None for value in self.json["data"].values())

    @property
    def gateway(self) -> dict[str, Any]:
        """What it tells beside the data."""
        told: dict[str, Any] = self.json.get("extensions", {}).get("gateway", {})
        return told


class LittleGateway:
    """One account over a wire for each upstream, with the caches and policies of the defaults; lives one test.

    Args:
        deliveries: The send-tasks API.
        sms: The data centres of the SMS API, the primary first; jobs are posted there.
        deadline_seconds: What an operation may take.
        cache: Where it differs from the defaults.
    """

    def __init__(
        self,
        deliveries: Transport,
        sms: Transport,
        *,
        deadline_seconds: float = 15,
        cache: CacheSettings | None = None,
    ) -> None:
        settings = Settings(deadline_seconds=deadline_seconds, cache=cache or CacheSettings())
        surroundings = StackSurroundings(random=Random(1).random, rate=LocalRate(loop_clock))  # noqa: S311 - jitter
        self._random = Random(2)  # noqa: S311 - jitter
        self.stacks = {
            name: build_stack(wire, name.name, StackConfig(), surroundings)
            for name, wire in ((UpstreamName.DELIVERIES, deliveries), (UpstreamName.SMS, sms))
        }
        self.records = RecordCache(cache_config(settings), clock=loop_clock, wall=loop_clock, random=self._random)
        self.caller = Caller("caller", self._account(self.stacks))
        around = OperationSurroundings(None, self.records, RequestCounts(), SpentCounts())
        stack = build_operation_stack(settings, core_schema(SCHEMA), CompiledExecution(SCHEMA), around)
        self._operations = stack.operations

    def _account(self, stacks: Mapping[UpstreamName, Stack]) -> Account:
        deliveries, sms = (
            Authorizing(stacks[name].transport, FixedCredentials.bearer("token"), "own")
            for name in (UpstreamName.DELIVERIES, UpstreamName.SMS)
        )
        return Account(
            "own",
            {
                UpstreamName.DELIVERIES: DeliveriesClient(deliveries, DeliveriesConfig(BASE)),
                UpstreamName.SMS: SmsClient([sms], sms, SmsConfig((BASE,), BASE)),
            },
            health={name: [stack.health] for name, stack in stacks.items()},
            records=self.records,
        )

    async def ask(self, operation: Operation, scope: Scope | None = None) -> Told:
        """Run an operation."""
        began = now()
        request = GraphQLRequest(*operation, None, may_mutate=True, request_id="request")
        reply = await self._operations.run(request, scope or {"headers": []}, self.caller)
        return Told(now(), now() - began, orjson.loads(reply.body))

    async def load(self, operations: Callable[[int], Operation], *, seconds: float, every: float) -> list[Told]:
        """Run operations at a steady pace, whether or not those before have been answered.

        Args:
            operations: The operation of each number.
            seconds: For how long.
            every: The time from one to the next.
        """
        running = []
        for number in range(round(seconds / every)):
            running.append(asyncio.create_task(self.ask(operations(number))))
            await asyncio.sleep(every)
        return await asyncio.gather(*running)


def delivery(number: int) -> Operation:
    """Asks for one delivery."""
    return "query ($id: ID!) { delivery(id: $id) { id status } }", None, {"id": str(number)}


def job(number: int) -> Operation:
    """Asks for one SMS job."""
    return "query ($id: ID!) { smsJob(id: $id) { jobId source } }", None, {"id": str(number)}


def _body(path: str) -> Any:  # noqa: ANN401 - JSON
    last = path.rpartition("/")[2]
    if path.startswith("/sms"):
        return [{"smsId": "s1", "dst": "+491", "processStatus": "OPEN"}]
    if path.startswith("/jobs/"):
        return {"jobId": last, "recipientIds": ["s1"], "source": "a shop"}
    if "?" not in path:
        return {"data": {"id": last, "attributes": _STATE}}
    return {"data": [{"id": "1", "attributes": _STATE}], "meta": {"page": {"total": 1, "perPage": 20}}}
