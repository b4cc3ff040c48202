"""No answer is lost whole for the form of one of its fields: every sample of the documents, mutated field by field."""

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest

from resolvers.errors import InputRefused
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.deliveries.requests import NO_FILTERS
from resolvers.upstreams.fields import instant
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.sms.requests import JobIdQuery
from tests.upstreams.httpx_transport import HttpxTransport
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

Ask = Callable[[str, HttpxTransport, CallScope], Awaitable[Any]]
Step = str | int

BOM: Final = b"\xef\xbb\xbf"


def deliveries(url: str, transport: HttpxTransport) -> DeliveriesClient:
    return DeliveriesClient(transport, DeliveriesConfig(url))


def sms(url: str, transport: HttpxTransport) -> SmsClient:
    return SmsClient([transport], transport, SmsConfig((url,), url))


def logistics(url: str, transport: HttpxTransport) -> LogisticsClient:
    return LogisticsClient(transport, LogisticsConfig(url, client_key="k", secret_key="s"))


READS: Final[dict[str, tuple[str, Ask]]] = {
    "send_task.json": ("/send-tasks/1", lambda url, wire, scope: deliveries(url, wire).delivery(scope, "1")),
    "send_task_list.json": (
        "/send-tasks",
        lambda url, wire, scope: deliveries(url, wire).deliveries(scope, NO_FILTERS, page_number=1, page_size=20),
    ),
    "sms_job_report.json": ("/jobs/J.1", lambda url, wire, scope: sms(url, wire).job_report(scope, 0, "J.1")),
    "sms_recipients.json": ("/sms", lambda url, wire, scope: sms(url, wire).recipients(scope, 0, "J.1")),
    "sms_job_list.json": ("/jobs", lambda url, wire, scope: sms(url, wire).job_ids(scope, 0, JobIdQuery())),
    "sms_version.json": ("/version", lambda url, wire, scope: sms(url, wire).version(scope, 0)),
    "logistics_task.json": ("/platform/tasks/1", lambda url, wire, scope: logistics(url, wire).task(scope, "1")),
    "logistics_organizations.json": (
        "/platform/organizations",
        lambda url, wire, scope: logistics(url, wire).organizations(scope, page=1, per_page=20),
    ),
    "logistics_partner.json": ("/partners/azpz", lambda url, wire, scope: logistics(url, wire).partner(scope)),
}


