import json

import pytest

from resolvers.context import Context
from tests.contract.operations import execute
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

THING = "{ __typename id ... on Trackable { progress final rawStatus } ... on Delivery { type status deliverable } }"


async def test_a_record_is_found_by_its_global_id_and_read_as_its_own_type(
    upstream: RecordingServer, context: Context
) -> None:
    body = sample("send_task.json")
    own_id = json.loads(body)["data"]["id"]
    upstream.answer("GET", f"/send-tasks/{own_id}", body)

    result = await execute(f"query ($id: ID!) {{ node(id: $id) {THING} }}", {"id": f"Delivery:{own_id}"}, context)

    assert result.errors is None
    assert result.data == {
        "node": {
            "__typename": "Delivery",
            "id": f"Delivery:{own_id}",
            "progress": "SUCCEEDED",
            "final": True,
            "rawStatus": "completed",
            "type": "DELIVERY",
            "status": "COMPLETED",
            "deliverable": True,
        }
    }


@pytest.mark.parametrize("first", ["", "(first: null)", "(first: 20)"])
async def test_a_page_is_of_twenty_unless_told(first: str, upstream: RecordingServer, context: Context) -> None:
    upstream.answer("GET", "/send-tasks", sample("send_task_list.json"))

    result = await execute(f"{{ deliveries{first} {{ nodes {{ id }} }} }}", {}, context)

    assert result.errors is None
    assert upstream.requests[0].parameters["page[size]"] == "20"


async def test_filters_reach_the_upstream_as_its_own_words_and_ids(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("GET", "/send-tasks", sample("send_task_list.json"))
    wanted = """{
      ids: ["Delivery:1", "2"], productId: "Product:7", status: PROCESSING, type: REDELIVERY
      dspUploadIdentificationId: "3", createdFrom: "2030-01-01", createdTo: "2030-01-01"
    }"""

    result = await execute(f"{{ deliveries(filter: {wanted}) {{ totalCount }} }}", {}, context)

    assert result.errors is None
    filters = {name: word for name, word in upstream.requests[0].parameters.items() if name.startswith("filter")}
    assert filters == {
        "filter[id]": "1,2",
        "filter[product-id]": "7",
        "filter[status]": "procesing",
        "filter[delivery-type]": "redelivery",
        "filter[dsp-upload-identification-id]": "3",
        "filter[created-at-gte]": "2030-01-01",
        "filter[created-at-lte]": "2030-01-01",
    }


async def test_a_way_is_priced_between_an_address_and_coordinates(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("POST", "/price", sample("logistics_price.json"))
    way = '{ serviceType: VAN_2_4M, stops: [{ address: "A" }, { latitude: 1.3, longitude: 103.8 }] }'

    result = await execute(f"{{ priceQuote(input: {way}) {{ total {{ amount currency }} code }} }}", {}, context)

    assert result.errors is None
    assert upstream.only_request.json == {
        "service_type": "van_2.4m",
        "stops": [{"address": "A"}, {"latitude": 1.3, "longitude": 103.8}],
    }


async def test_descending_order_is_asked_of_the_upstream(upstream: RecordingServer, context: Context) -> None:
    upstream.answer("GET", "/platform/tasks", b'{"meta": {}, "tasks": []}')

    result = await execute("{ logisticsTasks(order: DESC) { nodes { id } } }", {}, context)

    assert result.errors is None
    assert upstream.requests[0].parameters["order"] == "desc"
