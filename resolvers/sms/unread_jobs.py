"""SMS jobs of a list whose report could not be read: what the list knows of them."""

from typing import Any

from resolvers.errors import GatewayError
from resolvers.ids import global_id


class _OnceMissing:
    """A field that only the report has, and that may be null; class lifetime."""

    def __get__(self, job: "UnreadJob | None", owner: type) -> Any:  # noqa: ANN401 - a field of any type
        return self if job is None else job.missing()


class _Needed:
    """A field that only the report has, and that must not be null; class lifetime."""

    def __get__(self, job: "UnreadJob | None", owner: type) -> Any:  # noqa: ANN401 - a field of any type
        if job is None:
            return self
        raise job.error


class UnreadJob:
    """A job of which the list has told the id, and whose report failed; operation lifetime.

    The first field of the report that is read raises why; the others that may be null are, so that one report that
    fails is one error. Fields that must not be null raise it always.

    Args:
        job_id: The upstream's own id.
        error: Why its report could not be read.
    """

    source = _OnceMissing()
    encoding = _OnceMissing()
    billcode = _OnceMissing()
    status_requested = _OnceMissing()
    flash = _OnceMissing()
    validity_minutes = _OnceMissing()
    customer_ref = _OnceMissing()
    qos = _OnceMissing()
    received_at = _OnceMissing()
    finished_at = _OnceMissing()
    progress = _Needed()
    final = _Needed()
    raw_status = _Needed()
    recipient_count = _Needed()

    __slots__ = ("_reported", "error", "job_id")

    def __init__(self, job_id: str, error: GatewayError) -> None:
        self.job_id = job_id
        self.error = error
        self._reported = False

    @property
    def id(self) -> str:
        """The global ID."""
        return global_id("SmsJob", self.job_id)

    def missing(self) -> None:
        """Raise why the report is missing, the first time."""
        if not self._reported:
            self._reported = True
            raise self.error
