"""How many parts a text takes, at the lengths that the vendor documents."""

import pytest

from resolvers.sms.billing import ALWAYS_FITS, MAX_PARTS, count_parts
from resolvers.upstreams.sms.vocabulary import InvalidCharacters, SmsEncoding

REFUSE, REPLACE = InvalidCharacters.REFUSE, InvalidCharacters.REPLACE
TO_UTF16, TRANSLITERATE = InvalidCharacters.TO_UTF16, InvalidCharacters.TRANSLITERATE


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 3060, 20),
        ("a" * 3061, 21),
        ("ä" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 159 + "€", 2),
        ("a\n\r@£ÄÖÜ" * 20, 1),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
    ],
)
def test_the_gsm_alphabet_takes_160_units_in_a_single_part_and_153_in_each_of_several(text: str, parts: int) -> None:
    assert count_parts(text) == parts
    assert count_parts(text, SmsEncoding.STANDARD, REFUSE) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 70, 1),
        ("a" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("ж" * 1340, 20),
        ("ж" * 1341, 21),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
    ],
)
def test_utf_16_takes_70_code_units_in_a_single_part_and_67_in_each_of_several(text: str, parts: int) -> None:
    assert count_parts(text, SmsEncoding.UTF_16) == parts
    assert count_parts(text, SmsEncoding.UTF_16, REPLACE) == parts


@pytest.mark.parametrize(
    ("invalid_characters", "parts"),
    [(None, 3), (TO_UTF16, 3), (REFUSE, 1), (REPLACE, 1), (TRANSLITERATE, 1)],
)
def test_one_character_that_the_alphabet_lacks_may_turn_the_text_into_utf_16(
    invalid_characters: InvalidCharacters | None, parts: int
) -> None:
    assert count_parts("a" * 150 + "ж", SmsEncoding.STANDARD, invalid_characters) == parts


def test_a_transliterated_character_counts_as_the_longest_that_may_stand_for_it() -> None:
    assert count_parts("a" * 157 + "…", None, TRANSLITERATE) == 1
    assert count_parts("a" * 158 + "…", None, TRANSLITERATE) == 2


@pytest.mark.parametrize("text", ["a", "€", "a€", "ł", "\U0001f600", "a\U0001f600", "\u2026"])
@pytest.mark.parametrize("encoding", [None, SmsEncoding.STANDARD, SmsEncoding.UTF_16])
@pytest.mark.parametrize("invalid", [None, *InvalidCharacters])
def test_a_text_that_always_fits_need_not_be_counted(
    text: str, encoding: SmsEncoding | None, invalid: InvalidCharacters | None
) -> None:
    assert count_parts((text * ALWAYS_FITS)[:ALWAYS_FITS], encoding, invalid) <= MAX_PARTS
