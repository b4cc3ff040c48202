"""Checks of input values, and the collection of all refusals of one input."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar, cast

from resolvers.catalogue import local_id
from resolvers.errors import BadInput
from resolvers.ids import IdForm
from resolvers.upstreams.encoding import infinite_place

Path = tuple[str | int, ...]
"""The path of a value in a field's arguments, such as `("tasks", 0, "price")`."""

Word = TypeVar("Word", bound=Enum | None)
Item = TypeVar("Item")

MAX_EMAIL_LENGTH: Final = 254
"""Characters (RFC 5321, 4.5.3.1.3, less the angle brackets of a path)."""

# Looser than RFC 5321, so that no address that exists is refused.
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")


def known(word: Word, path: Path) -> Word:
    """Return an enum's value, which may be None.

    Raises:
        BadInput: It is UNKNOWN, which stands for words that only upstreams use.
    """
    # By its name, because each vocabulary has an UNKNOWN of its own.
    if isinstance(word, Enum) and word.name == "UNKNOWN":
        raise BadInput(
            "UNKNOWN cannot be asked for: it stands for an upstream's word that is not known here.", path=path
        )
    return word


def optional_id(form: IdForm, given: str | None, path: Path) -> str | None:
    """Return the upstream's own id; None if the client gave no id.

    Raises:
        BadInput: It is no id of that form.
    """
    return None if given is None else local_id(form, given, path)


def not_blank(text: str, path: Path) -> str:
    """Return a text that is not blank.

    Raises:
        BadInput: It is empty or has only spaces.
    """
    if not text.strip():
        raise BadInput("This must not be blank.", path=path)
    return text


def not_longer_than(limit: int, text: str | None, path: Path) -> str | None:
    """Return a text of at most `limit` characters, which may be None.

    Raises:
        BadInput: It is longer.
    """
    if text is not None and len(text) > limit:
        raise BadInput(f"This has {len(text)} characters; at most {limit} are allowed.", path=path)
    return text


def not_empty(items: Sequence[Item], path: Path) -> Sequence[Item]:
    """Return a list with at least one item.

    Raises:
        BadInput: It is empty.
    """
    if not items:
        raise BadInput("This list must not be empty.", path=path)
    return items


def not_negative(number: Item, path: Path) -> Item:
    """Return a number from 0 up, which may be None.

    Raises:
        BadInput: It is negative or not finite.
    """
    if isinstance(number, int | float) and number < 0:
        raise BadInput(f"{number} is negative; this must be 0 or more.", path=path)
    if isinstance(number, float) and not math.isfinite(number):
        raise not_finite(path)
    return number


def not_finite(path: Path) -> BadInput:
    """Return the refusal of a number that JSON cannot express, such as 1e400."""
    return BadInput("This number is not finite: write one of at most 1.7e308.", path=path)


def between(low: float, high: float, number: float | None, path: Path) -> float | None:
    """Return a number within two bounds, which may be None.

    Raises:
        BadInput: It is outside of them, or NaN.
    """
    # Negated, so that NaN is refused as well: every comparison with it is false.
    if number is not None and not low <= number <= high:
        raise BadInput(f"{number} must be from {low:g} to {high:g}.", path=path)
    return number


def in_order(earliest: datetime | None, latest: datetime | None, path: Path) -> None:
    """Check that a span of time does not end before it begins; either end may be open.

    Raises:
        BadInput: It does.
    """
    if earliest is not None and latest is not None and earliest > latest:
        raise BadInput("The end must not be before the beginning.", path=path)


def json_object(value: object, path: Path) -> Mapping[str, object] | None:
    """Return a JSON object, which may be None.

    Raises:
        BadInput: It is another JSON value, or holds a number that is not finite.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise BadInput("This must be a JSON object.", path=path)
    place = infinite_place(value)
    if place is not None:
        raise not_finite((*path, *place))
    return value


def email(text: str, path: Path) -> str:
    """Return a text with the form of an email address; only the upstream can find out whether it exists.

    Raises:
        BadInput: It cannot be an email address.
    """
    # Its length first, because it is the client's choice.
    if len(text) > MAX_EMAIL_LENGTH or not text.isprintable() or not _EMAIL.fullmatch(text):
        raise BadInput("This is no email address: write it as name@example.com.", path=path)
    return text


Arguments = ParamSpec("Arguments")
Checked = TypeVar("Checked")

MAX_REFUSALS: Final = 20
"""The most that are reported of one request; a list may have thousands of items that are all wrong in the same way."""


class Refusals:
    """Collects what the checks in a `with` block refuse, and raises all of it at the block's end; block lifetime.

    So a client learns of all its mistakes by one request. Within the block, a refused value is None.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], BadInput] = {}

    def __call__(
        self, check: Callable[Arguments, Checked], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Checked:
        """Return the result of a check; None if it refused.

        Raises:
            BadInput: `MAX_REFUSALS` were refused.
        """
        try:
            return check(*args, **kwargs)
        except BadInput as refusal:
            self._add(refusal)
            if len(self._found) >= MAX_REFUSALS:
                raise self._together() from refusal
            # So that the block goes on to its other checks; nothing uses the value, because the block then raises.
            return cast("Checked", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise all refusals, including the one that ended the block.

        Raises:
            BadInput: There was a refusal.
        """
        del kind, traceback
        if isinstance(error, BadInput):
            self._add(error)
        # Any other error is a fault of ours and no refusal, so it is not replaced.
        if self._found and isinstance(error, BadInput | None):
            raise self._together() from error

    def _add(self, refusal: BadInput) -> None:
        for one in (refusal, *refusal.also):
            if len(self._found) < MAX_REFUSALS:
                # One reason for each place, because a second one is about a value that is refused already.
                self._found.setdefault(one.path, one)

    def _together(self) -> BadInput:
        first, *others = self._found.values()
        return BadInput(first.message, path=first.path, also=others)
