"""Responses of the static upstreams: records in the formats of the three APIs, by path."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

DELIVERIES_A_PAGE: Final = 100
JOBS_A_LIST: Final = 20
TASKS: Final = 1000

_PLACE = {"street_address": "8 Harbour Drive", "city": "Singapore", "country": "SG", "zip_code": "117612"}
_WINDOW = {"start_time_utc": "2024-03-04T08:00:00Z", "end_time_utc": "2024-03-04T10:00:00Z"}


def job_id(number: int) -> str:
    """Return the id of a job."""
    return f"J.20240304-0800{number:02d}.000-benchmarkedjob{number:04d}"


def task_id(number: int) -> str:
    """Return the id of a task."""
    return f"5a1e0000-0000-4000-8000-{number:012d}"


def static_bodies(deliveries: int) -> Iterator[tuple[str, bytes]]:
    """Yield every path with its response body.

    Args:
        deliveries: How many deliveries are found by id; the list contains the first of them.
    """
    for path, document in _documents(deliveries):
        yield path, orjson.dumps(document)


def price_body() -> bytes:
    """Return the response to every price request."""
    fee = {"total_fee": 1_800_000, "average_fee": 1_750_000, "total_fee_currency": "SGD"}
    return orjson.dumps({**fee, "code": "success", "distance": {"value": 6120}, "total_waypoint": 1})


def _documents(deliveries: int) -> Iterator[tuple[str, Any]]:
    yield "/api/v1/send-tasks", _delivery_page()
    for number in range(1, deliveries + 1):
        yield f"/api/v1/send-tasks/{number}", {"data": _delivery(number), "jsonapi": {"version": "1.0"}}
    yield "/rest/v1/jobs", [{"jobId": job_id(number)} for number in range(JOBS_A_LIST)]
    for number in range(JOBS_A_LIST):
        yield f"/rest/v1/jobs/{job_id(number)}", _job_report(number)
        yield f"/rest/v1/sms/{job_id(number)}", [_recipient_report(number, place) for place in range(4)]
    for number in range(TASKS):
        yield f"/logistics/platform/tasks/{task_id(number)}", _task(number)


def _delivery_page() -> dict[str, Any]:
    size = DELIVERIES_A_PAGE
    page = {"currentPage": 1, "from": 1, "lastPage": 1, "perPage": size, "to": size, "total": size}
    return {"data": [_delivery(number) for number in range(1, size + 1)], "meta": {"page": page}}


def _delivery(number: int) -> dict[str, Any]:
    own = f"https://deliveries.example/api/v1/send-tasks/{number}"
    attributes = {
        "deliverable": True,
        "delivery-type": "delivery",
        "status": "waiting",
        "priority": "normal",
        "send-date": "2024-03-04 08:15:00",
        "batch-id": f"0f1e2d3c-4b5a-4968-8776-{number:012d}",
        "ack-status-message": {"FileStatus": ["FileOK"]},
        "sent-at": None,
        "packaged-by": None,
        "sent-by": None,
        "message-id": f"PADPIDA2024030400000{number:09d}",
        "sent-on": f"20240304081500{number % 1000:03d}",
        "created-by": "robot",
        "sent-on-behalf-of-name": None,
        "sent-on-behalf-of-dpid": None,
        "created-at": "2024-03-04T08:00:00.000000Z",
        "updated-at": "2024-03-04T08:15:00.000000Z",
    }
    related = ("product", "dsp-upload-identification")
    links = {name: {"links": {"related": f"{own}/{name}", "self": f"{own}/relationships/{name}"}} for name in related}
    return {"type": "send-tasks", "id": str(number), "attributes": attributes, "relationships": links}


def _job_report(number: int) -> dict[str, Any]:
    return {
        "jobId": job_id(number),
        "src": "benchmark",
        "encoding": "STANDARD",
        "billcode": "bill",
        "statusRequested": True,
        "flash": False,
        "validityMin": 60,
        "customerRef": f"order {number}",
        "qos": "NORMAL",
        "receiptTs": "2024-03-04T08:00:00.000+01:00",
        "finishedTs": "2024-03-04T08:02:00.000+01:00",
        "recipientIds": [_sms_id(number, place) for place in range(4)],
    }


def _recipient_report(number: int, place: int) -> dict[str, Any]:
    return {
        "smsId": _sms_id(number, place),
        "dst": f"+4915555{number:03d}{place:03d}",
        "processStatus": "DONE",
        "status": "SUC_FIN",
        "customerRef": f"phone {place}",
        "reason": "Delivered to destination.",
        "sentTs": "2024-03-04T08:00:02.000+01:00",
        "finishedTs": "2024-03-04T08:01:00.000+01:00",
    }


def _sms_id(number: int, place: int) -> str:
    return f"S.20240304-080000.{place:03d}-benchmark{number:04d}"


def _task(number: int) -> dict[str, Any]:
    return {
        "server_time": "2024-03-04T08:00:00Z",
        "id": task_id(number),
        "tracking_id": f"TRACK{number:06d}",
        "group_tag": "BENCHMARK",
        "invoice_number": f"INV{number:06d}",
        "from_address": _PLACE,
        "from_time_window": _WINDOW,
        "from_contact": {"name": "Ines", "phone": "+6561230000"},
        "to_address": _PLACE,
        "to_time_window": _WINDOW,
        "to_contact": {"name": "Juan", "phone": "+6561230001"},
        "distance_in_meters": 6120,
        "is_urgent": False,
        "price": 1_800_000,
        "currency": "SGD",
        "items": [],
        "cargo_net_quantity": 2,
        "broadcast_preference": "squad",
        "client_time_utc": "2024-03-04T08:00:00Z",
        "client_timezone": "Asia/Singapore",
        "attachments": [],
        "current_status": "broadcasting",
        "statuses": [],
        "vehicle_preference": "ltl",
        "version_rev": "0-00000001",
        "updated_at": "2024-03-04T08:00:00Z",
    }
