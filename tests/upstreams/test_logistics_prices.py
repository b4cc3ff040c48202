from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.upstreams.logistics.prices import money, thousandths_of_cents


@pytest.mark.parametrize(
    ("wire", "amount"),
    [
        (0, "0.00"),
        (1, "0.00001"),
        (120000, "1.20"),
        (120500, "1.205"),
        (2000000, "20.00"),
        (12345678, "123.45678"),
        (2**63 - 1, "92233720368547.75807"),
    ],
)
def test_an_amount_keeps_every_digit_and_at_least_two_decimals(wire: int, amount: str) -> None:
    found = money(wire, "SGD")

    assert str(found.amount) == amount
    assert found.currency == "SGD"


@given(st.integers(min_value=0, max_value=10**18 - 1))
def test_an_amount_goes_to_the_wire_as_it_came(wire: int) -> None:
    assert thousandths_of_cents(money(wire, "SGD").amount) == wire


@pytest.mark.parametrize("amount", ["1.2", "1.20", "1.20000000000000000000000000000000000000000000000000"])
def test_zeros_at_the_end_of_an_amount_change_nothing(amount: str) -> None:
    assert thousandths_of_cents(Decimal(amount)) == 120000


@pytest.mark.parametrize("amount", ["0.000001", "2.000009", "1E-999999", "1." + "0" * 50 + "1"])
def test_an_amount_finer_than_a_thousandth_of_a_cent_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="finer than 1/1000 cent"):
        thousandths_of_cents(Decimal(amount))


@pytest.mark.parametrize("amount", ["1E+13", "1E+999999", "NaN", "Infinity"])
def test_an_amount_that_64_bits_cannot_hold_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="too large"):
        thousandths_of_cents(Decimal(amount))
