"""The SMS that a job is billed as: the parts of its texts, and the quota that they are charged to.

A part holds 160 units of the GSM 7-bit alphabet, or 153 where there are several; in UTF-16 it is 70 and 67 code units
(3GPP TS 23.038 and 23.040, and the vendor's "Lengths"). A character of the alphabet's extension table takes two units,
as does one beyond the basic plane in UTF-16, and neither is divided between two parts.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from resolvers.upstreams.sms.requests import JobOptions, JobRequest
from resolvers.upstreams.sms.vocabulary import InvalidCharacters, SmsEncoding

MAX_PARTS: Final = 20
"""The most parts of one text; the vendor cuts off what does not fit (Retarus, Options: maxParts)."""

ALWAYS_FITS: Final = 20 * 33
"""A text of so many characters fits into `MAX_PARTS`, whichever they are: 33 pairs of UTF-16 go into one part."""

GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM 7-bit default alphabet."""

GSM_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
"""Its extension table: two units each."""

TRANSLITERATED_UNITS: Final = 3
"""Units that TRANSLITERATE may take for one character, such as `...` for an ellipsis; no document gives the table."""

_LAST_BASIC: Final = 0xFFFF


class SmsQuota(Protocol):
    """The SMS that one caller may still send. Lifetime: operation."""

    async def take(self, count: int) -> None:
        """Charge for SMS before they are sent.

        Raises:
            RateLimited: the caller has not as many left.
        """
        ...

    async def give_back(self, count: int) -> None:
        """Take a charge back, because nothing was sent."""
        ...


class _Length(NamedTuple):
    """Units that fit into a text's only part, and into each of several."""

    only: int
    each: int


_GSM_LENGTH: Final = _Length(160, 153)
_UTF_16_LENGTH: Final = _Length(70, 67)


def billed_parts(job: JobRequest) -> int:
    """Return how many SMS a job is billed as at most: one for each part of the text to each recipient."""
    options = job.options or JobOptions()
    # Clamped as the vendor clamps it, so that the caller is charged for what is sent.
    most = MAX_PARTS if options.max_parts is None else max(1, min(options.max_parts, MAX_PARTS))
    return sum(
        len(message.recipients) * min(most, count_parts(message.text, options.encoding, options.invalid_characters))
        for message in job.messages
    )


def count_parts(
    text: str, encoding: SmsEncoding | None = None, invalid_characters: InvalidCharacters | None = None
) -> int:
    """Return how many parts a text is sent in at most, if the vendor cuts nothing off.

    Args:
        text: The message.
        encoding: The job's; None is STANDARD.
        invalid_characters: The job's choice for characters that STANDARD lacks; None leaves it to the account, and
            counts as TO_UTF16, which takes the most parts.
    """
    if encoding is not SmsEncoding.UTF_16:
        invalid = frozenset(text) - GSM - GSM_EXTENSION
        if not invalid or invalid_characters not in (None, InvalidCharacters.TO_UTF16):
            replaced = TRANSLITERATED_UNITS if invalid_characters is InvalidCharacters.TRANSLITERATE else 1
            return _parts([_gsm_units(one, replaced) for one in text], _GSM_LENGTH)
    return _parts([2 if ord(one) > _LAST_BASIC else 1 for one in text], _UTF_16_LENGTH)


def _gsm_units(character: str, replaced: int) -> int:
    if character in GSM:
        return 1
    return 2 if character in GSM_EXTENSION else replaced


def _parts(units: Iterable[int], length: _Length) -> int:
    characters = list(units)
    if sum(characters) <= length.only:
        return 1
    parts, room = 1, length.each
    for taken in characters:
        # Part by part, not by dividing the sum: a character of two units that does not fit leaves one unit empty.
        if taken > room:
            parts, room = parts + 1, length.each
        room -= taken
    return parts
