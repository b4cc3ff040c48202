"""What headers say about a limit, and what is no use."""

import pytest

from resolvers.upstreams.call import Headers
from resolvers.upstreams.transport.rate_state import Remaining, pause_of, remaining_of
from tests.upstreams.transport.little_upstreams import status

DATE: Headers = {"date": "Wed, 01 May 2024 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("code", "headers", "pause"),
    [
        (429, {}, 10.0),
        (429, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "Wed, 01 May 2024 10:00:30 GMT", **DATE}, 30.0),
        (429, {"retry-after": "soon"}, 10.0),
        (429, {"retry-after": "2, 5"}, 5.0),
        (429, {"retry-after": "1714557630", **DATE}, 30.0),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "1714557625000", **DATE}, 25.0),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "25"}, 25.0),
        (429, {"ratelimit-remaining": "3", "ratelimit-reset": "25"}, 10.0),
        (503, {"retry-after": "7"}, 7.0),
        (503, {}, None),
        (202, {"retry-after": "7"}, None),
        (200, {}, None),
    ],
)
def test_a_pause_is_what_the_upstream_asks_for(code: int, headers: Headers, pause: float | None) -> None:
    assert pause_of(status(code, headers), default=10.0) == pause


@pytest.mark.parametrize(
    ("headers", "remaining"),
    [
        ({}, None),
        ({"ratelimit-remaining": "5", "ratelimit-reset": "12", "ratelimit-limit": "100, 100;w=60"}, (5, 12.0, 100)),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "12"}, (5, 12.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557630", **DATE}, (0, 30.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557630000", **DATE}, (0, 30.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557630000000000", **DATE}, (0, 30.0, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1500ms"}, (0, 1.5, None)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1714557590", **DATE}, None),
        ({"ratelimit-remaining": "5"}, None),
        ({"ratelimit-remaining": "many", "ratelimit-reset": "12"}, None),
        ({"ratelimit-remaining": "-1", "ratelimit-reset": "12"}, None),
        ({"ratelimit-remaining": "inf", "ratelimit-reset": "12"}, None),
        ({"ratelimit-remaining": "nan", "ratelimit-reset": "12"}, None),
    ],
)
def test_what_is_left_is_read_where_it_makes_sense(
    headers: Headers, remaining: tuple[int, float, int | None] | None
) -> None:
    expected = Remaining(*remaining) if remaining is not None else None

    assert remaining_of(status(200, headers)) == expected
