"""Reads the body of a refusal, in every form that was seen.

JSON:API error objects are documented for send-tasks ("422 Unprocessable Entity"). No other document shows a refusal, so
the forms of other servers are read as well, for every upstream: `{"code", "message"}`, `{"error": "..."}` with or
without `error_description`, `{"error": {...}}`, `{"message", "errors": {field: [..]}}` and plain text. A page of HTML
is passed over.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from resolvers.upstreams.lenient import UnreadableError, parsed


class ErrorBody(msgspec.Struct, frozen=True):
    """The errors in the body of a refusal, or the meaning that the vendor documents for its status. Lifetime: answer.

    Args:
        message: The reason of the first error.
        pointer: Its place in the request, in the vendor's form.
        code: The vendor's word for its kind.
        retry_after: Seconds after which a new try makes sense, unless the `Retry-After` header differs.
        also: The other errors of the same request.
    """

    message: str | None = None
    pointer: str | None = None
    code: str | None = None
    retry_after: float | None = None
    also: "tuple[ErrorBody, ...]" = ()

    @property
    def words(self) -> str | None:
        """The messages of all errors; None if there is none."""
        said = [one.message for one in (self, *self.also) if one.message]
        return "; ".join(dict.fromkeys(said)) or None


MAX_TEXT: Final = 500
"""The most characters of one message that clients see."""

MAX_ERRORS: Final = 20
"""The most errors of one refusal that clients see."""


def read_error_body(body: bytes) -> ErrorBody:
    """Return the errors in the body of a refusal; an empty error body if its form is unknown."""
    try:
        refusal = parsed(body)
    except UnreadableError:
        return ErrorBody(_plain_text(body))
    if isinstance(refusal, str):
        return ErrorBody(_words(refusal))
    if isinstance(refusal, list):
        refusal = {"errors": refusal}
    if not isinstance(refusal, dict):
        return ErrorBody()
    whole = _one_error(refusal)
    listed = [one for one in _errors(refusal.get("errors")) if one != ErrorBody()][:MAX_ERRORS]
    if not listed:
        return whole
    # The message and the code beside a list are of the whole refusal: they stand in where the first error has none.
    first, *others = listed
    return ErrorBody(first.message or whole.message, first.pointer, first.code or whole.code, also=tuple(others))


def _errors(errors: Any) -> Iterator[ErrorBody]:  # noqa: ANN401 - any JSON
    """Yield the errors of an `errors` member: a list of them, one object, or lists by the names of fields."""
    if isinstance(errors, str):
        yield ErrorBody(_words(errors))
    elif isinstance(errors, list):
        for one in errors:
            yield _one_error(one) if isinstance(one, dict) else ErrorBody(_words(one))
    elif isinstance(errors, dict):
        # One error and not the errors of fields, because the messages of a field are a list.
        if any(isinstance(errors.get(name), str) for name in ("detail", "title", "message")):
            yield _one_error(errors)
            return
        for field, said in errors.items():
            for one in said if isinstance(said, list) else [said]:
                yield ErrorBody(_words(one), _pointer(field))


def _one_error(error: dict[str, Any]) -> ErrorBody:
    inner = error.get("error")
    nested = _one_error(inner) if isinstance(inner, dict) else ErrorBody(_words(inner))
    said = (_words(error.get(name)) for name in ("detail", "message", "error_description", "title"))
    message = next((one for one in said if one), None) or nested.message
    source = error.get("source")
    # JSON:API has one object here; some servers send a list of them.
    if isinstance(source, list):
        source = next((one for one in source if isinstance(one, dict)), None)
    pointer = None
    if isinstance(source, dict):
        pointer = _words(source.get("pointer")) or _words(source.get("parameter"))
    return ErrorBody(message, pointer, _words(error.get("code")) or nested.code)


def _pointer(field: str) -> str:
    """Return a field's dotted name as a pointer, such as `/data/attributes/status` for `data.attributes.status`."""
    return "/" + field.replace(".", "/") if "." in field else field


def _words(value: object) -> str | None:
    # A number too, because codes of errors often are.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip()[:MAX_TEXT] or None


def _plain_text(body: bytes) -> str | None:
    text = body.decode("utf-8-sig", errors="replace").strip()
    # Neither HTML, nor JSON that is cut off, nor binary data, because clients would get it as a message.
    if not text or text[0] in "<{[" or "\0" in text:
        return None
    return " ".join(text[: 2 * MAX_TEXT].split())[:MAX_TEXT]
