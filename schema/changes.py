"""The events of filtered lists, and the filters by which a client follows one."""

from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from resolvers import boards
from resolvers.catalogue import RecordType
from resolvers.errors import BadInput
from resolvers.events.boards import BOARD_SIZE
from resolvers.kinds.boards import DELIVERY_BOARD, JOB_BOARD, TASK_BOARD, JobFilters
from schema.enums import ListEventKind, StatusEventSource
from schema.inputs.checks import Path
from schema.inputs.deliveries import DeliveryFilter
from schema.inputs.logistics import LogisticsTaskFilter
from schema.nodes import Trackable
from schema.prices import FREE, ListOf, priced


@strawberry.input(description="Which SMS jobs to follow: those of the last 30 days.")
class SmsJobFilter:
    """Filters of a followed list of SMS jobs; operation lifetime."""

    open: bool | None = strawberry.field(description="true for jobs still open, false for finished ones.")


@strawberry.input(description="Which list to follow: exactly one of these, by its filter.")
class ChangesFilter:
    """The list that a subscription follows; operation lifetime."""

    deliveries: DeliveryFilter | None = strawberry.field(description="Deliveries; `ids` is for `statusChanged`.")
    sms_jobs: SmsJobFilter | None = strawberry.field(description="SMS jobs.")
    logistics_tasks: LogisticsTaskFilter | None = strawberry.field(description="Logistics tasks.")

    def to_board(self, path: Path) -> tuple[RecordType, msgspec.Struct]:
        """Return the type of board and its filters.

        Raises:
            BadInput: Not exactly one list is given, or its filter is invalid.
        """
        given = [one for one in (self.deliveries, self.sms_jobs, self.logistics_tasks) if one]
        if len(given) != 1:
            raise BadInput("Give exactly one of deliveries, smsJobs and logisticsTasks.", path=path)
        if self.deliveries:
            if self.deliveries.ids:
                raise BadInput("Follow single deliveries by `statusChanged`.", path=(*path, "deliveries", "ids"))
            return DELIVERY_BOARD, self.deliveries.to_request((*path, "deliveries"))
        if self.logistics_tasks:
            return TASK_BOARD, self.logistics_tasks.to_request((*path, "logisticsTasks"))
        assert self.sms_jobs  # noqa: S101 - the only one left
        return JOB_BOARD, JobFilters(self.sms_jobs.open)


@strawberry.type(description="Why a list cannot be read at the moment, or not be followed.")
class ListProblem:
    """A view of the problem with a followed list."""

    code: str = strawberry.field(description="As in the `extensions` of an error, such as UPSTREAM_TIMEOUT.")
    message: str = strawberry.field(description="What happened, and what to do.")
    retryable: bool = strawberry.field(description="As of any error with this code: true where it may pass by itself.")


@strawberry.type(description="What happened to a list that is followed.")
class ListEvent:
    """A view of an event of a board."""

    kind: ListEventKind = strawberry.field(description="What happened.")
    cursor: str = strawberry.field(description="Pass as `after` to go on from here after a reconnect.")
    nodes = strawberry.field(
        resolver=boards.records,
        graphql_type=list[Trackable | None] | None,
        description=f"In a SNAPSHOT alone: the newest {BOARD_SIZE} that match, the newest first.",
        metadata=priced(FREE, ListOf(BOARD_SIZE)),
    )
    node = strawberry.field(
        resolver=boards.record,
        graphql_type=Trackable | None,
        description="What entered, changed or left, as it stands now; null after LEFT where it no longer exists.",
        metadata=priced(FREE),
    )
    node_id: strawberry.ID | None = strawberry.field(description="The global id of what entered, changed or left.")
    raw_status: str | None = strawberry.field(
        description="The upstream's own word for its status; after LEFT, the one before it left."
    )
    previous_raw_status: str | None = strawberry.field(description="In CHANGED alone: the word before.")
    problem: ListProblem | None = strawberry.field(description="In a PROBLEM alone.")
    source: StatusEventSource | None = strawberry.field(description="How the gateway learnt of it.")
    occurred_at: datetime = strawberry.field(description="When the gateway learnt of it.")


Filter = Annotated[ChangesFilter, strawberry.argument(name="filter", description="Which list to follow.")]
