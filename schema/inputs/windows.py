"""What clients say about times between which to look."""

from datetime import datetime

from resolvers.errors import BadInput
from resolvers.sms import JobWindow


def job_window(from_time: datetime | None, to_time: datetime | None, *, open_: bool | None, now: datetime) -> JobWindow:
    """The time in which to look for SMS jobs.

    Args:
        from_time: The first instant; None leaves it to the resolver.
        to_time: The last instant; None is now.
        open_: True for jobs still open, False for finished ones, None for both.
        now: The operation's time.

    Raises:
        BadInput: it ends before it starts, or starts in the future.
    """
    if from_time is not None and from_time >= (to_time or now):
        raise BadInput("`from` must be before `to`, and before now where there is no `to`.", path=("from",))
    return JobWindow(from_time, to_time, open_)
