"""Global IDs, such as `Delivery:123`: the GraphQL type of a thing, and the upstream's own id of it.

Clients treat them as opaque; to the gateway one costs a concatenation for each record.

What cannot be an id upstream is refused before any call, and no more than that: a form stricter than the vendors'
documents would shut out real records.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resolvers.errors import BadInput

MAX_ID_LENGTH: Final = 256
"""Characters; far above every documented id, and low enough that a url with it stays one."""

_SHOWN: Final = 100
"""Characters of a refused id that its refusal repeats."""

_WORD: Final = "[A-Za-z0-9_-][A-Za-z0-9_.~-]*"


@dataclass(frozen=True, slots=True)
class IdForm:
    """What the upstream's own ids of one type look like; process lifetime.

    Args:
        type_name: The GraphQL type, which stands before the colon of a global id.
        matches: Whether a whole text is such an id.
        description: Says so to a client.
        example: One.
    """

    type_name: str
    matches: Callable[[str], object]
    description: str
    example: str

    def fits(self, own_id: str) -> bool:
        """Return whether a text can be the upstream's own id."""
        return len(own_id) <= MAX_ID_LENGTH and self.matches(own_id) is not None


_is_number: Final = re.compile("[0-9]+").fullmatch
_is_word: Final = re.compile(_WORD).fullmatch
_is_pair: Final = re.compile(f"{_WORD}/{_WORD}").fullmatch
_LETTERS: Final = "of letters, digits, `-`, `_`, `.` and `~` alone"


def number_form(type_name: str, example: str) -> IdForm:
    """Return the form of ids that are numbers."""
    return IdForm(type_name, _is_number, "a number", example)


def word_form(type_name: str, noun: str, example: str) -> IdForm:
    """Return the form of ids that are words of letters, digits and a few signs.

    Args:
        type_name: The GraphQL type.
        noun: What the word is, such as `a UUID`.
        example: One.
    """
    return IdForm(type_name, _is_word, f"{noun}, {_LETTERS}", example)


def pair_form(type_name: str, nouns: str, example: str) -> IdForm:
    """Return the form of ids that are two words with a slash between them.

    Args:
        type_name: The GraphQL type.
        nouns: What the words are, such as `a job id and an SMS id`.
        example: One.
    """
    return IdForm(type_name, _is_pair, f"{nouns} parted by `/`", example)


def global_id(type_name: str, own_id: str) -> str:
    """Return the global ID of a thing."""
    return f"{type_name}:{own_id}"


def not_of_form(form: IdForm, value: str, path: tuple[str | int, ...], *, is_global: bool = True) -> BadInput:
    """Return the refusal of a text that is no id of a type.

    Args:
        form: Of the type's ids.
        value: What the client sent.
        path: Leads to the argument.
        is_global: Whether things of the type have a global id.
    """
    also = f" or {global_id(form.type_name, form.example)}" if is_global else ""
    return BadInput(
        f"{shown(value)} is no id of a {form.type_name}: that is {form.description}, of at most {MAX_ID_LENGTH} "
        f"characters, such as {form.example}{also}.",
        path=path,
    )


def shown(value: str) -> str:
    """Return a client's text as a refusal repeats it."""
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "...")
