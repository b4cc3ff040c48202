"""All that is refused of an input, reported at once, so that a client need not send a request for each mistake."""

from collections.abc import Callable
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar, cast

from resolvers.errors import BadInput

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
