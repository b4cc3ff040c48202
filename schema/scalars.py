"""The scalars of the schema: instants, days, exact numbers and free-form values.

The parsers raise ValueError, which graphql-core turns into an error at the place of the value in the document.
"""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import strawberry
from graphql.language import FloatValueNode, IntValueNode, ValueNode
from graphql.utilities import value_from_ast_untyped
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

MAX_DECIMAL_LENGTH: Final = 40
"""Characters, and digits before or after the point; above every amount, and low enough to keep arithmetic cheap."""

MAX_BARE_DIGITS: Final = 15
"""Digits that every float keeps (IEEE 754, binary64)."""

_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")


def parse_instant(value: object) -> dt.datetime:
    """Parse an instant in ISO 8601.

    Raises:
        ValueError: It is no date and time, has no offset, or is outside the years 1 to 9999 in UTC.
    """
    try:
        instant = dt.datetime.fromisoformat(_text(value))
        # Without an offset it would be another instant for each zone that a server may take it to be in.
        if instant.tzinfo is not None:
            # Raises OverflowError for an instant that later arithmetic could not convert.
            instant.astimezone(dt.UTC)
            return instant
    except (ValueError, OverflowError):
        raise ValueError("Write ISO 8601 with an offset, such as 2024-05-31T08:30:00+02:00.") from None
    raise ValueError("It names no offset: end it with Z or with one such as +02:00.")


def parse_day(value: object) -> dt.date:
    """Parse a calendar day in ISO 8601.

    Raises:
        ValueError: It is no such day.
    """
    try:
        return dt.date.fromisoformat(_text(value))
    except ValueError:
        raise ValueError("Write ISO 8601, such as 2024-05-31.") from None


def parse_decimal(value: object) -> Decimal:
    """Parse an exact number from a string or a bare JSON number.

    Raises:
        ValueError: It is no finite decimal number of bounded length, or a bare one with more digits than a float holds.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        # A larger one is refused before `str`, because Python raises an error of its own at thousands of digits.
        return _decimal(str(value) if abs(value) < 10**MAX_DECIMAL_LENGTH else "", bare=isinstance(value, float))
    return _decimal(value if isinstance(value, str) else "", bare=False)


def parse_decimal_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Decimal:
    """Parse an exact number that is written in a document.

    Raises:
        ValueError: As for `parse_decimal`.
    """
    # From the node's text, because the float nearest to it may have other digits.
    if isinstance(node, FloatValueNode | IntValueNode):
        return _decimal(node.value, bare=isinstance(node, FloatValueNode))
    return parse_decimal(value_from_ast_untyped(node, variables))


def _decimal(text: str, *, bare: bool) -> Decimal:
    number = Decimal(text) if len(text) <= MAX_DECIMAL_LENGTH and _DECIMAL.fullmatch(text) else None
    if number is None or abs(number.adjusted()) > MAX_DECIMAL_LENGTH:
        raise ValueError(
            f'Write a finite number of at most {MAX_DECIMAL_LENGTH} characters as a string, such as "12.50".'
        )
    if bare and len(number.normalize().as_tuple().digits) > MAX_BARE_DIGITS:
        raise ValueError(
            f"A bare number keeps {MAX_BARE_DIGITS} digits on its way; write this finite number as a string."
        )
    return number


def write_instant(value: dt.datetime) -> str:
    """Return an instant in UTC, such as `2024-05-31T06:30:00Z`.

    One without an offset is in UTC already. One so near the first or the last year that it has no year in UTC keeps its
    own offset.
    """
    try:
        utc = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    except OverflowError:
        return value.isoformat()
    return f"{utc.replace(tzinfo=None).isoformat()}Z"


def write_decimal(value: Decimal) -> str:
    """Return the number as text without an exponent, as people write amounts."""
    return format(value, "f")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("Write a string.")


def _as_it_is(value: object) -> object:
    return value


SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="An instant, ISO 8601 with an offset. Responses have it in UTC, with a `Z`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=write_instant,
        parse_value=parse_instant,
    ),
    dt.date: strawberry.scalar(
        name="Date",
        description="A calendar day, ISO 8601.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=dt.date.isoformat,
        parse_value=parse_day,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, as a string.",
        specified_by_url="https://www.w3.org/TR/xmlschema11-2/#decimal",
        # As a string, because most clients read a number of JSON as a float, which rounds amounts.
        serialize=write_decimal,
        parse_value=parse_decimal,
        parse_literal=parse_decimal_literal,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        # Not checked here: each input that takes JSON has its own demands on it (`json_object`).
        description="A free-form value that an upstream passes through without a documented shape.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_as_it_is,
        parse_value=_as_it_is,
    ),
}
"""The scalar of each Python type."""
