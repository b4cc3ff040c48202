import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from resolvers.upstreams.logistics.prices import Money, PriceQuote
from resolvers.upstreams.logistics.task_records import Driver, LogisticsTask
from resolvers.upstreams.logistics.vocabulary import (
    FINAL_OF,
    PRICED_VEHICLES,
    PROGRESS_OF,
    TASK_STATUS_OF,
    VEHICLE_WORDS,
    BroadcastPreference,
    TaskStatus,
    VehicleType,
)
from resolvers.upstreams.names import Progress
from tests.upstreams.samples import sample

SAMPLE = json.loads(sample("logistics_task.json"))


def read(**changes: object) -> LogisticsTask:
    return msgspec.json.decode(json.dumps({**SAMPLE, **changes}), type=LogisticsTask, strict=False)


def bare(**fields: object) -> LogisticsTask:
    body = {"id": "t1", "current_status": "draft", **fields}
    return msgspec.json.decode(json.dumps(body), type=LogisticsTask, strict=False)


def test_the_documents_task_reads_as_it_says() -> None:
    task = read()

    assert task.id == "LogisticsTask:8f14e45f-ceea-467f-9575-6a1c1d1f8c1a"
    assert task.task_id == "8f14e45f-ceea-467f-9575-6a1c1d1f8c1a"
    assert (task.tracking_id, task.group_tag, task.invoice_number) == (
        "TRACK01XXX56789",
        "GTRACK0123XXXX89",
        "INV0012XXXXX01",
    )
    assert (task.distance_meters, task.urgent, task.cargo_net_quantity) == (7357, True, 4)
    assert task.price == Money(Decimal("1.20"), "SGD")
    assert (task.status, task.progress, task.final) == (TaskStatus.PENDING_BROADCAST, Progress.PENDING, False)
    assert task.broadcast_preference is BroadcastPreference.SQUAD
    assert (task.vehicle_preference, task.vehicle_emissions_type) == (VehicleType.LTL, "ev")
    assert task.driver == Driver("d3d94468-02a4-4259-b55d-38e6d163e820", "Lim Boon Kiat")
    assert task.creation_group == "45c48cce-2e2d-4fbd-aa1a-fc51c7c6ad26"
    assert task.organization_id == "6512bd43-d9ca-46e0-ac99-0b0a82652dca"
    assert task.platform_id == "c20ad4d7-6fe9-4759-aa27-a0c99bff6710"
    assert (task.client_timezone, task.client_time) == ("Asia/Singapore", datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC))
    assert task.updated_at == datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)
    assert task.version_rev is None


def test_objects_without_documented_fields_stay_as_they_came() -> None:
    task = read()

    assert task.vehicle_emissions == {"value": 12}
    assert task.transporter == {"name": "Straits Haulage"}
    assert task.client == {}
    assert task.epod == {"signed_by": "Chief Mate"}
    assert task.attachments == [{"url": "https://example.com/manifest.pdf"}]


def test_a_stop_is_put_together_from_the_four_fields_that_the_wire_keeps_it_in() -> None:
    stop = read().pickup

    assert stop.address is not None
    assert stop.address.street_address == "1 Harbour Drive"
    assert (stop.address.zip_code, stop.address.latitude) == ("117352", 1.2791)
    assert stop.time_window is not None
    assert stop.time_window.start == datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)
    assert stop.time_window.end == datetime(2019, 8, 24, 15, 15, 22, tzinfo=UTC)
    assert stop.time_window.start_timezone == "Asia/Singapore"
    assert stop.contact is not None
    assert (stop.contact.name, stop.contact.company_name) == ("Tan Ah Kow", "ABC Merchant")
    assert stop.note == "Please pickup at 2pm"


def test_a_postal_code_that_is_a_number_is_read_as_text() -> None:
    address = read().dropoff.address

    assert address is not None
    assert address.zip_code == "159545"


def test_an_item_has_all_that_the_upstream_says_and_a_name_and_quantity_where_it_says_them() -> None:
    oil, rope = read().items

    assert (oil.name, oil.quantity) == ("Engine oil", 4)
    assert oil.attributes == {"name": "Engine oil", "quantity": 4, "weight": 20.5}
    assert (rope.name, rope.quantity) == (None, None)
    assert rope.attributes == {"description": "Rope"}


