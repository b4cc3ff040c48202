from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.scalars import parse_day, parse_decimal, parse_instant, write_decimal


def test_an_instant_is_read_with_its_offset() -> None:
    instant = parse_instant("2030-01-02T08:00:00+08:00")

    assert instant == datetime(2030, 1, 2, tzinfo=UTC)
    assert instant.isoformat() == "2030-01-02T08:00:00+08:00"


@pytest.mark.parametrize(
    "value", ["2030-01-02", "2030-01-02T08:00:00", "", "soon", 1, None, "9999-12-31T23:00:00-12:00"]
)
def test_what_is_no_instant_with_an_offset_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="offset"):
        parse_instant(value)


def test_a_day_is_read() -> None:
    assert parse_day("2030-01-02") == date(2030, 1, 2)


@pytest.mark.parametrize("value", ["2030-02-30", "2030-01-02T00:00:00Z", "", 20300102, None])
def test_what_is_no_day_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_day(value)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=5))
def test_an_amount_is_written_as_it_was_read(amount: Decimal) -> None:
    assert parse_decimal(write_decimal(amount)) == amount


@pytest.mark.parametrize(("value", "written"), [("1E+2", "100"), (2, "2"), (1.2, "1.2"), ("-0.00001", "-0.00001")])
def test_an_amount_is_written_without_an_exponent(value: object, written: str) -> None:
    assert write_decimal(parse_decimal(value)) == written


@pytest.mark.parametrize(
    "value",
    [
        *("NaN", "Infinity", "sNaN", "1E+1000000", "1E-1000000", "9" * 41, "", "two", True, None, "1_5", "\u0663"),
        *(
            " 1.5",
            "1.5\n",
            "0x10",
            "1.",
            ".5",
            "1,5",
            "+-1",
            10**39 * 10,
            10.0**300,
            float("inf"),
            float("nan"),
            [],
            {},
        ),
        *(1.2345678901234567, 12345678901.12345, 0.1 + 0.2, 1234567890123456.7),
    ],
)
def test_what_is_no_bounded_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="finite number"):
        parse_decimal(value)
