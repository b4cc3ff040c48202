"""Boards: how the newest records of a filtered list are read, by as few calls as the upstream's list takes.

The id of a board is its filter, encoded, so that any process can read it.
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from resolvers.accounts import Account
from resolvers.cache.kind import CachedKind, Fetch, Freshness, always
from resolvers.catalogue import RecordType
from resolvers.connections import PageRequest
from resolvers.events.boards import BOARD_SIZE, Board, BoardItem, BoardRead, item_of
from resolvers.filtered_pages import filtered_page
from resolvers.ids import global_id, word_form
from resolvers.numbered_pages import NumberedList
from resolvers.sms.ordered_jobs import OrderedJobs, whole_list
from resolvers.task_filters import EVERY_TASK, TaskFilters
from resolvers.unreadable import read_ones
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.records import Delivery, DeliveryPage
from resolvers.upstreams.deliveries.requests import DeliveryFilters
from resolvers.upstreams.logistics.answers import ListPage
from resolvers.upstreams.logistics.task_records import LogisticsTask
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.requests import WINDOW, JobIdQuery

CLOCK_SKEW: Final = timedelta(minutes=10)
"""By which a data centre's clock may be ahead, so that its newest jobs are on the board."""

OPEN, FINISHED = "open", "finished"

Filters = TypeVar("Filters", bound=msgspec.Struct)
Record = TypeVar("Record", Delivery, LogisticsTask)


class JobFilters(msgspec.Struct, frozen=True, omit_defaults=True):
    """The filters of a board of SMS jobs; None for open and finished ones."""

    open: bool | None = None


def board_id(filters: msgspec.Struct) -> str:
    """Return the id of the board with these filters."""
    return base64.urlsafe_b64encode(msgspec.json.encode(filters)).decode().rstrip("=")


def filters_of(local_id: str, kind: type[Filters]) -> Filters:
    """Return the filters of a board by its id."""
    return msgspec.json.decode(base64.urlsafe_b64decode(local_id + "=" * (-len(local_id) % 4)), type=kind)


def _board(kind: str, local_id: str, records: Iterable[Record]) -> BoardRead:
    found = {record.id: record for record in records}
    return BoardRead(Board(kind, local_id, tuple(map(item_of, found.values()))), found)


async def _deliveries(account: Account, scope: CallScope, local_id: str) -> BoardRead:
    filters = filters_of(local_id, DeliveryFilters)

    async def read_page(number: int, size: int) -> DeliveryPage:
        return await account.deliveries.deliveries(scope, filters, page_number=number, page_size=size)

    listed = NumberedList(UpstreamName.DELIVERIES, local_id, read_page, lambda one: one.send_task_id, account.page_caps)
    page = await listed.page(PageRequest(BOARD_SIZE), None, against=not account.deliveries.newest_first)
    return _board("DeliveryBoard", local_id, read_ones(page.nodes))


async def _tasks(account: Account, scope: CallScope, local_id: str) -> BoardRead:
    filters = filters_of(local_id, TaskFilters)

    async def read_page(number: int, size: int) -> ListPage[LogisticsTask]:
        return await account.logistics.tasks(scope, page=number, per_page=size, descending=True)

    listed = NumberedList(UpstreamName.LOGISTICS, local_id, read_page, lambda one: one.task_id, account.page_caps)
    request = PageRequest(BOARD_SIZE)
    if filters == EVERY_TASK:
        page = await listed.page(request, None)
    else:
        page = await filtered_page(listed, request, None, filters.match, against=False)
    return _board("LogisticsTaskBoard", local_id, read_ones(page.nodes))


async def _jobs(account: Account, scope: CallScope, local_id: str) -> BoardRead:
    wanted = filters_of(local_id, JobFilters).open
    statuses: dict[str, str] = {}
    # The open ones first: a job that ends between the two calls is then in both lists, and not in neither.
    for still_open in (True, False) if wanted is None else (wanted,):
        for job_id in await _newest_jobs(account, scope, still_open=still_open):
            statuses[job_id] = OPEN if still_open else FINISHED
    # By the time in their ids, as lists of jobs are ordered.
    newest = sorted(statuses, reverse=True)[:BOARD_SIZE]
    items = tuple(BoardItem(global_id("SmsJob", one), statuses[one]) for one in newest)
    return BoardRead(Board("SmsJobBoard", local_id, items), {})


async def _newest_jobs(account: Account, scope: CallScope, *, still_open: bool) -> Sequence[str]:
    async def list_ids(centre: int, query: JobIdQuery) -> list[str | None]:
        return await account.sms.job_ids(scope, centre, query)

    # In whole minutes, so that the window of two polls is mostly the same.
    to_time = datetime.now(UTC).replace(second=0, microsecond=0) + CLOCK_SKEW
    whole = whole_list("", to_time - WINDOW, to_time)
    ordered = OrderedJobs(list_ids, account.sms.centres, whole, still_open=still_open, descending=True)
    found, _ = await ordered.read(None, BOARD_SIZE)
    return [one.job_id for one in found if one.job_id is not None]


def _type(name: str, upstream: UpstreamName, fetch: Fetch) -> RecordType:
    kind = CachedKind[Any](name, Board, upstream, always(Freshness.LIST), fetch=fetch, shared=False)
    return RecordType(word_form(name, "an encoded filter", "e30"), kind, tracked=Board, internal=True)


DELIVERY_BOARD: Final = _type("DeliveryBoard", UpstreamName.DELIVERIES, _deliveries)
TASK_BOARD: Final = _type("LogisticsTaskBoard", UpstreamName.LOGISTICS, _tasks)
JOB_BOARD: Final = _type("SmsJobBoard", UpstreamName.SMS, _jobs)
