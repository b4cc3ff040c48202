"""How many SMS a caller may have sent: each recipient counts once for each part of its text, as it is billed."""

from typing import Protocol

from resolvers.upstreams.sms.parts import MAX_PARTS, count_parts
from resolvers.upstreams.sms.requests import JobOptions, JobRequest


class SmsQuota(Protocol):
    """What one caller may have sent; operation lifetime."""

    async def take(self, count: int) -> None:
        """Charge for SMS before they are sent.

        Raises:
            RateLimited: the caller has not as many left.
        """
        ...

    async def give_back(self, count: int) -> None:
        """Take a charge back: nothing was sent."""
        ...


def billed_parts(job: JobRequest) -> int:
    """How many SMS a job comes to at most."""
    options = job.options or JobOptions()
    most = MAX_PARTS if options.max_parts is None else max(1, min(options.max_parts, MAX_PARTS))
    return sum(
        len(message.recipients) * min(most, count_parts(message.text, options.encoding, options.invalid_characters))
        for message in job.messages
    )
