"""What the client of the send-tasks API puts on the wire, and what it makes of each answer."""

from collections.abc import Awaitable, Callable
from datetime import date

import pytest

from resolvers.errors import (
    BadInput,
    Conflicting,
    InputRefused,
    RecordMissing,
    UpstreamAuth,
    UpstreamBadAnswer,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.deliveries.requests import DeliveryChange, DeliveryFilters, NewDelivery
from resolvers.upstreams.deliveries.vocabulary import DeliveryStatus, DeliveryType
from tests.upstreams.httpx_transport import HttpxTransport
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

LIST = "/api/v1/send-tasks"
NEW_DELIVERY = NewDelivery(DeliveryType.REDELIVERY, True, "42", "1876")

Ask = Callable[[DeliveriesClient, CallScope], Awaitable[object]]


@pytest.fixture
def client(server: RecordingServer, transport: HttpxTransport) -> DeliveriesClient:
    return DeliveriesClient(transport, DeliveriesConfig(f"{server.url}/api/v1"))


def refusal(pointer: str) -> bytes:
    return b'{"errors": [{"detail": "It is taken.", "source": {"pointer": "%b"}}]}' % pointer.encode()


async def test_a_delivery_is_asked_for_by_its_id(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", f"{LIST}/4710", sample("send_task.json"))

    delivery = await client.delivery(scope, "4710")

    assert delivery is not None
    assert delivery.send_task_id == "4710"
    assert server.only_request.query == ""
    assert server.only_request.body == b""


async def test_every_request_names_the_json_api_media_type(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", f"{LIST}/4710", sample("send_task.json"))
    server.answer("POST", LIST, sample("send_task_created.json"), status=201)

    await client.delivery(scope, "4710")
    await client.create_delivery(scope, NEW_DELIVERY)

    media_types = [(request.headers["accept"], request.headers["content-type"]) for request in server.requests]
    assert media_types == [("application/vnd.api+json", "application/vnd.api+json")] * 2


async def test_a_list_without_filters_asks_only_for_its_page(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", LIST, sample("send_task_list.json"))

    page = await client.deliveries(scope, DeliveryFilters(), page_number=3, page_size=50)

    assert (len(page.records), page.total, page.per_page) == (1, 1, 20)
    assert server.only_request.query == "page%5Bnumber%5D=3&page%5Bsize%5D=50"


async def test_every_filter_reaches_the_wire_in_the_vendors_words(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", LIST, sample("send_task_list.json"))
    filters = DeliveryFilters(
        ids=("1", "2"),
        product_id="42",
        status=DeliveryStatus.PROCESSING,
        type=DeliveryType.DELETE,
        dsp_upload_identification_id="1876",
        created_from=date(2024, 1, 1),
        created_to=date(2024, 12, 31),
    )

    await client.deliveries(scope, filters, page_number=1, page_size=20)

    assert server.only_request.parameters == {
        "filter[id]": "1,2",
        "filter[product-id]": "42",
        "filter[status]": "procesing",
        "filter[delivery-type]": "delete",
        "filter[dsp-upload-identification-id]": "1876",
        "filter[created-at-gte]": "2024-01-01",
        "filter[created-at-lte]": "2024-12-31",
        "page[number]": "1",
        "page[size]": "20",
    }


async def test_several_deliveries_are_one_request_of_a_page_as_large(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", LIST, sample("send_task_list.json"))

    found = await client.deliveries_by_id(scope, ["4711", "4712", "4713"])

    assert [delivery.send_task_id for delivery in found.records] == ["4711"]
    assert server.only_request.parameters == {"filter[id]": "4711,4712,4713", "page[size]": "3"}


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_list_of_ids_is_refused_input(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope, status: int
) -> None:
    body = b'{"errors": [{"title": "Invalid Query Parameter", "source": {"parameter": "filter"}}]}'
    server.answer("GET", LIST, body, status=status)

    with pytest.raises(InputRefused, match="Invalid Query Parameter") as caught:
        await client.deliveries_by_id(scope, ["1", "2"])

    assert caught.value.pointer == "filter"


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (lambda client, scope: client.product_of(scope, "4710"), f"{LIST}/4710/product"),
        (lambda client, scope: client.product(scope, "42"), "/api/v1/products/42"),
    ],
)
async def test_a_product_is_reached_from_its_delivery_and_by_its_id(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope, ask: Ask, path: str
) -> None:
    server.answer("GET", path, b'{"data": {"type": "products", "id": "42", "attributes": {"name": "Blue"}}}')

    product = await ask(client, scope)

    assert getattr(product, "id", None) == "Product:42"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (
            lambda client, scope: client.upload_identification_of(scope, "4710"),
            f"{LIST}/4710/dsp-upload-identification",
        ),
        (lambda client, scope: client.upload_identification(scope, "1876"), "/api/v1/dsp-upload-identifications/1876"),
    ],
)
async def test_a_channel_is_reached_from_its_delivery_and_by_its_id(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope, ask: Ask, path: str
) -> None:
    server.answer("GET", path, b'{"data": {"type": "dsp-upload-identifications", "id": "1876"}}')

    channel = await ask(client, scope)

    assert getattr(channel, "id", None) == "DspUploadIdentification:1876"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (lambda client, scope: client.delivery(scope, "1"), f"{LIST}/1"),
        (lambda client, scope: client.product_of(scope, "1"), f"{LIST}/1/product"),
        (lambda client, scope: client.upload_identification_of(scope, "1"), f"{LIST}/1/dsp-upload-identification"),
        (lambda client, scope: client.product(scope, "1"), "/api/v1/products/1"),
        (lambda client, scope: client.upload_identification(scope, "1"), "/api/v1/dsp-upload-identifications/1"),
    ],
)
async def test_what_is_not_found_is_none(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope, ask: Ask, path: str
) -> None:
    server.answer("GET", path, b'{"errors": [{"status": "404", "title": "Not Found"}]}', status=404)

    found = await ask(client, scope)

    assert found is None
    assert len(server.requests) == 1


