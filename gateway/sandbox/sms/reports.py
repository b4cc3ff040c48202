"""The JSON that the simulated SMS service answers with, after the samples of its document."""

from datetime import datetime
from typing import Any

from gateway.sandbox.sms.data_centre import VENDOR_TIME
from gateway.sandbox.sms.records import SmsJob, SmsRecipient

VERSION = {
    "buildNumber": 52,
    "buildTimestamp": "2024-02-19 09:14:07 +0200",
    "majorVersion": 2015,
    "minorVersion": 11,
    "versionInfo": "REST Interface",
    "message": "Simulated.",
}
"""The answer of GET /version."""


def job_report(job: SmsJob, now: datetime) -> dict[str, Any]:
    """Build the JobReport; finishedTs is there once every recipient has finished."""
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
    """Build a RecipientReport; what is not known yet has no key."""
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
    return {name: value for name, value in report.items() if value is not None}


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(VENDOR_TIME).isoformat(timespec="milliseconds")
