"""The client of the SMS API: one method for each operation of a data centre."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlencode

import msgspec

from resolvers.upstreams.answers import decode, require_success
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.encoding import path_segment, request_body
from resolvers.upstreams.error_body import ErrorBody, read_error_body
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import (
    JOB_REFERENCE,
    JOB_REFERENCES,
    JOB_REPORT,
    RECIPIENTS,
    VERSION,
    Recipient,
    SmsApiVersion,
    SmsJob,
    set_job,
)
from resolvers.upstreams.sms.requests import JobIdQuery, JobRequest, job_id_parameters


def read_job_error_body(status: int, body: bytes) -> ErrorBody:
    """Return the error in the body of a refused job, or the documented meaning of its status if the body has none."""
    error_body = read_error_body(body)
    # Of the document and not of the body, because the document says that refusals have no body.
    retry_after = _COUNTED_SECONDS if status == 429 else None
    return msgspec.structs.replace(
        error_body, message=error_body.message or _MEANING_OF_STATUS.get(status), pointer=None, retry_after=retry_after
    )


_COUNTED_SECONDS: Final = 10.0
"""The time over which the vendor counts jobs (documents: "Too many requests in the last 10 seconds (retry later)")."""

# Needed because the document declares every refusal as "No content": without these, clients would see a bare number.
_MEANING_OF_STATUS: Final = {
    400: "the job's data is invalid (such as its qos, encoding or a blackout period)",
    409: "the same job was posted in the last 10 minutes (duplicateDetection)",
    422: "the job's data is invalid (such as characters that its encoding does not have, or no messages)",
}


READ_HEADERS: Final = (("accept", "application/json"),)
SEND_HEADERS: Final = (("accept", "application/json"), ("content-type", "application/json"))


@dataclass(frozen=True)
class SmsConfig:
    """The addresses of the API. Lifetime: process.

    Args:
        read_urls: One for each data centre, the primary first; with `/rest/v1`, without a slash at the end.
        send_url: The one that jobs are posted to, in the same form; the vendor balances it over the data centres.
        hedge: Whether a slow read is sent to the next data centre as well.
    """

    read_urls: tuple[str, ...]
    send_url: str
    hedge: bool = False


class SmsClient:
    """Makes the operations of the SMS API. Lifetime: account.

    Every method takes the scope of the operation that it is called for, and raises an `UpstreamError` if the API did
    not do what was asked. A data centre knows only the jobs that it took, so a read takes the `centre` to ask: an index
    into `SmsConfig.read_urls`. The client does not retry, wait or add credentials: the policies in its transports do.

    Args:
        transports: Send the calls to each data centre, with the account's credentials.
        send_transport: Sends the calls that post jobs, likewise.
        config: The addresses of the API.
    """

    def __init__(self, transports: Sequence[Transport], send_transport: Transport, config: SmsConfig) -> None:
        # A transport for each, so that one data centre that is down opens no breaker before the other.
        self._centres = tuple(zip(transports, config.read_urls, strict=True))
        self.hedges = config.hedge
        self._send_transport = send_transport
        self._send_url = f"{config.send_url}/jobs"

    @property
    def centres(self) -> int:
        """The number of data centres."""
        return len(self._centres)

    async def job_report(self, scope: CallScope, centre: int, job_id: str) -> SmsJob | None:
        """Return a job; None if the centre does not know it (documents: "Getting the status for a single job")."""
        call, sent = self._get(scope, "job_report", centre, f"/jobs/{path_segment(job_id)}")
        answer = await sent
        # In no document, but the vendor's own Go client asks both data centres and passes over a 404.
        if answer.status == 404:
            return None
        require_success(call, answer, read_error_body)
        return SmsJob.from_report(decode(JOB_REPORT, call, answer))

    async def recipients(self, scope: CallScope, centre: int, job_id: str) -> list[Recipient] | None:
        """Return all recipients of a job (documents: "Getting information about all recipients of a job").

        Returns:
            None if the centre does not know the job. An empty list may mean the same: no document says what it answers.
        """
        # Encoded as for a path, which is more than a query needs, and refuses the same ids.
        call, sent = self._get(scope, "recipients", centre, f"/sms?jobId={path_segment(job_id)}")
        answer = await sent
        if answer.status == 404:
            return None
        require_success(call, answer, read_error_body)
        recipients = decode(RECIPIENTS, call, answer)
        # Set here, because the answer does not name the job and a recipient's global id does.
        set_job(recipients, job_id)
        return recipients

    async def job_ids(self, scope: CallScope, centre: int, query: JobIdQuery) -> list[str | None]:
        """Return the ids of jobs (documents: "Getting reports for all jobs matching a given criterion").

        Returns:
            The ids in the upstream's order; None stands for one that could not be read.

        Raises:
            InputRefused: the window is longer than 30 days or ends before it starts, or the limit is out of bounds.
        """
        call, sent = self._get(scope, "job_ids", centre, f"/jobs?{urlencode(job_id_parameters(query))}")
        answer = await sent
        require_success(call, answer, read_error_body)
        jobs = decode(JOB_REFERENCES, call, answer)
        return [None if isinstance(job, UnreadableRecord) else job.job_id for job in jobs]

    async def version(self, scope: CallScope, centre: int) -> SmsApiVersion:
        """Return the version of the API that the centre runs (documents: "Getting API version information")."""
        call, sent = self._get(scope, "version", centre, "/version")
        answer = await sent
        require_success(call, answer, read_error_body)
        return decode(VERSION, call, answer)

    async def create_job(self, scope: CallScope, request: JobRequest) -> str:
        """Post a job and return its id (documents: "Creating a job for sending SMSs").

        Raises:
            InputRefused: the job's data is invalid.
            Conflicting: duplicate detection knows the same job from the last 10 minutes.
            UpstreamRateLimited: too many jobs in the last 10 seconds.
        """
        call = Call(
            UpstreamName.SMS,
            "create_job",
            "POST",
            self._send_url,
            scope.deadline,
            SEND_HEADERS,
            request_body(request),
            # Sent twice, it could send every SMS twice: without duplicateDetection the vendor takes it as another job,
            # and with it the refusal (409) does not name the first.
            repeatable=False,
            traces=scope.traces,
            turn_by=scope.turn_by,
            context=scope.context,
        )
        answer = await self._send_transport.send(call)
        # 200 and 201 alike: the document lists both, with the same body.
        require_success(call, answer, partial(read_job_error_body, answer.status))
        return decode(JOB_REFERENCE, call, answer).job_id

    def _get(self, scope: CallScope, operation: str, centre: int, path: str) -> tuple[Call, Awaitable[Answer]]:
        # The answer is awaited by the caller, because one more coroutine around it would cost every read.
        transport, base_url = self._centres[centre]
        call = Call(
            UpstreamName.SMS,
            operation,
            "GET",
            base_url + path,
            scope.deadline,
            READ_HEADERS,
            traces=scope.traces,
            turn_by=scope.turn_by,
            context=scope.context,
        )
        return call, transport.send(call)
