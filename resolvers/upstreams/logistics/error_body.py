"""How the logistics API says no, which its documents show nowhere."""

from resolvers.errors import NotAllowedNow
from resolvers.upstreams.answers import ErrorBody, require_success
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.error_body import read_error_body


def require_logistics_success(call: Call, answer: Answer) -> None:
    """Pass a success, and raise what any other answer means.

    Raises:
        NotAllowedNow: the status of the task forbids the operation.
        UpstreamError: the kind that fits the HTTP status.
    """
    if answer.status in {409, 422}:
        error_body = read_error_body(answer.body)
        if _status_forbids(call.operation, answer.status, error_body):
            said = error_body.words or f"HTTP {answer.status}"
            raise NotAllowedNow(call.upstream, f"The task's status forbids {call.operation}: {said}")
    require_success(call, answer, read_error_body)


def _status_forbids(operation: str, http_status: int, error_body: ErrorBody) -> bool:
    """Whether a 409 or 422 is about the status of a task.

    This is a guess, since the vendor documents the rule (Cancel Task) and not its answer: a code that speaks of the
    status says it for every operation; of a cancel, whose only input is the reason, all that does not speak of that.
    """
    if error_body.code is not None and "status" in error_body.code.lower():
        return True
    return operation == "cancel_task" and (http_status == 409 or "reason" not in (error_body.message or "").lower())
