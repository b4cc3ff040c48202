"""Accounts over the simulators without sockets, and what to ask of them."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from gateway.operations.documents.limits import DocumentLimits
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.options import DeliveriesOptions, LogisticsOptions, SmsOptions
from gateway.sandbox.sms.simulator import create_sms
from resolvers.accounts import Account
from resolvers.connections import Offset, cursor_at, name_under
from resolvers.context import Context
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.deliveries.requests import DeliveryFilters
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.transport.credentials import FixedCredentials
from tests.operations.replayed import ReplayedUpstream

NOW: Final = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
UNBOUNDED: Final = DocumentLimits(depth=100, tokens=100_000, aliases=1000, directives=1000)


async def simulated_account(failing: int) -> Account:
    clock = ManualClock(NOW)
    sms = create_sms(clock)
    options, login = DeliveriesOptions(token="fixed"), SmsOptions()
    basic = await FixedCredentials.basic(login.username, login.password).authorization(CallScope(0))
    logistics = ReplayedUpstream(create_logistics(clock).app, f"Bearer {LogisticsOptions().token}", failing)
    keys = LogisticsOptions()
    return Account(
        "own",
        {
            UpstreamName.DELIVERIES: DeliveriesClient(
                ReplayedUpstream(create_deliveries(clock, options=options).app, "Bearer fixed", failing),
                DeliveriesConfig("http://deliveries/api/v1"),
            ),
            UpstreamName.SMS: SmsClient(
                [ReplayedUpstream(one.app, basic, failing) for one in (sms.primary, sms.secondary)],
                ReplayedUpstream(sms.send.app, basic),
                SmsConfig(("http://de2/rest/v1", "http://de1/rest/v1"), "http://eu/rest/v1"),
            ),
            UpstreamName.LOGISTICS: LogisticsClient(
                logistics,
                LogisticsConfig("http://logistics", client_key=keys.client_key, secret_key=keys.secret_key),
            ),
        },
    )


async def arguments_for(account: Account) -> dict[str, dict[str, list[str]]]:
    """Literals of things that exist, of things that do not, and of pages."""
    context = Context(account, CallScope(asyncio.get_running_loop().time() + 60), now=lambda: NOW)
    job_ids = [f'"J.{number}"' for number in range(2)]
    tasks = ['"00000000-0000-4000-8000-000000000000"']
    try:
        listed = await account.logistics.tasks(context.scope, page=1, per_page=3, descending=False)
        tasks += [f'"{task.task_id}"' for task in listed.records]
    except Exception:  # noqa: BLE001, S110 - the list may be one of the questions that fail
        pass
    ids = [f'"Delivery:{number}"' for number in range(1, 6)] + [f'"LogisticsTask:{task[1:]}' for task in tasks]
    behind_third = cursor_at(Offset(name_under("deliveries", DeliveryFilters()), 2))
    pages = {"first": ["1", "2", "3", "0", "101"], "after": [f'"{behind_third}"', '"nonsense"', "null"]}
    return {
        "statusChanged": {"ids": [f"[{', '.join(ids[:count])}]" for count in (1, 3)]},
        "node": {"id": [*ids, '"Product:1"', '"Nothing:1"']},
        "nodes": {"ids": [f"[{', '.join(ids[:count])}]" for count in (1, 3, 7)]},
        "delivery": {"id": ['"1"', '"2"', '"Delivery:3"', '"SmsJob:3"', '"999999"']},
        "deliveries": {**pages, "filter": ["{status: COMPLETED}", "{status: UNKNOWN}", "{}", '{productId: "1"}']},
        "smsJob": {"id": job_ids},
        "smsJobs": {"first": pages["first"], "open": ["true", "false"]},
        "recipients": {"jobId": job_ids, "first": pages["first"]},
        "logisticsTask": {"id": tasks},
        "logisticsTasks": {"first": pages["first"], "order": ["ASC", "DESC"]},
        "organizations": {"first": pages["first"]},
        "organization": {"id": ['"x"']},
        "priceQuote": {
            "input": [
                "{serviceType: CAR, stops: [{latitude: 1.2, longitude: 103.8}, {latitude: 1.3, longitude: 103.9}]}",
                "{serviceType: LTL, stops: []}",
            ]
        },
    }
