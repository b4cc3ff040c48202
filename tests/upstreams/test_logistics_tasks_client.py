import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from resolvers.errors import (
    BadInput,
    Conflicting,
    InputRefused,
    NotAllowedNow,
    RecordMissing,
    UpstreamBadAnswer,
    UpstreamUnconfigured,
)
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.base_client import LogisticsConfig, LogisticsPaths
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.requests import (
    Address,
    Contact,
    NewTask,
    PriceRequest,
    PriceStop,
    TaskChange,
    TimeWindow,
    TrackingId,
    task_item,
)
from tests.upstreams.httpx_transport import HttpxTransport
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

TASK = sample("logistics_task.json")
TASK_ID = json.loads(TASK)["id"]
SCOPE = CallScope(deadline=math.inf)
SINGAPORE = timezone(timedelta(hours=8))
UPDATED = b'{"updated_tasks": [{"id": "t1", "current_status": "broadcasting", "tracking_id": "X1"}, {"id": "t2"}]}'


@pytest.fixture
def client(server: RecordingServer, transport: HttpxTransport) -> LogisticsClient:
    return LogisticsClient(transport, LogisticsConfig(server.url))


@pytest.fixture
def partners_own(server: RecordingServer, transport: HttpxTransport) -> LogisticsClient:
    return LogisticsClient(transport, LogisticsConfig(server.url, platform=False))


