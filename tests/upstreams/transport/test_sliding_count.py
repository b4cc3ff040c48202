"""How many calls an upstream took in the last so many seconds."""

import pytest

from resolvers.upstreams.transport.sliding_count import SlidingCount


@pytest.mark.parametrize(("seconds", "counted"), [(1, 20), (2, 40), (5, 100), (10, 200)])
def test_a_steady_rate_is_counted_over_any_part_of_the_window(seconds: float, counted: float) -> None:
    count, now = SlidingCount(10.0), 1000.0
    for _ in range(600):
        now += 0.05
        count.add(now)

    assert count.last(seconds, now) == pytest.approx(counted, abs=1)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    count = SlidingCount(10.0)
    for _ in range(100):
        count.add(1000.0)

    assert count.last(10.0, 1005.0) == 100
    assert count.last(1.0, 1005.0) == 0
    assert count.last(10.0, 1010.6) == 0