async def test_a_relationship_that_leads_to_nothing_is_none(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", f"{LIST}/4710/product", b'{"data": null}')

    assert await client.product_of(scope, "4710") is None


async def test_an_id_cannot_leave_its_place_in_the_path(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", f"{LIST}/1%2F..%2F2%3Fa%3Db%23c", b"", status=404)

    assert await client.delivery(scope, "1/../2?a=b#c") is None


@pytest.mark.parametrize("own_id", ["", ".", ".."])
async def test_an_id_that_no_encoding_keeps_in_its_place_is_refused_before_any_request(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope, own_id: str
) -> None:
    with pytest.raises(BadInput):
        await client.delivery(scope, own_id)

    assert server.requests == []


async def test_a_delivery_is_created_by_a_json_api_document(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("POST", LIST, sample("send_task_created.json"), status=201)

    delivery = await client.create_delivery(scope, NEW_DELIVERY)

    assert delivery.send_task_id == "4712"
    assert server.only_request.json == {
        "data": {
            "type": "send-tasks",
            "attributes": {"deliverable": True, "delivery-type": "redelivery"},
            "relationships": {
                "product": {"data": {"type": "products", "id": "42"}},
                "dsp-upload-identification": {"data": {"type": "dsp-upload-identifications", "id": "1876"}},
            },
        }
    }


async def test_the_party_of_a_new_delivery_is_sent_where_it_is_given(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("POST", LIST, sample("send_task_created.json"), status=201)

    await client.create_delivery(scope, NewDelivery(DeliveryType.DELIVERY, False, "42", "1876", "Label", "PADPIDA1"))

    body = server.only_request.json
    assert isinstance(body, dict)
    assert body["data"]["attributes"] == {
        "deliverable": False,
        "delivery-type": "delivery",
        "sent-on-behalf-of-name": "Label",
        "sent-on-behalf-of-dpid": "PADPIDA1",
    }


@pytest.mark.parametrize(
    ("change", "attributes"),
    [
        (DeliveryChange(deliverable=False), {"deliverable": False}),
        (DeliveryChange(status=DeliveryStatus.PROCESSING), {"status": "procesing"}),
        (
            DeliveryChange(DeliveryType.UPDATE, True, DeliveryStatus.PENDING),
            {"delivery-type": "update", "deliverable": True, "status": "pending"},
        ),
    ],
)
async def test_an_update_sends_what_changes_and_nothing_else(
    client: DeliveriesClient,
    server: RecordingServer,
    scope: CallScope,
    change: DeliveryChange,
    attributes: dict[str, object],
) -> None:
    server.answer("PATCH", f"{LIST}/4712", sample("send_task_updated.json"))

    delivery = await client.update_delivery(scope, "4712", change)

    assert delivery is not None
    assert (delivery.type, delivery.deliverable) == (DeliveryType.UPDATE, False)
    assert server.only_request.json == {"data": {"type": "send-tasks", "id": "4712", "attributes": attributes}}


async def test_the_sample_of_a_refusal_tells_what_is_wrong_and_where(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("POST", LIST, sample("send_task_refused.json"), status=422)

    with pytest.raises(InputRefused, match=r"The delivery-type field is required\.") as caught:
        await client.create_delivery(scope, NEW_DELIVERY)

    assert caught.value.pointer == "/data/attributes/delivery-type"


@pytest.mark.parametrize("pointer", ["/data", "/data/relationships/dsp-upload-identification"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client, scope: client.create_delivery(scope, NEW_DELIVERY),
        lambda client, scope: client.update_delivery(scope, "1", DeliveryChange(type=DeliveryType.UPDATE)),
    ],
)
async def test_a_refusal_that_points_at_the_delivery_itself_or_its_channel_is_a_conflict(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope, ask: Ask, pointer: str
) -> None:
    server.answer("POST", LIST, refusal(pointer), status=422)
    server.answer("PATCH", f"{LIST}/1", refusal(pointer), status=422)

    with pytest.raises(Conflicting, match=r"It is taken\."):
        await ask(client, scope)


async def test_a_refusal_that_points_at_the_product_is_refused_input(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("POST", LIST, refusal("/data/relationships/product"), status=422)

    with pytest.raises(InputRefused) as caught:
        await client.create_delivery(scope, NEW_DELIVERY)

    assert caught.value.pointer == "/data/relationships/product"


@pytest.mark.parametrize(
    ("answered", "error", "said"),
    [
        ((400, b'{"message": "Malformed."}'), InputRefused, r"Malformed\."),
        ((400, b"<html>"), InputRefused, "HTTP 400"),
        ((401, b""), UpstreamAuth, "credentials"),
        ((403, b'{"errors": [{"title": "Forbidden"}]}'), UpstreamAuth, "credentials"),
        ((404, b'{"errors": [{"title": "Not Found"}]}'), RecordMissing, "Not Found"),
        ((409, b'{"errors": [{"title": "Conflict"}]}'), Conflicting, "Conflict"),
        ((429, b""), UpstreamRateLimited, "later"),
        ((500, b"<html>"), UpstreamUnavailable, "HTTP 500"),
        ((418, b""), UpstreamBadAnswer, "HTTP 418"),
    ],
)
async def test_a_status_other_than_success_is_the_error_that_fits(
    client: DeliveriesClient,
    server: RecordingServer,
    scope: CallScope,
    answered: tuple[int, bytes],
    error: type[UpstreamError],
    said: str,
) -> None:
    status, body = answered
    server.answer("PATCH", f"{LIST}/1", body, status=status)

    with pytest.raises(error, match=said):
        await client.update_delivery(scope, "1", DeliveryChange(deliverable=False))


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Welcome</body></html>",
        b"",
        b'{"errors": [{"title": "Unprocessable Entity"}]}',
        b'{"data": {"id": "1", "attributes": {"deliverable": true, "delivery-type": "update"}}}',
        b'{"data": {"id": "1", "attri',
        b'"\xff"',
    ],
)
async def test_a_success_with_a_body_of_another_kind_is_a_bad_answer(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope, body: bytes
) -> None:
    server.answer("GET", f"{LIST}/1", body)

    with pytest.raises(UpstreamBadAnswer) as caught:
        await client.delivery(scope, "1")

    assert not caught.value.outcome_unknown


async def test_a_bad_answer_to_a_creation_leaves_its_outcome_unknown(
    client: DeliveriesClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("POST", LIST, b"<html>", status=201)

    with pytest.raises(UpstreamBadAnswer) as caught:
        await client.create_delivery(scope, NEW_DELIVERY)

    assert caught.value.outcome_unknown
