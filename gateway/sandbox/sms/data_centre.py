"""One data centre of the simulated SMS service: its jobs and their reports in JSON, as in the vendor's samples."""

import string
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from gateway.sandbox.sms.records import SmsCourses, SmsJob, SmsRecipient
from gateway.sandbox.sms.requests import JobRequest, JobsQuery, recipients, used_encoding, used_validity

VENDOR_TIME = timezone(timedelta(hours=2))
"""The UTC offset of timestamps and ids, as in the document's samples."""

VERSION = {
    "buildNumber": 52,
    "buildTimestamp": "2024-02-19 09:14:07 +0200",
    "majorVersion": 2015,
    "minorVersion": 11,
    "versionInfo": "REST Interface",
    "message": "Simulated.",
}
"""The response to GET /version."""


_ID_CHARACTERS = string.ascii_letters + string.digits
_ID_LENGTH = 18


@dataclass(frozen=True, kw_only=True, slots=True)
class JobDefaults:
    """Values for jobs whose options name none, as configured for a login."""

    source: str
    report_lag_seconds: float
    kept_days: int


class DataCentre:
    """The jobs of one data centre; simulator lifetime.

    Args:
        random: Draws ids.
        courses: Draws the course of each SMS.
        defaults: The configuration of the login.
        first_number: The first number at the end of SMS ids. Data centres use distinct ranges, so ids are unique.
    """

    def __init__(self, random: Random, courses: SmsCourses, defaults: JobDefaults, *, first_number: int) -> None:
        self._random = random
        self._courses = courses
        self._defaults = defaults
        self._number = first_number
        self._jobs: dict[str, SmsJob] = {}

    def accept(self, request: JobRequest, now: datetime) -> SmsJob:
        """Accept a job.

        Args:
            request: The checked request.
            now: When the job is posted.

        Returns:
            The job with its id.
        """
        options = request.options
        job = SmsJob(
            job_id=self._job_id(now),
            received_at=now,
            source=options.src or self._defaults.source,
            encoding=used_encoding(request),
            billcode=options.billcode,
            status_requested=bool(options.status_requested),
            flash=bool(options.flash),
            validity_minutes=used_validity(options.validity_min),
            customer_ref=options.customer_ref,
            qos=(options.qos or "NORMAL").upper(),
            recipients=self._recipients(request, now),
        )
        self._jobs[job.job_id] = job
        return job

    def __len__(self) -> int:
        return len(self._jobs)

    def insert(self, job: SmsJob) -> None:
        """Add a job that was accepted by another data centre."""
        self._jobs[job.job_id] = job

    def remove(self, job_id: str) -> None:
        """Remove a job if this data centre has it."""
        self._jobs.pop(job_id, None)

    def open_jobs(self, now: datetime) -> list[SmsJob]:
        """Return the jobs with an unfinished recipient, oldest first."""
        return [job for job in self._jobs.values() if self._shown(job, now) and job.finished_by(now) is None]

    def job(self, job_id: str, now: datetime) -> SmsJob | None:
        """Return a job of this data centre; None if it is unknown, not found yet or no longer kept."""
        found = self._jobs.get(job_id)
        return found if found and self._shown(found, now) else None

    def jobs(self, query: JobsQuery, now: datetime) -> list[SmsJob]:
        """Return the jobs that match a query, oldest first.

        Args:
            query: The window, the state and the part of the list.
            now: The current time.
        """
        found = [
            job
            # The document names no order; its sample ascends by time.
            for job in sorted(self._jobs.values(), key=lambda job: (job.received_at, job.job_id))
            # With both ends: no document says to which of two adjacent windows a job at their common instant belongs.
            if query.start <= job.received_at <= query.end
            and self._shown(job, now)
            and query.open in (None, job.finished_by(now) is None)
        ]
        return found[query.offset : query.offset + query.limit]

    def _shown(self, job: SmsJob, now: datetime) -> bool:
        return job.shown_at(now, lag_seconds=self._defaults.report_lag_seconds, kept_days=self._defaults.kept_days)

    def _job_id(self, now: datetime) -> str:
        # With milliseconds, unlike the ids of SMS, as in the document's samples.
        stamp = now.astimezone(VENDOR_TIME).strftime("%Y%m%d-%H%M%S.%f")[:-3]
        return f"J.{stamp}-{''.join(self._random.choices(_ID_CHARACTERS, k=_ID_LENGTH))}"

    def _recipients(self, request: JobRequest, now: datetime) -> tuple[SmsRecipient, ...]:
        stamp = now.astimezone(VENDOR_TIME).strftime("%Y%m%d-%H%M%S")
        made = []
        for _, recipient in recipients(request):
            course = self._courses.draw(request, recipient, now)
            destination = recipient.dst or ""
            made.append(
                SmsRecipient(
                    sms_id=f"S.{stamp}-{self._number:05d}",
                    destination=destination,
                    # The number is the default by the comments of the vendor's Go SDK.
                    customer_ref=recipient.customer_ref or destination,
                    scheduled_at=course.scheduled_at,
                    running_at=course.running_at,
                    finished_at=course.finished_at,
                    outcome=course.outcome,
                )
            )
            self._number += 1
        return tuple(made)


def job_report(job: SmsJob, now: datetime) -> dict[str, Any]:
    """Build the JobReport; finishedTs is present once every recipient has finished."""
    finished_at = job.finished_by(now)
    return {
        "jobId": job.job_id,
        "src": job.source,
        "encoding": job.encoding,
        "billcode": job.billcode,
        "statusRequested": job.status_requested,
        "flash": job.flash,
        "validityMin": job.validity_minutes,
        "customerRef": job.customer_ref,
        "qos": job.qos,
        "receiptTs": _timestamp(job.received_at),
        **({"finishedTs": _timestamp(finished_at)} if finished_at else {}),
        "recipientIds": [recipient.sms_id for recipient in job.recipients],
    }


def recipient_report(recipient: SmsRecipient, now: datetime) -> dict[str, str]:
    """Build the RecipientReport; unknown values have no key."""
    state = recipient.state_at(now)
    report = {
        "smsId": recipient.sms_id,
        "dst": recipient.destination,
        "processStatus": state.process_status,
        "status": state.status,
        "customerRef": recipient.customer_ref,
        "reason": state.reason,
        "sentTs": _timestamp(state.sent_at) if state.sent_at else None,
        "finishedTs": _timestamp(state.finished_at) if state.finished_at else None,
    }
    # The pending SMS in the document's sample lacks the keys.
    return {name: value for name, value in report.items() if value is not None}


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(VENDOR_TIME).isoformat(timespec="milliseconds")
