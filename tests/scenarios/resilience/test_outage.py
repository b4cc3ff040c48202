"""An upstream is down for minutes, under a steady load of what was read before."""

from collections import Counter
from typing import Final

from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call
from tests.scenarios.resilience.little_gateway import LittleGateway, Operation, Told, Wire, delivery, now
from tests.upstreams.transport.virtual_time import in_virtual_time

RECORDS: Final = 97
LIST: Final[Operation] = ("{ deliveries(first: 5) { nodes { id status } } }", None, None)
WARM_UP: Final = 15.0
OUTAGE: Final = 300.0


class Outage:
    """Down for five minutes, in each of the ways in which an upstream is down; lives one test."""

    def __init__(self) -> None:
        self.begins = now() + WARM_UP
        self.ends = self.begins + OUTAGE
        self.wire = Wire(self._trouble, self._seconds)

    @property
    def _into(self) -> float | None:
        return now() - self.begins if self.begins <= now() < self.ends else None

    def _trouble(self, call: Call) -> Answer | Exception | None:
        """First connections break, then every answer is a 503, and then there are no answers."""
        if self._into is None:
            return None
        if self._into < 100:
            return UpstreamUnavailable(call.upstream, "The connection broke.")
        return Answer(503, {}, b"")

    def _seconds(self) -> float:
        return 60.0 if self._into is not None and self._into > 200 else 0.02

    def calls_in_each_second(self) -> Counter[int]:
        return Counter(int(moment - self.begins) for moment in self.wire.sent if self.begins <= moment < self.ends)


def mixed(number: int) -> Operation:
    return LIST if number % 10 == 0 else delivery(number % RECORDS)


@in_virtual_time
async def test_five_minutes_cost_nobody_data_and_the_upstream_one_probe_a_second_and_end_within_2_seconds() -> None:
    outage = Outage()
    gateway = LittleGateway(outage.wire, Wire())

    told = await gateway.load(mixed, seconds=WARM_UP + OUTAGE + 10, every=0.01)

    assert len(told) == 32_500
    assert [one.json for one in told if not one.is_whole] == []
    assert max(count for second, count in outage.calls_in_each_second().items() if second > 0) == 1
    assert first_fresh(told, outage.ends) - outage.ends < 2
    # Each record is old once more when it is read; those few that a hanging probe still asks for wait for its end.
    assert share_of_old(told, outage.ends + 3, outage.ends + 4) < 0.05
    assert share_of_old(told, outage.ends + 6, outage.ends + 10) == 0


@in_virtual_time
async def test_a_list_whose_upstream_hangs_is_answered_in_time_with_what_is_kept_of_it() -> None:
    wire = Wire()
    gateway = LittleGateway(wire, Wire(), deadline_seconds=3)
    await gateway.ask(LIST)
    await gateway.load(lambda _: delivery(1), seconds=10, every=5)
    wire.seconds = lambda: 60.0

    told = await gateway.ask(LIST)

    assert told.is_whole
    assert told.seconds < 3
    assert [one["path"] for one in told.gateway["stale"]] == [["deliveries"]]


def first_fresh(told: list[Told], since: float) -> float:
    return min(one.at for one in told if one.at > since and not one.gateway)


def share_of_old(told: list[Told], begin: float, end: float) -> float:
    """The share of answers that hold something from before the outage."""
    between = [one for one in told if begin < one.at < end]
    return sum(age(one) > OUTAGE for one in between) / len(between)


def age(told: Told) -> float:
    """Seconds of the oldest record in an answer."""
    return max((float(one["ageSeconds"]) for one in told.gateway.get("stale", ())), default=0.0)
