"""What a vendor's words mean: looked up as they are documented first, then in any case of letters."""

from collections.abc import Mapping
from typing import TypeVar

Meaning = TypeVar("Meaning")


class Words(dict[str, Meaning]):
    """What words mean; any other word means `unknown`. The look-up of a documented word costs no more than in a dict.

    Args:
        words: The meanings of the documented words.
        unknown: The meaning of any other.
    """

    def __init__(self, words: Mapping[str, Meaning], unknown: Meaning) -> None:
        super().__init__(words)
        self._folded = {word.casefold(): meaning for word, meaning in words.items()}
        self._unknown = unknown

    def __missing__(self, word: str) -> Meaning:
        """A word that no document writes like this."""
        return self._folded.get(word.strip().casefold(), self._unknown)
