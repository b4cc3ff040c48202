"""Operations of one caller against the schema, over real clients and whichever transport a test gives them."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from strawberry.types import ExecutionResult

from resolvers.accounts import Account
from resolvers.context import Context
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from schema.root import build_schema

SCHEMA = build_schema()

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


class NoWayOut:
    """A transport for operations that must end before any call."""

    async def send(self, call: Call) -> Answer:
        raise AssertionError(f"{call.operation} was called")


def context_over(transport: Transport, base_url: str = "http://upstream.invalid") -> Context:
    account = Account(
        "caller",
        {
            UpstreamName.DELIVERIES: DeliveriesClient(transport, DeliveriesConfig(base_url)),
            UpstreamName.SMS: SmsClient([transport], transport, SmsConfig((base_url,), base_url)),
            UpstreamName.LOGISTICS: LogisticsClient(transport, LogisticsConfig(base_url)),
        },
    )
    return Context(account, CallScope(deadline=math.inf), now=lambda: NOW)


async def execute(document: str, variables: Mapping[str, Any], context: Context) -> ExecutionResult:
    result = await SCHEMA.execute(document, dict(variables), context_value=context)
    assert isinstance(result, ExecutionResult)
    return result


def replaced(variables: Mapping[str, Any], place: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Variables with another value at one place."""
    changed: dict[str, Any] = json.loads(json.dumps(variables))
    *parents, last = place
    inside: Any = changed
    for step in parents:
        inside = inside[step]
    inside[last] = value
    return changed
