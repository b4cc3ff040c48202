"""How instants, days, exact numbers and free-form values are written in GraphQL.

The parsers raise ValueError, which graphql-core turns into an error at the place of the value in the document.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

import strawberry
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

MAX_DECIMAL_LENGTH: Final = 40
"""Characters, and digits before or after the point; above every amount, and low enough to keep arithmetic cheap."""


def parse_instant(value: object) -> dt.datetime:
    """The instant that a client wrote.

    Raises:
        ValueError: it is no ISO 8601 date and time, names no offset, or is outside the years 1 to 9999 in UTC.
    """
    try:
        instant = dt.datetime.fromisoformat(_text(value))
        if instant.tzinfo is not None:
            instant.astimezone(dt.UTC)
            return instant
    except (ValueError, OverflowError):
        raise ValueError("Write ISO 8601 with an offset, such as 2024-05-31T08:30:00+02:00.") from None
    raise ValueError("It names no offset: end it with Z or with one such as +02:00.")


def parse_day(value: object) -> dt.date:
    """The calendar day that a client wrote.

    Raises:
        ValueError: it is no ISO 8601 day.
    """
    try:
        return dt.date.fromisoformat(_text(value))
    except ValueError:
        raise ValueError("Write ISO 8601, such as 2024-05-31.") from None


def parse_decimal(value: object) -> Decimal:
    """The exact number that a client wrote as a string, or as a bare number.

    Raises:
        ValueError: it is no finite decimal number of bounded length.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        text = str(value) if is_number else _text(value)
        if len(text) <= MAX_DECIMAL_LENGTH:
            number = Decimal(text)
            if number.is_finite() and abs(number.adjusted()) <= MAX_DECIMAL_LENGTH:
                return number
    except (ValueError, InvalidOperation):
        pass
    raise ValueError(f'Write a finite number of at most {MAX_DECIMAL_LENGTH} characters as a string, such as "12.50".')


def write_decimal(value: Decimal) -> str:
    """The number without an exponent, as people write amounts."""
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
        description="An instant, ISO 8601 with an offset.",
        serialize=dt.datetime.isoformat,
        parse_value=parse_instant,
    ),
    dt.date: strawberry.scalar(
        name="Date",
        description="A calendar day, ISO 8601.",
        serialize=dt.date.isoformat,
        parse_value=parse_day,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, as a string.",
        serialize=write_decimal,
        parse_value=parse_decimal,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="A free-form value that an upstream passes through without a documented shape.",
        serialize=_as_it_is,
        parse_value=_as_it_is,
    ),
}
"""Which Python type is written as which scalar."""
