"""Global ids, such as `Delivery:123`: the GraphQL type of a record and the upstream's own id.

Clients treat them as opaque. Only what cannot be an id of the upstream is refused before any call: a form stricter than
the vendors' documents would reject ids of real records.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resolvers.errors import BadInput
from resolvers.quoting import quoted

MAX_ID_LENGTH: Final = 256
"""Characters of an id: far more than any documented id has, and few enough for a URL."""

# Without a dot as the first character: `.` and `..` would be other paths of the upstream.
_WORD: Final = "[A-Za-z0-9_-][A-Za-z0-9_.~-]*"


@dataclass(frozen=True, slots=True)
class IdForm:
    """The form of the upstream's own ids of one type; process lifetime.

    Args:
        type_name: The GraphQL type, the part of a global id before the colon.
        matches: Matches a whole text that can be an id.
        description: The form in words, for error messages.
        example: An example, for error messages.
    """

    type_name: str
    matches: Callable[[str], object]
    description: str
    example: str

    def fits(self, own_id: str) -> bool:
        """Return whether a text can be the upstream's own id."""
        return len(own_id) <= MAX_ID_LENGTH and self.matches(own_id) is not None


# ASCII classes instead of `\d` and `\w`, which also match digits and letters of other scripts.
_is_number: Final = re.compile("[0-9]+").fullmatch
_is_word: Final = re.compile(_WORD).fullmatch
_is_pair: Final = re.compile(f"{_WORD}/{_WORD}").fullmatch
_LETTERS: Final = "of letters, digits, `-`, `_`, `.` and `~` alone"


def number_form(type_name: str, example: str) -> IdForm:
    """Return the form of ids that are numbers."""
    return IdForm(type_name, _is_number, "a number", example)


def word_form(type_name: str, noun: str, example: str) -> IdForm:
    """Return the form of ids that are words of letters, digits, `-`, `_`, `.` and `~`.

    Args:
        type_name: The GraphQL type.
        noun: The word in an error message, such as `a UUID`.
        example: An example.
    """
    return IdForm(type_name, _is_word, f"{noun}, {_LETTERS}", example)


def pair_form(type_name: str, nouns: str, example: str) -> IdForm:
    """Return the form of ids that are two words with a slash between them.

    Args:
        type_name: The GraphQL type.
        nouns: The words in an error message, such as `a job id and an SMS id`.
        example: An example.
    """
    return IdForm(type_name, _is_pair, f"{nouns} parted by `/`", example)


def global_id(type_name: str, own_id: str) -> str:
    """Return the global id of a record."""
    # Readable and unencoded, because it is made once for each record of a response.
    return f"{type_name}:{own_id}"


def not_of_form(form: IdForm, value: str, path: tuple[str | int, ...], *, is_global: bool = True) -> BadInput:
    """Return the error for a text that cannot be an id of a type.

    Args:
        form: The form of the type's ids.
        value: The text that the client sent.
        path: The path to the argument.
        is_global: Whether records of the type have a global id.
    """
    also = f" or {global_id(form.type_name, form.example)}" if is_global else ""
    return BadInput(
        f"{quoted(value)} is no id of a {form.type_name}: that is {form.description}, of at most {MAX_ID_LENGTH} "
        f"characters, such as {form.example}{also}.",
        path=path,
    )