def test_a_history_is_read_under_either_name_of_the_status() -> None:
    first, second = read().status_history

    assert (first.status, first.raw_status, first.reason) == (TaskStatus.DRAFT, "draft", None)
    assert first.occurred_at == datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)
    assert (second.status, second.reason) == (TaskStatus.PENDING_BROADCAST, "Ready")


@pytest.mark.parametrize("entry", [None, 7, [], {}, {"status": 1, "reason": 2, "happened_at_utc": "soon"}])
def test_a_history_entry_of_any_other_shape_is_unknown_and_breaks_nothing(entry: object) -> None:
    (found,) = read(statuses=[entry]).status_history

    assert (found.status, found.raw_status, found.occurred_at, found.reason) == (TaskStatus.UNKNOWN, "", None, None)


def test_a_history_of_bare_words_is_read_too() -> None:
    (found,) = read(statuses=["accepted"]).status_history

    assert found.status is TaskStatus.ACCEPTED


def test_a_task_of_only_id_and_status_is_a_task() -> None:
    task = bare()

    assert (task.items, task.status_history, task.attachments) == ([], [], [])
    assert (task.price, task.driver, task.broadcast_preference, task.vehicle_preference) == (None, None, None, None)
    assert (task.pickup.address, task.pickup.time_window, task.pickup.contact, task.pickup.note) == (None,) * 4
    assert (task.updated_at, task.client_time) == (None, None)


def test_a_null_stands_for_a_missing_value_everywhere_but_in_the_id_and_the_status() -> None:
    nulls = {name: None for name in SAMPLE if name not in {"id", "current_status"}}

    task = bare(**nulls)

    assert task == bare()


@pytest.mark.parametrize("missing", ["id", "current_status"])
def test_a_task_without_id_or_status_is_none(missing: str) -> None:
    body = {name: value for name, value in SAMPLE.items() if name != missing}

    with pytest.raises(msgspec.ValidationError, match=missing):
        msgspec.json.decode(json.dumps(body), type=LogisticsTask)


def test_an_unknown_word_is_unknown_and_keeps_its_spelling() -> None:
    task = read(current_status="teleporting", broadcast_preference="moon", vehicle_preference="rocket")

    assert (task.status, task.raw_status) == (TaskStatus.UNKNOWN, "teleporting")
    assert (task.progress, task.final) == (Progress.IN_PROGRESS, False)
    assert task.broadcast_preference is BroadcastPreference.UNKNOWN
    assert task.vehicle_preference is VehicleType.UNKNOWN


@pytest.mark.parametrize("driver", [{}, None, {"id": None, "name": None}])
def test_an_empty_driver_is_nobody(driver: object) -> None:
    assert read(driver=driver).driver is None


def test_a_price_without_a_currency_is_none() -> None:
    assert read(price=0, currency="").price is None


@pytest.mark.parametrize("word", ["van_1.7m", "van_2.4m"])
def test_a_vans_word_with_a_dot_becomes_a_name_with_an_underscore(word: str) -> None:
    vehicle = read(vehicle_preference=word).vehicle_preference

    assert vehicle is not None
    assert vehicle.name == word.upper().replace(".", "_")
    assert VEHICLE_WORDS[vehicle] == word


def test_every_documented_status_has_its_progress() -> None:
    assert PROGRESS_OF.keys() == TASK_STATUS_OF.keys()
    assert set(TASK_STATUS_OF.values()) == set(TaskStatus) - {TaskStatus.UNKNOWN}
    final = {word for word, is_final in FINAL_OF.items() if is_final}
    assert final == {"complete", "cancelled", "expired", "unsuccessful_pickup", "unsuccessful_delivery"}


def test_the_price_api_takes_nine_vehicles() -> None:
    assert len(PRICED_VEHICLES) == 9
    assert VehicleType.LORRY_20FT not in PRICED_VEHICLES


def test_a_task_survives_a_cache_that_encodes_it() -> None:
    task = read()

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(task), type=LogisticsTask) == task


def test_the_documents_price_reads_as_it_says() -> None:
    quote = msgspec.json.decode(sample("logistics_price.json"), type=PriceQuote)

    assert quote.total == Money(Decimal("20.00"), "SGD")
    assert quote.average == Money(Decimal("20.00"), "SGD")
    assert (quote.waypoints, quote.code) == (1, "success")
    assert quote.distance == {"value": 7357, "unit": "m"}
