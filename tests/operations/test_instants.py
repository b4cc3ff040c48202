"""Responses have instants as `isoformat` writes them, for any time zone of their upstream."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import orjson
import pytest
from graphql import GraphQLScalarType

from gateway.operations.compiled.run import Run
from gateway.operations.compiled.values import leaf_completer
from gateway.operations.execution import core_schema
from schema.root import build_schema

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
ZONES: Final = [UTC, ZoneInfo("UTC"), ZoneInfo("Asia/Singapore"), None, *map(timezone, OFFSETS)]


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("microsecond", [0, 1, 653_000])
def test_an_instant_is_written_with_its_own_offset(zone: tzinfo | None, microsecond: int) -> None:
    instant = datetime(2018, 9, 24, 12, 17, 44, microsecond, zone)
    complete: Any = leaf_completer(DATE_TIME)

    written = orjson.dumps(complete(instant, NO_RUN))

    assert written == orjson.dumps(instant.isoformat())
