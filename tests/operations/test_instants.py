"""Responses have instants in UTC, from whichever execution and for any time zone of their upstream."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import orjson
import pytest
from graphql import GraphQLScalarType

from gateway.operations.compiled.run import Run
from gateway.operations.compiled.values import leaf_completer
from gateway.operations.execution import core_schema
from gateway.operations.responses.encoding import encode_part
from schema.root import build_schema
from schema.scalars import parse_instant

DATE_TIME: Final = cast("GraphQLScalarType", core_schema(build_schema()).type_map["DateTime"])
NO_RUN: Final = cast("Run", None)

OFFSETS: Final = [
    timedelta(),
    timedelta(hours=2),
    timedelta(hours=-5, minutes=-30),
    timedelta(hours=23, minutes=59),
    timedelta(hours=-3, seconds=-30),
    timedelta(seconds=1),
    timedelta(microseconds=1),
]
EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
ZONES: Final = [UTC, ZoneInfo("UTC"), ZoneInfo("Asia/Singapore"), None, *map(timezone, OFFSETS)]


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("microsecond", [0, 1, 653_000])
def test_an_instant_is_written_in_utc(zone: tzinfo | None, microsecond: int) -> None:
    instant = datetime(2018, 9, 24, 12, 17, 44, microsecond, zone)
    complete: Any = leaf_completer(DATE_TIME)

    compiled = orjson.loads(encode_part(complete(instant, NO_RUN)))

    assert compiled == DATE_TIME.coerce_output_value(instant)
    assert compiled.endswith("Z")
    assert parse_instant(compiled) == (instant if zone else instant.replace(tzinfo=UTC))


@pytest.mark.parametrize("instant", [datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST)])
def test_an_instant_that_has_no_year_in_utc_keeps_its_offset(instant: datetime) -> None:
    compiled = orjson.loads(encode_part(cast("Any", leaf_completer(DATE_TIME))(instant, NO_RUN)))

    assert compiled == DATE_TIME.coerce_output_value(instant) == instant.isoformat()
