"""Amounts of money and currencies, as clients write them and as the logistics API counts them."""

from decimal import Decimal
from typing import Final

import strawberry

from resolvers.errors import BadInput
from resolvers.upstreams.logistics.prices import thousandths_of_cents
from schema.inputs.checks import Path

_CODES: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""

ISO_4217: Final = frozenset(_CODES.split())
"""The active codes of ISO 4217, list one, but for those that no price is ever in (metals, funds of funds, tests)."""


@strawberry.input(description="An exact amount of a currency's main unit.")
class MoneyInput:
    """An amount that a client names; operation lifetime."""

    amount: Decimal = strawberry.field(
        description="From 0 up, with at most five decimals: nothing finer than 1/1000 cent."
    )
    currency: str = strawberry.field(description="An active code of ISO 4217, such as SGD.")

    def thousandths(self, path: Path) -> int:
        """The amount in 1/1000 cents.

        Raises:
            BadInput: it is negative, too large, finer than 1/1000 cent, or in no currency of ISO 4217.
        """
        if self.currency not in ISO_4217:
            raise BadInput(f"{self.currency[:10]!r} is no active currency code of ISO 4217, such as SGD.", path=path)
        if self.amount < 0:
            raise BadInput(f"{self.amount} is negative; an amount must be 0 or more.", path=path)
        try:
            return thousandths_of_cents(self.amount)
        except ValueError as error:
            raise BadInput(str(error), path=path) from error
