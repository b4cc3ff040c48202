"""Global IDs: which kind of thing, and the upstream's own id of it.

A global ID reads `Delivery:123`. Clients treat it as opaque; to us it costs one concatenation for each record.

What cannot be an id upstream is refused before any call, and no more than that: a form stricter than the vendors'
documents would shut out real records.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from resolvers.errors import BadInput

MAX_ID_LENGTH: Final = 256
"""Characters; far above every documented id, and low enough that a url with it stays one."""

_SHOWN: Final = 100
"""Characters of a refused id that its refusal repeats."""

_WORD: Final = "[A-Za-z0-9_-][A-Za-z0-9_.~-]*"


@dataclass(frozen=True, slots=True)
class _Form:
    """What the own ids of a kind look like; process lifetime.

    Args:
        matches: Whether a whole text is one.
        words: Says so to a client.
        example: One.
    """

    matches: Callable[[str], object]
    words: str
    example: str


_is_number: Final = re.compile("[0-9]+").fullmatch
_is_word: Final = re.compile(_WORD).fullmatch
_is_pair: Final = re.compile(f"{_WORD}/{_WORD}").fullmatch
_LETTERS: Final = "of letters, digits, `-`, `_`, `.` and `~` alone"

_FORMS: Final[Mapping[str, _Form]] = {
    # Documented as a number (documents: "Get SendTask", "Filters").
    "Delivery": _Form(_is_number, "a number", "4711"),
    "Product": _Form(_is_number, "a number", "42"),
    "DspUploadIdentification": _Form(_is_number, "a number", "1876"),
    # Documented by examples and, for jobs, a pattern that allows any character; no other was ever seen.
    "SmsJob": _Form(_is_word, f"the API's job id, {_LETTERS}", "J.20180924-131731.737-0iey4kxqyTQCQDIFN1"),
    "Recipient": _Form(
        _is_pair,
        "a job id and an SMS id parted by `/`",
        "J.20180924-131731.737-0iey4kxqyTQCQDIFN1/S.20180924-131731-00001",
    ),
    "LogisticsTask": _Form(_is_word, f"a UUID, {_LETTERS}", "8f14e45f-ceea-467f-9575-6a1c1d1f8c1a"),
    "Organization": _Form(_is_word, f"a UUID, {_LETTERS}", "6512bd43-d9ca-46e0-ac99-0b0a82652dca"),
    "Role": _Form(_is_word, f"a UUID, {_LETTERS}", "c51ce410-c124-410e-8db5-e4b97fc2af39"),
}

KINDS: Final = tuple(kind for kind in _FORMS if kind != "Role")
"""The kinds that have a global ID."""


def global_id(kind: str, local_id: str) -> str:
    """The global ID of a thing."""
    return f"{kind}:{local_id}"


def split_global_id(value: str) -> tuple[str, str] | None:
    """Kind and upstream's own id, or None where the value is no global ID of ours."""
    kind, separator, own_id = value.partition(":")
    if not separator or kind not in KINDS or not _is_own_id(kind, own_id):
        return None
    return kind, own_id


def require_global_id(value: str, path: tuple[str | int, ...]) -> tuple[str, str]:
    """Kind and upstream's own id behind an argument that takes a global ID alone.

    Args:
        value: What the client sent.
        path: Leads to the argument.

    Raises:
        BadInput: it is none.
    """
    found = split_global_id(value)
    if found is not None:
        return found
    kind, separator, _ = value.partition(":")
    if separator and kind in KINDS:
        raise _not_of_form(kind, value, path)
    raise BadInput(
        f"{_shown(value)} is no global id: it reads Kind:id, such as Delivery:4711. Kinds are {', '.join(KINDS)}.",
        path=path,
    )


def local_id(kind: str, value: str, path: tuple[str | int, ...]) -> str:
    """The upstream's own id behind an argument that takes a global ID or the upstream's own.

    Args:
        kind: What the argument must name, such as `Delivery`.
        value: What the client sent.
        path: Leads to the argument.

    Raises:
        BadInput: it cannot be an id of that kind.
    """
    named, separator, rest = value.partition(":")
    own_id = value
    if separator and named in KINDS:
        if named != kind:
            raise BadInput(f"{_shown(value)} is an id of the kind {named}, not {kind}.", path=path)
        own_id = rest
    if not _is_own_id(kind, own_id):
        raise _not_of_form(kind, value, path)
    return own_id


def _is_own_id(kind: str, own_id: str) -> bool:
    return len(own_id) <= MAX_ID_LENGTH and _FORMS[kind].matches(own_id) is not None


def _not_of_form(kind: str, value: str, path: tuple[str | int, ...]) -> BadInput:
    form = _FORMS[kind]
    also = f" or {global_id(kind, form.example)}" if kind in KINDS else ""
    return BadInput(
        f"{_shown(value)} is no id of a {kind}: that is {form.words}, of at most {MAX_ID_LENGTH} characters, "
        f"such as {form.example}{also}.",
        path=path,
    )


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "...")
