"""Checks of input values, and the collection of all refusals of one input."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar, cast

from resolvers.catalogue import local_id
from resolvers.errors import BadInput
from resolvers.ids import IdForm
from resolvers.upstreams.encoding import infinite_place

Path = tuple[str | int, ...]
"""Leads from a field's arguments to a value, such as `("tasks", 0, "price")`."""

Word = TypeVar("Word", bound=Enum | None)
Item = TypeVar("Item")

MAX_EMAIL_LENGTH: Final = 254
"""Characters (RFC 5321, 4.5.3.1.3, less the angle brackets of a path)."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")


def known(word: Word, path: Path) -> Word:
    """An enum's value, or None where the client gave none.

    Raises:
        BadInput: it is UNKNOWN, which stands for words that only upstreams say.
    """
    if isinstance(word, Enum) and word.name == "UNKNOWN":
        raise BadInput(
            "UNKNOWN cannot be asked for: it stands for an upstream's word that is not known here.", path=path
        )
    return word


def optional_id(form: IdForm, given: str | None, path: Path) -> str | None:
    """The upstream's own id, or None where the client gave none.

    Raises:
        BadInput: it is no id of that form.
    """
    return None if given is None else local_id(form, given, path)


def not_blank(text: str, path: Path) -> str:
    """A text that says something.

    Raises:
        BadInput: it is empty or has only spaces.
    """
    if not text.strip():
        raise BadInput("This must not be blank.", path=path)
    return text


def not_longer_than(limit: int, text: str | None, path: Path) -> str | None:
    """A text of at most `limit` characters, or None where the client gave none.

    Raises:
        BadInput: it is longer.
    """
    if text is not None and len(text) > limit:
        raise BadInput(f"This has {len(text)} characters; at most {limit} are allowed.", path=path)
    return text


def not_empty(items: Sequence[Item], path: Path) -> Sequence[Item]:
    """A list with something in it.

    Raises:
        BadInput: it is empty.
    """
    if not items:
        raise BadInput("This list must not be empty.", path=path)
    return items


def not_negative(number: Item, path: Path) -> Item:
    """A number from zero up, or None where the client gave none.

    Raises:
        BadInput: it is negative or not finite.
    """
    if isinstance(number, int | float) and number < 0:
        raise BadInput(f"{number} is negative; this must be 0 or more.", path=path)
    if isinstance(number, float) and not math.isfinite(number):
        raise not_finite(path)
    return number


def not_finite(path: Path) -> BadInput:
    """What a number gets that JSON cannot say, such as 1e400."""
    return BadInput("This number is not finite: write one of at most 1.7e308.", path=path)


def between(low: float, high: float, number: float | None, path: Path) -> float | None:
    """A number within two bounds, or None where the client gave none.

    Raises:
        BadInput: it is outside, or no number at all (NaN).
    """
    if number is not None and not low <= number <= high:
        raise BadInput(f"{number} must be from {low:g} to {high:g}.", path=path)
    return number


def json_object(value: object, path: Path) -> Mapping[str, object] | None:
    """A JSON object, or None where the client gave none.

    Raises:
        BadInput: it is another JSON value, or holds a number that is not finite.
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
    """An address that mail could be sent to; whether it exists is the upstream's to find out.

    Raises:
        BadInput: it cannot be an email address.
    """
    if len(text) > MAX_EMAIL_LENGTH or not text.isprintable() or not _EMAIL.fullmatch(text):
        raise BadInput("This is no email address: write it as name@example.com.", path=path)
    return text


Arguments = ParamSpec("Arguments")
Checked = TypeVar("Checked")

MAX_REFUSALS: Final = 20
"""Told of one request; a list may have thousands of items that are all wrong in the same way."""


class Refusals:
    """Runs checks and raises at its block's end what they refused; lives one block.

    What is refused is None within the block: nothing is done with it there.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], BadInput] = {}

    def __call__(
        self, check: Callable[Arguments, Checked], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Checked:
        """What a check lets through.

        Raises:
            BadInput: enough was refused.
        """
        try:
            return check(*args, **kwargs)
        except BadInput as refusal:
            self._add(refusal)
            if len(self._found) >= MAX_REFUSALS:
                raise self._together() from refusal
            return cast("Checked", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise what was refused, that which ended the block included.

        Raises:
            BadInput: something was.
        """
        del kind, traceback
        if isinstance(error, BadInput):
            self._add(error)
        if self._found and isinstance(error, BadInput | None):
            raise self._together() from error

    def _add(self, refusal: BadInput) -> None:
        """Keep one reason for each place: a second is about a value that is wrong already."""
        for one in (refusal, *refusal.also):
            if len(self._found) < MAX_REFUSALS:
                self._found.setdefault(one.path, one)

    def _together(self) -> BadInput:
        first, *others = self._found.values()
        return BadInput(first.message, path=first.path, also=others)