def places(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:  # noqa: ANN401 - any JSON
    """The path of every leaf, empty objects included."""
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from places(one, (*path, name))
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            yield from places(one, (*path, number))
    else:
        yield path


def in_other_forms(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
    """The same value as another server would write it."""
    if isinstance(value, bool):
        yield from (int(value), str(value).lower(), str(int(value)))
    elif isinstance(value, int | float):
        yield from (str(value), float(value))
    elif isinstance(value, str) and instant(value) is not None and not value.isdigit():
        yield from (value.lower(), value.replace("T", " "), f" {value} ")
    elif isinstance(value, str) and value.isdigit() and len(value) < 16:
        yield int(value)
    elif value == {}:
        yield []


def replaced(body: Any, path: Sequence[Step], value: object) -> bytes:  # noqa: ANN401 - any JSON
    changed = deepcopy(body)
    *above, last = path
    place = changed
    for step in above:
        place = place[step]
    place[last] = value
    return json.dumps(changed).encode()


@pytest.mark.parametrize("name", READS)
async def test_a_field_in_another_form_is_read(
    name: str, server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    path, ask = READS[name]
    body = json.loads(sample(name))
    server.answer("GET", path, sample(name))
    expected = await ask(server.url, transport, scope)

    for place in places(body):
        if not place:
            continue
        value = body
        for step in place:
            value = value[step]
        for other in in_other_forms(value):
            server.answer("GET", path, replaced(body, place, other))
            found = await ask(server.url, transport, scope)
            assert type(found) is type(expected), (place, other)
            assert "UnreadableRecord" not in repr(found), (place, other)


# Without these a record is none, or is nothing that can be shown; every other field may be null.
NEEDED: Final = frozenset(
    {
        *("id", "status", "delivery-type", "deliverable", "jobId", "smsId", "dst", "processStatus", "current_status"),
        *("business_name", "name", "client_key", "majorVersion", "minorVersion", "buildNumber", "buildTimestamp"),
    }
)


@pytest.mark.parametrize("odd", [None, {"no": "sense"}, [["no"]], "no sense", 1e300, True])
@pytest.mark.parametrize("name", READS)
async def test_a_field_that_makes_no_sense_costs_no_more_than_itself(
    name: str, odd: object, server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    path, ask = READS[name]
    body = json.loads(sample(name))

    for place in places(body):
        # A list of records may lose the record; a single record must have its required fields.
        if not place or (place[-1] in NEEDED and not isinstance(body, list) and "data" not in body):
            continue
        if place[-1] in NEEDED and isinstance(body, dict) and isinstance(body.get("data"), dict):
            continue
        server.answer("GET", path, replaced(body, place, odd))
        found = await ask(server.url, transport, scope)
        assert found is not None, (place, odd)


@pytest.mark.parametrize("name", READS)
async def test_a_byte_order_mark_and_bytes_that_are_no_utf_8_are_no_matter(
    name: str, server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    path, ask = READS[name]
    server.answer("GET", path, sample(name))
    expected = await ask(server.url, transport, scope)

    server.answer("GET", path, BOM + sample(name))

    assert await ask(server.url, transport, scope) == expected


HALVES: Final[dict[str, str]] = {
    r"\ud83d": "\ufffd",
    r"\uDE00 and \ud83dA": "\ufffd and \ufffdA",
    r"\ud83d\ud83d\ude00": "\ufffd\U0001f600",
    r"\ud83d\n\\\\ude00": "\ufffd\n\\\\ude00",
}
"""Texts as JSON writes them, with halves of surrogate pairs, and what is read."""


@pytest.mark.parametrize(("sent", "text"), HALVES.items())
async def test_half_a_surrogate_pair_is_replaced_wherever_it_stands(
    sent: str, text: str, server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    body = '{"id": 1, "current_status": "?", "tracking_id": "?", "epod": {"?": ["?"]}}'.replace("?", sent)
    server.answer("GET", "/platform/tasks/1", body.encode())

    task = await logistics(server.url, transport).task(scope, "1")

    assert task is not None
    assert (task.raw_status, task.tracking_id, task.epod) == (text, text, {text: [text]})
    assert msgspec.json.encode(task)


@pytest.mark.parametrize(("sent", "text"), HALVES.items())
async def test_half_a_surrogate_pair_is_replaced_in_what_a_refusal_says(
    sent: str, text: str, server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    server.answer("GET", "/platform/tasks/1", f'{{"message": "{sent}"}}'.encode(), status=422)

    with pytest.raises(InputRefused) as refused:
        await logistics(server.url, transport).task(scope, "1")

    assert refused.value.message.endswith(f": {text}")


async def test_a_list_that_is_null_is_empty(
    server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    server.answer("GET", "/send-tasks", b'{"data": null, "meta": []}')
    server.answer("GET", "/platform/organizations", b'{"organizations": {}}')

    page = await deliveries(server.url, transport).deliveries(scope, NO_FILTERS, page_number=1, page_size=20)
    organizations = await logistics(server.url, transport).organizations(scope, page=1, per_page=20)

    assert (page.records, page.total, page.per_page) == ((), None, None)
    assert organizations.records == []


async def test_one_bad_record_of_a_list_stands_in_its_place(
    server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    organizations = (
        b'{"organizations": [{"id": "1", "business_name": "A"}, {"id": 2, "business_name": 2}, {"id": ""}, "?"]}'
    )
    server.answer("GET", "/platform/organizations", organizations)

    found = (await logistics(server.url, transport).organizations(scope, page=1, per_page=20)).records

    assert [isinstance(one, UnreadableRecord) for one in found] == [False, False, True, True]
    assert [one.organization_id for one in found[:2]] == ["1", "2"]
    assert [getattr(one, "own_id", "") for one in found[2:]] == [None, None]


async def test_roles_that_cannot_be_read_are_left_out(
    server: RecordingServer, transport: HttpxTransport, scope: CallScope
) -> None:
    server.answer("GET", "/platform/organizations/1/roles", b'{"roles": [{"id": 1}, {"name": "x"}, null]}')

    roles = await logistics(server.url, transport).roles(scope, "1")

    assert [role.role_id for role in roles] == ["1"]


@pytest.mark.parametrize(
    "timestamp", ["2024-05-31t08:30:00z", "2024-05-31 08:30:00", " 2024-05-31T08:30Z", "2024-05-31 10:30:00 +0200"]
)
def test_an_instant_is_read_in_every_form_that_was_seen(timestamp: str) -> None:
    assert instant(timestamp) == datetime(2024, 5, 31, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("timestamp", [None, "", "soon", 17, {}, "2024-13-01"])
def test_what_names_no_instant_is_none(timestamp: object) -> None:
    assert instant(timestamp) is None
