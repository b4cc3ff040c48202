"""How the send-tasks API explains a refusal: JSON:API error objects."""

import msgspec

from resolvers.upstreams.answers import Complaint


class _Source(msgspec.Struct, frozen=True):
    pointer: str | None = None
    parameter: str | None = None


class _Error(msgspec.Struct, frozen=True):
    title: str | None = None
    detail: str | None = None
    code: str | None = None
    source: _Source = _Source()


class _Refusal(msgspec.Struct, frozen=True):
    errors: tuple[_Error, ...] = ()
    message: str | None = None


_REFUSAL = msgspec.json.Decoder(_Refusal)


def read_complaint(body: bytes) -> Complaint:
    """What the first error says (documents: "422 Unprocessable Entity"); empty where the body is something else."""
    try:
        refusal = _REFUSAL.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Complaint()
    if not refusal.errors:
        return Complaint(refusal.message)
    first = refusal.errors[0]
    return Complaint(first.detail or first.title, first.source.pointer or first.source.parameter, first.code)
