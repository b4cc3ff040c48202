"""Send-tasks as the vendor's samples show them, and as they may come one day."""

from datetime import UTC, datetime

import msgspec
import pytest

from resolvers.upstreams.deliveries.records import (
    DELIVERY,
    DELIVERY_PAGE,
    PRODUCT,
    UPLOAD_IDENTIFICATION,
    Delivery,
    Party,
    Product,
)
from resolvers.upstreams.deliveries.vocabulary import DeliveryStatus, DeliveryType
from resolvers.upstreams.names import Progress
from tests.upstreams.samples import sample


def delivery(**changes: object) -> Delivery:
    """The vendor's sample with other attributes; underscores stand for hyphens."""
    document = msgspec.json.decode(sample("send_task.json"))
    document["data"]["attributes"] |= {name.replace("_", "-"): value for name, value in changes.items()}
    return DELIVERY.decode(msgspec.json.encode(document)).data


def test_the_sample_of_one_send_task_has_every_value_under_our_names() -> None:
    record = DELIVERY.decode(sample("send_task.json")).data

    assert record.id == "Delivery:4710"
    assert record.send_task_id == "4710"
    assert (record.type, record.status) == (DeliveryType.DELIVERY, DeliveryStatus.COMPLETED)
    assert (record.progress, record.final, record.raw_status) == (Progress.SUCCEEDED, True, "completed")
    assert (record.deliverable, record.priority) == (True, "normal")
    assert record.batch_id == "a1b2c3d4-0000-0000-0000-000000000000"
    assert record.message_id == "PADPIDA200010120333312786830"
    assert record.acknowledgement == {"FileStatus": ["FileOK"]}
    assert record.sent_on == "20230811204710288"
    assert (record.sent_at, record.packaged_by, record.sent_by) == (None, None, None)
    assert (record.created_by, record.sent_on_behalf_of) == ("robot", None)
    assert record.created_at == datetime(2023, 8, 11, 20, 47, 9, tzinfo=UTC)
    assert record.updated_at == datetime(2023, 8, 11, 20, 52, 23, tzinfo=UTC)


def test_a_send_date_without_a_zone_is_utc() -> None:
    record = DELIVERY.decode(sample("send_task.json")).data

    assert record.send_date == datetime(2023, 8, 11, 20, 47, 10, tzinfo=UTC)


def test_the_sample_list_is_a_page_with_its_total_and_page_size() -> None:
    page = DELIVERY_PAGE.decode(sample("send_task_list.json"))

    assert [record.send_task_id for record in page.records] == ["4711"]
    assert page.records[0].status is DeliveryStatus.WAITING
    assert (page.total, page.per_page) == (1, 20)


def test_a_send_task_that_was_just_created_has_nothing_but_a_uuid() -> None:
    record = DELIVERY.decode(sample("send_task_created.json")).data

    assert record.sent_on == "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    assert (record.send_date, record.batch_id, record.acknowledgement, record.created_by) == (None, None, None, None)


@pytest.mark.parametrize(
    ("word", "status", "progress", "final"),
    [
        ("pending", DeliveryStatus.PENDING, Progress.PENDING, False),
        ("waiting", DeliveryStatus.WAITING, Progress.IN_PROGRESS, False),
        ("procesing", DeliveryStatus.PROCESSING, Progress.IN_PROGRESS, False),
        ("processing", DeliveryStatus.PROCESSING, Progress.IN_PROGRESS, False),
        ("completed", DeliveryStatus.COMPLETED, Progress.SUCCEEDED, True),
        ("error", DeliveryStatus.ERROR, Progress.FAILED, True),
        ("teleporting", DeliveryStatus.UNKNOWN, Progress.IN_PROGRESS, False),
    ],
)
def test_a_status_word_means_a_status_a_progress_and_whether_it_is_final(
    word: str, status: DeliveryStatus, progress: Progress, final: bool
) -> None:
    record = delivery(status=word)

    assert (record.status, record.progress, record.final) == (status, progress, final)
    assert record.raw_status == word


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("delivery", DeliveryType.DELIVERY),
        ("update", DeliveryType.UPDATE),
        ("redelivery", DeliveryType.REDELIVERY),
        ("delete", DeliveryType.DELETE),
        ("loan", DeliveryType.UNKNOWN),
    ],
)
def test_a_delivery_type_word_means_a_type(word: str, expected: DeliveryType) -> None:
    assert delivery(delivery_type=word).type is expected


