"""All three APIs in memory, whose new things get the ids 1, 2, 3 of their kind, and gateways over them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from gateway.auth.callers import Caller
from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.cost.budget import SpentCounts
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.execution import core_schema
from gateway.operations.request import GraphQLRequest
from gateway.operations.stack import OperationSurroundings, build_operation_stack
from gateway.settings.model import Settings
from resolvers.accounts import Account
from resolvers.cache.records import RecordCache
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from schema.root import build_schema

SCHEMA: Final = build_schema()
BASE: Final = "http://upstream.test"
CREATED: Final = "2030-01-01T00:00:00Z"
MISSING: Final = Answer(404, {}, b"{}")


@dataclass
class Asked:
    """A request, taken apart; lives until it is answered."""

    path: list[str]
    query: dict[str, str]
    body: Any


@dataclass
class ThreeApis:
    """The upstream of every client of an account; lives one test.

    Args:
        deliveries: Whether each is deliverable, by id.
        tasks: The status of each, by id.
        organizations: The name of each, by id.
        jobs: The text of each, by id.
        answers_whole: Whether creations are answered with the record, or with its id alone.
        calls: The operations asked for, in order.
        hidden: Operations that find nothing yet.
        hold: Waited for by each call once its answer is known.
    """

    deliveries: dict[str, bool] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    organizations: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    answers_whole: bool = True
    calls: list[str] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    hold: Callable[[Call], Awaitable[None]] | None = None

    async def send(self, call: Call) -> Answer:
        self.calls.append(call.operation)
        parts = urlsplit(call.url)
        asked = Asked(
            [unquote(part) for part in parts.path.split("/")],
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            orjson.loads(call.body) if call.body else None,
        )
        answer: Answer = getattr(self, f"_{call.operation}")(asked)
        if self.hold is not None:
            await self.hold(call)
        return MISSING if call.operation in self.hidden else answer

    def _delivery(self, asked: Asked) -> Answer:
        return ok({"data": self._shown_delivery(asked.path[-1])}) if asked.path[-1] in self.deliveries else MISSING

    def _deliveries_by_id(self, asked: Asked) -> Answer:
        found = [self._shown_delivery(one) for one in asked.query["filter[id]"].split(",") if one in self.deliveries]
        return ok({"data": found, "meta": {"page": {"total": len(found), "perPage": 50}}})

    def _deliveries(self, asked: Asked) -> Answer:
        shown = [self._shown_delivery(one) for one in page_of(self.deliveries, asked.query["page[number]"])]
        return ok({"data": shown, "meta": {"page": {"total": len(self.deliveries), "perPage": 20}}})

    def _product_of(self, asked: Asked) -> Answer:
        if asked.path[-2] not in self.deliveries:
            return MISSING
        return ok({"data": {"id": "p1", "type": "products", "attributes": {"name": "Product"}}})

    def _create_delivery(self, asked: Asked) -> Answer:
        own_id = str(len(self.deliveries) + 1)
        self.deliveries[own_id] = asked.body["data"]["attributes"]["deliverable"]
        return ok({"data": self._shown_delivery(own_id) if self.answers_whole else {"id": own_id}}, 201)

    def _update_delivery(self, asked: Asked) -> Answer:
        if asked.path[-1] not in self.deliveries:
            return MISSING
        self.deliveries[asked.path[-1]] = asked.body["data"]["attributes"]["deliverable"]
        return self._delivery(asked)

    def _platform_task_detail(self, asked: Asked) -> Answer:
        return ok(self._shown_task(asked.path[-1])) if asked.path[-1] in self.tasks else MISSING

    def _platform_list_tasks(self, asked: Asked) -> Answer:
        return ok({"tasks": [self._shown_task(one) for one in page_of(self.tasks, asked.query["page"])]})

    def _platform_create_tasks(self, asked: Asked) -> Answer:
        return self._new_tasks(asked, "broadcasting")

    def _create_draft_tasks(self, asked: Asked) -> Answer:
        return self._new_tasks(asked, "draft")

    def _cancel_task(self, asked: Asked) -> Answer:
        if asked.path[-2] not in self.tasks:
            return MISSING
        if self.tasks[asked.path[-2]] != "broadcasting":
            return Answer(422, {}, b'{"code": "unprocessable", "message": "Too late."}')
        self.tasks[asked.path[-2]] = "cancelled"
        return ok({"message": "Cancelled."})

    def _broadcast_draft_tasks(self, asked: Asked) -> Answer:
        drafts = [one for one in asked.body["task_ids"] if self.tasks.get(one) == "draft"]
        self.tasks.update(dict.fromkeys(drafts, "broadcasting"))
        return ok({"updated_tasks": [{"id": one} for one in drafts]})

    def _organization_detail(self, asked: Asked) -> Answer:
        own_id = asked.path[-1]
        return ok({"organization": self._shown_organization(own_id)}) if own_id in self.organizations else MISSING

    def _list_organizations(self, asked: Asked) -> Answer:
        shown = [self._shown_organization(one) for one in page_of(self.organizations, asked.query["page"])]
        return ok({"organizations": shown})

    def _create_organization(self, asked: Asked) -> Answer:
        own_id = str(len(self.organizations) + 1)
        self.organizations[own_id] = asked.body["business_name"]
        return ok({"organization": self._shown_organization(own_id) if self.answers_whole else {"id": own_id}}, 201)

    def _job_report(self, asked: Asked) -> Answer:
        own_id = asked.path[-1]
        if own_id not in self.jobs:
            return MISSING
        return ok({"jobId": own_id, "recipientIds": ["s1"], "src": self.jobs[own_id]})

    def _recipients(self, asked: Asked) -> Answer:
        if asked.query["jobId"] not in self.jobs:
            return MISSING
        return ok([{"smsId": "s1", "dst": "+491", "processStatus": "OPEN"}])

    def _job_ids(self, _: Asked) -> Answer:
        return ok([{"jobId": one} for one in self.jobs])

    def _create_job(self, asked: Asked) -> Answer:
        own_id = str(len(self.jobs) + 1)
        self.jobs[own_id] = asked.body["options"]["src"]
        return ok({"jobId": own_id}, 201)

    def _new_tasks(self, asked: Asked, status: str) -> Answer:
        new = [str(len(self.tasks) + 1 + number) for number in range(len(asked.body["tasks"]))]
        self.tasks.update(dict.fromkeys(new, status))
        return ok({"tasks": [self._shown_task(one) if self.answers_whole else {"id": one} for one in new]}, 201)

    def _shown_delivery(self, own_id: str) -> dict[str, Any]:
        times = {"created-at": CREATED, "updated-at": CREATED}
        state = {"deliverable": self.deliveries[own_id], "delivery-type": "delivery", "status": "pending"}
        return {"id": own_id, "type": "send-tasks", "attributes": {**state, **times}}

    def _shown_task(self, own_id: str) -> dict[str, Any]:
        return {"id": own_id, "current_status": self.tasks[own_id], "org_id": "1"}

    def _shown_organization(self, own_id: str) -> dict[str, Any]:
        return {"id": own_id, "business_name": self.organizations[own_id]}


def ok(body: object, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body))


def page_of(records: dict[str, Any], number: str) -> list[str]:
    return list(records)[20 * (int(number) - 1) : 20 * int(number)]


class LittleProcess:
    """A gateway's operations over the three APIs as in a process of its own; lives one test.

    Args:
        apis: What it asks.
        records: Its cache.
    """

    def __init__(self, apis: ThreeApis, records: RecordCache) -> None:
        account = Account(
            "own",
            {
                UpstreamName.DELIVERIES: DeliveriesClient(apis, DeliveriesConfig(BASE)),
                UpstreamName.SMS: SmsClient([apis], apis, SmsConfig((BASE,), BASE)),
                UpstreamName.LOGISTICS: LogisticsClient(apis, LogisticsConfig(BASE)),
            },
            records=records,
        )
        self._caller = Caller("caller", account)
        surroundings = OperationSurroundings(None, records, RequestCounts(), SpentCounts())
        stack = build_operation_stack(Settings(), core_schema(SCHEMA), CompiledExecution(SCHEMA), surroundings)
        self._operations = stack.operations

    async def ask(self, query: str, variables: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The whole answer to an operation."""
        request = GraphQLRequest(query, None, variables, None, may_mutate=True, request_id="request")
        reply = await self._operations.run(request, {"headers": []}, self._caller)
        return orjson.loads(reply.body)