async def test_a_task_is_read_through_the_platform(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", f"/platform/tasks/{TASK_ID}", TASK)

    task = await client.task(SCOPE, TASK_ID)

    assert task is not None
    assert task.tracking_id == "TRACK01XXX56789"
    assert server.only_request.headers["accept"] == "application/json"
    assert server.only_request.body == b""


async def test_an_account_without_a_platform_reads_its_own_task(
    partners_own: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("GET", f"/tasks/{TASK_ID}", TASK)

    task = await partners_own.task(SCOPE, TASK_ID)

    assert task is not None
    assert task.task_id == TASK_ID


async def test_a_task_that_is_not_there_is_none(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", "/platform/tasks/gone", b'{"code": "not_found", "message": "no"}', status=404)

    assert await client.task(SCOPE, "gone") is None


async def test_an_id_stays_one_segment_of_the_path(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", "/platform/tasks/..%2Fbroadcast%3Fa%3Db", TASK)

    await client.task(SCOPE, "../broadcast?a=b")

    assert server.only_request.query == ""


async def test_an_id_of_dots_is_refused_before_any_request(client: LogisticsClient, server: RecordingServer) -> None:
    with pytest.raises(BadInput):
        await client.task(SCOPE, "..")

    assert server.requests == []


@pytest.mark.parametrize(("descending", "order"), [(False, "asc"), (True, "desc")])
async def test_a_page_of_tasks_is_asked_for_by_number_size_and_order(
    client: LogisticsClient, server: RecordingServer, *, descending: bool, order: str
) -> None:
    server.answer("GET", "/platform/tasks", b'{"meta": {"page": 2}, "tasks": [' + TASK + b"]}")

    page = await client.tasks(SCOPE, page=2, per_page=50, descending=descending)

    assert [task.task_id for task in page.records] == [TASK_ID]
    assert server.only_request.query == f"page=2&per_page=50&order={order}"


async def test_an_empty_page_may_be_null(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", "/platform/tasks", b'{"meta": {}, "tasks": null}')

    assert (await client.tasks(SCOPE, page=1, per_page=200, descending=False)).records == []


@pytest.mark.parametrize(
    ("meta", "per_page"),
    [
        (b'{"page": 1, "per_page": 50}', 50),
        (b'{"page": 1, "per_page": "50"}', 50),
        (b'{"page": 1}', None),
        (b'{"per_page": null}', None),
        (b'{"per_page": 0}', None),
        (b'{"per_page": "many"}', None),
        (b"[]", None),
        (b"null", None),
    ],
)
async def test_a_page_says_what_size_it_was_counted_in_where_the_upstream_does(
    client: LogisticsClient, server: RecordingServer, meta: bytes, per_page: int | None
) -> None:
    server.answer("GET", "/platform/tasks", b'{"meta": ' + meta + b', "tasks": [' + TASK + b"]}")

    page = await client.tasks(SCOPE, page=1, per_page=100, descending=False)

    assert ([task.task_id for task in page.records], page.per_page) == ([TASK_ID], per_page)


async def test_a_list_may_come_without_its_meta(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", "/platform/tasks", b'{"tasks": [' + TASK + b"]}")

    assert (await client.tasks(SCOPE, page=1, per_page=100, descending=False)).per_page is None


@pytest.mark.parametrize(
    ("platform", "draft", "path"),
    [
        (True, False, "/platform/tasks"),
        (True, True, "/platform/tasks/draft"),
        (False, False, "/tasks"),
    ],
)
async def test_tasks_are_created_where_the_account_creates_them(
    server: RecordingServer, transport: HttpxTransport, *, platform: bool, draft: bool, path: str
) -> None:
    client = LogisticsClient(transport, LogisticsConfig(server.url, platform=platform))
    server.answer("POST", path, b'{"total_tasks": 1, "tasks": [' + TASK + b"]}", status=201)

    (created,) = await client.create_tasks(SCOPE, [NewTask(price=200000, currency="SGD")], draft=draft)

    assert created.task_id == TASK_ID
    assert server.only_request.headers["content-type"] == "application/json"
    assert server.only_request.json == {"tasks": [{"price": 200000, "currency": "SGD"}]}


async def test_a_new_task_is_written_in_the_vendors_words(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("POST", "/platform/tasks", b'{"tasks": []}')
    start = datetime(2030, 1, 1, 8, tzinfo=SINGAPORE)
    window = TimeWindow(start, start + timedelta(hours=1), start_timezone="Asia/Singapore")
    task = NewTask(
        from_address=Address(street_address="1 Harbour Drive", latitude=1.25),
        from_time_window=window,
        from_contact=Contact(name="Tan", company_name="ABC"),
        pickup_note_to_driver="Gate 3",
        vehicle_preference="van_1.7m",
        service_type="ltl",
        org_id="o1",
        is_urgent=False,
        items=[task_item("Oil", 4, {"name": "overruled", "weight": 2.5}), task_item("Rope")],
    )

    await client.create_tasks(SCOPE, [task], draft=False)

    assert server.only_request.json == {
        "tasks": [
            {
                "from_address": {"street_address": "1 Harbour Drive", "latitude": 1.25},
                "from_time_window": {
                    "start_time_utc": "2030-01-01T00:00:00Z",
                    "end_time_utc": "2030-01-01T01:00:00Z",
                    "start_timezone": "Asia/Singapore",
                },
                "from_contact": {"name": "Tan", "company_name": "ABC"},
                "pickup_note_to_driver": "Gate 3",
                "vehicle_preference": "van_1.7m",
                "service_type": "ltl",
                "org_id": "o1",
                "is_urgent": False,
                "items": [{"name": "Oil", "weight": 2.5, "quantity": 4}, {"name": "Rope"}],
            }
        ]
    }


async def test_drafts_may_be_answered_as_a_single_object(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("POST", "/platform/tasks/draft", b'{"total_tasks": 1, "tasks": ' + TASK + b"}")

    (created,) = await client.create_tasks(SCOPE, [NewTask()], draft=True)

    assert created.task_id == TASK_ID


async def test_a_change_sends_its_revision_and_nothing_that_was_left_out(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("PATCH", f"/platform/tasks/{TASK_ID}", TASK)
    change = TaskChange(
        version_rev="0-1f2e3d4c",
        price=0,
        min_price=500000,
        officer_contact=Contact(name="Officer"),
        client_time_utc=datetime(2030, 1, 1, 8, tzinfo=SINGAPORE),
        epod={"signed": True},
    )

    task = await client.update_task(SCOPE, TASK_ID, change)

    assert task is not None
    assert task.task_id == TASK_ID
    assert server.only_request.headers["content-type"] == "application/json"
    assert server.only_request.json == {
        "version_rev": "0-1f2e3d4c",
        "price": 0,
        "min_price": 500000,
        "officer_contact": {"name": "Officer"},
        "client_time_utc": "2030-01-01T00:00:00Z",
        "epod": {"signed": True},
    }


async def test_a_stale_revision_is_a_conflict(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("PATCH", "/platform/tasks/t1", b'{"code": "version_conflict", "message": "stale rev"}', status=409)

    with pytest.raises(Conflicting, match="stale rev"):
        await client.update_task(SCOPE, "t1", TaskChange(version_rev="0-0"))


async def test_a_change_of_a_task_that_is_not_there_says_so(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("PATCH", "/platform/tasks/t1", status=404)

    with pytest.raises(RecordMissing):
        await client.update_task(SCOPE, "t1", TaskChange(version_rev="0-0"))


async def test_a_change_that_the_status_forbids_is_not_allowed_now(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("PATCH", "/platform/tasks/t1", b'{"code": "invalid_status", "message": "it is over"}', status=422)

    with pytest.raises(NotAllowedNow, match="it is over"):
        await client.update_task(SCOPE, "t1", TaskChange(version_rev="0-0"))


async def test_a_cancellation_sends_its_reason_and_answers_the_message(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("PATCH", "/tasks/t1/cancel", b'{"message": "Successfully cancel the task"}')

    assert await client.cancel_task(SCOPE, "t1", "Wrong information") == "Successfully cancel the task"
    assert server.only_request.json == {"reason": "Wrong information"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, b'{"code": "conflict", "message": "accepted by a driver"}'),
        (422, b'{"code": "invalid_status", "message": "accepted by a driver"}'),
        (422, b'{"code": "unprocessable", "message": "accepted by a driver"}'),
        (409, b"<html>"),
        (422, b""),
    ],
)
async def test_a_cancellation_that_is_refused_is_not_allowed_now(
    client: LogisticsClient, server: RecordingServer, status: int, body: bytes
) -> None:
    server.answer("PATCH", "/tasks/t1/cancel", body, status=status)

    with pytest.raises(NotAllowedNow):
        await client.cancel_task(SCOPE, "t1", "Wrong information")


async def test_a_cancellation_whose_reason_is_refused_is_wrong_input(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("PATCH", "/tasks/t1/cancel", b'{"code": "invalid", "message": "reason: is empty"}', status=422)

    with pytest.raises(InputRefused, match="reason: is empty"):
        await client.cancel_task(SCOPE, "t1", "")


async def test_an_error_under_a_status_of_success_is_no_message(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("PATCH", "/tasks/t1/cancel", b'{"code": "internal", "message": "something broke"}')

    with pytest.raises(UpstreamBadAnswer, match="something broke") as caught:
        await client.cancel_task(SCOPE, "t1", "Wrong information")

    assert caught.value.outcome_unknown


async def test_drafts_are_broadcast_by_their_ids(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("POST", "/platform/tasks/broadcast", UPDATED)

    updated = await client.broadcast_drafts(SCOPE, ["t1", "t2"])

    assert updated is not None
    first, second = updated
    assert (first.id, first.current_status, first.tracking_id) == ("t1", "broadcasting", "X1")
    assert (second.id, second.current_status, second.tracking_id) == ("t2", None, None)
    assert server.only_request.json == {"task_ids": ["t1", "t2"]}


async def test_drafts_are_broadcast_with_tracking_ids(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("POST", "/platform/tasks/broadcast-with-tracking", UPDATED)

    updated = await client.broadcast_with_tracking(SCOPE, [TrackingId("t1", "X1")])

    assert updated is not None
    assert [task.id for task in updated] == ["t1", "t2"]
    assert server.only_request.json == {"tasks": [{"id": "t1", "tracking_id": "X1"}]}


async def test_tracking_ids_are_patched(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("PATCH", "/platform/tasks/tracking-ids", b'{"updated_tasks": null}')

    assert await client.set_tracking_ids(SCOPE, [TrackingId("t1", "X1")]) == []
    assert server.only_request.json == {"tasks": [{"id": "t1", "tracking_id": "X1"}]}


async def test_a_price_is_asked_for_over_all_stops(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("POST", "/price", sample("logistics_price.json"))
    stops = [PriceStop(address="1 Harbour Drive"), PriceStop(latitude=1.25, longitude=103.5)]

    quote = await client.price(SCOPE, PriceRequest("van_2.4m", stops))

    assert str(quote.total.amount) == "20.00"
    assert server.only_request.json == {
        "service_type": "van_2.4m",
        "stops": [{"address": "1 Harbour Drive"}, {"latitude": 1.25, "longitude": 103.5}],
    }


async def test_an_account_without_a_platform_has_none_of_its_operations(
    partners_own: LogisticsClient, server: RecordingServer
) -> None:
    attempts = [
        partners_own.tasks(SCOPE, page=1, per_page=1, descending=False),
        partners_own.create_tasks(SCOPE, [], draft=True),
        partners_own.update_task(SCOPE, "t1", TaskChange(version_rev="0-0")),
        partners_own.broadcast_drafts(SCOPE, []),
        partners_own.broadcast_with_tracking(SCOPE, []),
        partners_own.set_tracking_ids(SCOPE, []),
    ]

    for attempt in attempts:
        with pytest.raises(UpstreamUnconfigured, match="GATEWAY_LOGISTICS__PLATFORM"):
            await attempt

    assert server.requests == []


async def test_every_path_can_be_set(server: RecordingServer, transport: HttpxTransport) -> None:
    paths = LogisticsPaths(platform_task_detail="/v2/orders/{task_id}/full")
    client = LogisticsClient(transport, LogisticsConfig(server.url + "/", paths=paths))
    server.answer("GET", "/v2/orders/t1/full", TASK)

    assert await client.task(SCOPE, "t1") is not None


async def test_a_window_is_sent_in_utc_whatever_its_offset() -> None:
    window = TimeWindow(datetime(2030, 1, 1, 8, tzinfo=SINGAPORE), datetime(2030, 1, 1, 9, tzinfo=UTC))

    assert window.start_time_utc.tzinfo is UTC
    assert window.start_time_utc.hour == 0