@pytest.mark.parametrize(
    ("name", "dpid", "party"),
    [
        ("Label", "PADPIDA1", Party("Label", "PADPIDA1")),
        ("Label", None, Party("Label", None)),
        (None, "PADPIDA1", Party(None, "PADPIDA1")),
        (None, None, None),
    ],
)
def test_the_party_is_there_once_a_part_of_it_is(name: str | None, dpid: str | None, party: Party | None) -> None:
    record = delivery(sent_on_behalf_of_name=name, sent_on_behalf_of_dpid=dpid)

    assert record.sent_on_behalf_of == party


def test_values_that_no_document_describes_are_read_where_they_can_be() -> None:
    record = delivery(sent_at="soon", send_date=7, packaged_by=42, sent_by={"id": 1}, created_by="robot")

    assert (record.sent_at, record.send_date) == (None, None)
    assert (record.packaged_by, record.sent_by, record.created_by) == ("42", None, "robot")


@pytest.mark.parametrize("value", [True, False, 1.5, {}, [], None])
def test_what_is_neither_a_text_nor_a_whole_number_is_no_word(value: object) -> None:
    record = delivery(packaged_by=value, sent_by=value, created_by=value)
    product = msgspec.convert({"id": "1", "attributes": dict.fromkeys(("name", "status", "upc-code"), value)}, Product)

    assert (record.packaged_by, record.sent_by, record.created_by) == (None, None, None)
    assert (product.name, product.status, product.upc_code) == (None, None, None)


def test_fields_more_or_less_are_no_matter() -> None:
    document = (
        b'{"data": {"id": "1", "attributes": {"deliverable": true, "delivery-type": "delivery", "status": "waiting",'
        b'"created-at": "2023-08-11T20:47:09.000000Z", "updated-at": "2023-08-11T20:47:09.000000Z", "mood": "fine"}}}'
    )

    record = DELIVERY.decode(document).data

    assert (record.send_task_id, record.priority, record.send_date) == ("1", None, None)


def test_a_send_task_without_a_status_is_refused() -> None:
    document = msgspec.json.decode(sample("send_task.json"))
    del document["data"]["attributes"]["status"]

    with pytest.raises(msgspec.ValidationError, match="status"):
        DELIVERY.decode(msgspec.json.encode(document))


def test_a_product_has_its_attributes_and_those_that_we_name() -> None:
    record = PRODUCT.decode(
        b'{"data": {"type": "products", "id": "42", "attributes":'
        b'{"name": "Blue", "status": "active", "upc-code": "0123456789012", "artist": ["A"]}}}'
    ).data

    assert record is not None
    assert (record.id, record.product_id) == ("Product:42", "42")
    assert (record.name, record.status, record.upc_code) == ("Blue", "active", "0123456789012")
    assert record.attributes["artist"] == ["A"]


def test_a_product_without_attributes_is_still_one() -> None:
    record = PRODUCT.decode(b'{"data": {"type": "products", "id": "42"}}').data

    assert record is not None
    assert (record.name, record.status, record.upc_code, record.attributes) == (None, None, None, {})


@pytest.mark.parametrize(
    ("attributes", "name"),
    [(b'{"name": "Shop EU"}', "Shop EU"), (b'{"dsp-name": "Shop"}', "Shop"), (b"{}", None)],
)
def test_a_channel_is_named_by_itself_or_by_its_dsp(attributes: bytes, name: str | None) -> None:
    record = UPLOAD_IDENTIFICATION.decode(b'{"data": {"id": "1876", "attributes": %b}}' % attributes).data

    assert record is not None
    assert record.id == "DspUploadIdentification:1876"
    assert record.name == name
