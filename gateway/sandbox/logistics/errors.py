"""What the simulated logistics API refuses with.

The vendor's document shows no error at all; `{code, message}` with 400, 401, 403, 404, 409 and 422 is assumed.
"""


class Refused(Exception):
    """Ends one request with an error answer.

    Args:
        status: The HTTP status to answer with.
        code: A word for programs.
        message: A sentence for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def malformed(message: str) -> Refused:
    """400: the request cannot be read."""
    return Refused(400, "bad_request", message)


def unauthenticated(message: str) -> Refused:
    """401: no, wrong or outdated credentials."""
    return Refused(401, "unauthorized", message)


def forbidden(message: str) -> Refused:
    """403: the credentials are right, their role is not enough."""
    return Refused(403, "forbidden", message)


def not_found(kind: str, identity: str) -> Refused:
    """404: no record of this kind has this id."""
    return Refused(404, "not_found", f"There is no {kind} {identity}.")


def version_conflict(sent: str) -> Refused:
    """409: the record has changed since the revision that the caller sent."""
    return Refused(409, "version_conflict", f"version_rev {sent} is not the current revision; read the task again.")


def already_exists(message: str) -> Refused:
    """409: something that must be unique is taken."""
    return Refused(409, "already_exists", message)


def invalid(path: str, rule: str) -> Refused:
    """422: the field at `path` breaks a rule."""
    return Refused(422, "validation_failed", f"{path}: {rule}")


def invalid_status(message: str) -> Refused:
    """422: the status of the record forbids the operation."""
    return Refused(422, "invalid_status", message)
