"""Counts what is refused because its caller has nothing left of a budget or a quota."""

import msgspec


class SpentCounts(msgspec.Struct):
    """Requests refused for a spent budget or quota; counters that only grow, and live as long as their process.

    Args:
        calls: Of upstream calls a minute.
        sms_a_minute: Of SMS a minute.
        sms_a_day: Of SMS a day.
    """

    calls: int = 0
    sms_a_minute: int = 0
    sms_a_day: int = 0
