"""What a refusal says where no document shows one: `{code, message}` is assumed, as most APIs write it."""

from typing import Final

import msgspec

from resolvers.upstreams.answers import Complaint


class _Refusal(msgspec.Struct, frozen=True):
    code: str | int | None = None
    message: str | None = None


_REFUSAL: Final = msgspec.json.Decoder(_Refusal)


def read_complaint(body: bytes) -> Complaint:
    """What a refusal says; nothing where its body has another form."""
    try:
        refusal = _REFUSAL.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Complaint()
    return Complaint(refusal.message, code=None if refusal.code is None else str(refusal.code))
