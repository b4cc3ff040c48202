"""What the values of Retry-After and of resets say, in every form that servers send."""

import time
from collections.abc import Iterator

import pytest

from resolvers.upstreams.delay import delay_seconds

NOW = 1_714_557_600.0
"""Wed, 01 May 2024 10:00:00 GMT by our own clock."""

AN_HOUR_AHEAD = "Wed, 01 May 2024 11:00:00 GMT"
"""A server whose clock is fast."""


@pytest.fixture(params=["UTC0", "JST-9", "EST5"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The host's time zone, which no value depends on."""
    with monkeypatch.context() as within:
        within.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("86400", 86_400.0),
        ("1714557630", 30.0),
        ("1714557630.25", 30.25),
        ("1714557630000", 30.0),
        ("1714557630000000", 30.0),
        ("1714557630000000000", 30.0),
        ("1714557000", 0.0),
        ("Wed, 01 May 2024 10:00:30 GMT", 30.0),
        ("Wednesday, 01-May-24 10:00:30 GMT", 30.0),
        ("Wed, 01 May 2024 09:00:00 GMT", 0.0),
        ("Wed May  1 10:00:30 2024", 30.0),
        ("Wed, 01 May 2024 10:00:30 -0000", 30.0),
        ("Wed, 01 May 2024 12:00:30 +0200", 30.0),
        ("2024-05-01T10:00:30", 30.0),
        ("99999999s", 99_999_999.0),
        ("2024-05-01T10:00:30Z", 30.0),
        ("30s", 30.0),
        ("1m30s", 90.0),
        ("250ms", 0.25),
        ("30000000000ns", 30.0),
        ("1, 3", 3.0),
        ("3, 1", 3.0),
        ("1, soon", 1.0),
        ("Wed, 01 May 2024 10:00:30 GMT, Wed, 01 May 2024 10:00:40 GMT", 40.0),
        ("5, Wed, 01 May 2024 10:00:30 GMT", 30.0),
    ],
)
@pytest.mark.usefixtures("zone")
def test_a_delay_is_read_in_every_form_that_servers_send(text: str, seconds: float) -> None:
    assert delay_seconds(text, None, lambda: NOW) == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "soon", "-1", "nan", "inf", "-inf", "1e999", ",", ", ,", "s", "5 min", "Wed, 99 May 2024"),
        *("9" * 400, "9" * 400 + "s", "9" * 200 + "h1s", "1000000000s"),
    ],
)
def test_what_makes_no_sense_is_as_if_absent(text: str | None) -> None:
    assert delay_seconds(text, None, lambda: NOW) is None


@pytest.mark.parametrize(
    ("text", "date", "seconds"),
    [
        ("Wed, 01 May 2024 11:00:30 GMT", AN_HOUR_AHEAD, 30.0),
        ("1714561230", AN_HOUR_AHEAD, 30.0),
        ("1714561230000", AN_HOUR_AHEAD, 30.0),
        ("Wed, 01 May 2024 10:00:30 GMT", "today", 30.0),
        ("1714557630", "today", 30.0),
    ],
)
def test_a_moment_is_measured_from_the_servers_own_clock_where_it_can_be_read(
    text: str, date: str, seconds: float
) -> None:
    assert delay_seconds(text, date, lambda: NOW) == seconds
