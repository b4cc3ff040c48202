import asyncio
import math
from typing import Any

import msgspec
import pytest
from graphql import OperationDefinitionNode

from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.documents.documents import Document, Documents
from gateway.operations.execution import Execution, StandardExecution, core_schema
from gateway.operations.responses.stale_paths import stale_paths
from resolvers.accounts import Account
from resolvers.cache.records import RecordCache
from resolvers.context import Context
from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call, CallScope
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from schema.root import build_schema
from tests.cache.notes import Clock, new_cache

BUILT = build_schema()
SCHEMA = core_schema(BUILT)
BASE = "http://upstream.invalid"
TIMES = {"created-at": "2020-01-01T00:00:00Z", "updated-at": "2020-01-01T00:00:00Z"}
STATE = {"deliverable": True, "delivery-type": "delivery", "status": "pending", **TIMES}


class Upstreams:
    """Answers of both APIs, or none."""

    def __init__(self) -> None:
        self.down = False
        self.calls = 0

    async def send(self, call: Call) -> Answer:
        self.calls += 1
        if self.down:
            raise UpstreamUnavailable(UpstreamName.DELIVERIES, "down")
        return Answer(200, {}, msgspec.json.encode(self._body(call.url.removeprefix(BASE))))

    def _body(self, path: str) -> Any:  # noqa: ANN401 - JSON
        if path == "/jobs/broken":
            raise UpstreamUnavailable(UpstreamName.SMS, "down")
        if path.startswith("/sms"):
            return [{"smsId": "s1", "dst": "+491", "processStatus": "OPEN"}]
        if path.startswith("/jobs/"):
            return {"jobId": path.rpartition("/")[2], "recipientIds": ["s1"]}
        if path.endswith("/product"):
            return {"data": {"id": "p1", "attributes": {"name": "A product"}}}
        delivery = {"id": "1", "attributes": STATE}
        return {"data": delivery} if "?" not in path else {"data": [delivery], "meta": {"page": PAGE}}


PAGE = {"total": 1, "perPage": 20}


class Gateway:
    """Operations of one account over a cache whose clock a test moves."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.clock, self.upstreams = Clock(), Upstreams()
        self.cache: RecordCache = new_cache(self.clock, ttl_active=5, ttl_reference=600, grace=300)
        self.account = Account(
            "own",
            {
                UpstreamName.DELIVERIES: DeliveriesClient(self.upstreams, DeliveriesConfig(BASE)),
                UpstreamName.SMS: SmsClient([self.upstreams], self.upstreams, SmsConfig((BASE,), BASE)),
            },
            records=self.cache,
        )

    async def stale(self, query: str, *, errors: int = 0) -> dict[str, float]:
        document: Document = Documents(SCHEMA).get(query)
        assert not document.errors, document.errors
        operation: OperationDefinitionNode = document.operation(None)
        context = Context(self.account, CallScope(math.inf))
        result = await self.execution.execute(document, operation, None, context)
        assert len(result.errors or ()) == errors, result.errors
        context.close()
        paths = stale_paths(context.read_set, result.data)
        refreshes = [batch.task for batch in self.cache.batches if batch.task]
        assert len(refreshes) == len(self.cache.batches)
        await asyncio.gather(*refreshes)
        return {".".join(str(step) for step in one["path"]): one["ageSeconds"] for one in paths}


@pytest.fixture(params=["compiled", "standard"])
def gateway(request: pytest.FixtureRequest) -> Gateway:
    compiled = request.param == "compiled"
    return Gateway(CompiledExecution(BUILT) if compiled else StandardExecution(SCHEMA))


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ('{ mine: delivery(id: "1") { id product { name } } }', {"mine"}),
        ('{ nodes(ids: ["Delivery:1", "SmsJob:j1"]) { id } }', {"nodes.0", "nodes.1"}),
        ('{ nodes(ids: ["Recipient:j1/s1"]) { id } }', {"nodes.0"}),
        ('{ node(id: "Recipient:j1/s1") { id } }', {"node"}),
        ('{ smsJob(id: "j1") { jobId recipientSummary { pending } } }', {"smsJob", "smsJob.recipientSummary"}),
        ('{ a: recipients(jobId: "j1") { nodes { job { jobId } } } }', {"a", "a.nodes.0.job"}),
        ("{ __typename }", set()),
    ],
)
async def test_each_field_that_got_a_stale_record_is_named_with_its_age(
    gateway: Gateway, query: str, paths: set[str]
) -> None:
    fresh = await gateway.stale(query)
    gateway.clock.advance(30)

    stale = await gateway.stale(query)

    assert fresh == {}
    assert stale == dict.fromkeys(paths, 30.0)


async def test_what_a_relationship_leads_to_is_named_where_it_is_stale_itself(gateway: Gateway) -> None:
    query = '{ delivery(id: "1") { product { name } } }'
    await gateway.stale(query)
    gateway.clock.advance(700)
    gateway.upstreams.calls = 0

    stale = await gateway.stale(query)

    assert stale == {"delivery.product": 700.0}


async def test_a_list_that_its_upstream_cannot_tell_any_more_is_named(gateway: Gateway) -> None:
    query = "{ deliveries { totalCount nodes { id } } }"
    await gateway.stale(query)
    gateway.clock.advance(60)
    gateway.upstreams.down = True

    stale = await gateway.stale(query)

    assert stale == {"deliveries": 60.0}


async def test_an_error_elsewhere_in_the_response_hides_no_stale_record(gateway: Gateway) -> None:
    query = '{ delivery(id: "1") { id } deliveries { nodes { id } } smsJob(id: "broken") { jobId } }'
    await gateway.stale(query, errors=1)
    gateway.clock.advance(60)
    gateway.upstreams.down = True

    stale = await gateway.stale(query, errors=1)

    assert stale == {"delivery": 60.0, "deliveries": 60.0}


async def test_nothing_is_noted_of_an_operation_without_stale_records(gateway: Gateway) -> None:
    document = Documents(SCHEMA).get('{ delivery(id: "1") { product { name } } }')
    context = Context(gateway.account, CallScope(math.inf))

    await gateway.execution.execute(document, document.operation(None), None, context)
    context.close()

    assert context.read_set.places == {}
