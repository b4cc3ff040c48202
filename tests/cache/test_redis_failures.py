"""Errors of Redis, as it writes them: refusals of a command, and states of a server that pass."""

import pytest
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, SlotNotCoveredError

from resolvers.redis_failures import is_refusal

REFUSALS = [
    "NOPERM this user has no permissions to run the 'eval' command",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "ERR unknown command 'spublish', with args beginning with: ",
    "ERR user_script:1: Script attempted to access nonexistent global variable 'x' script: 4b, on @user_script:1.",
    "EXECABORT Transaction discarded because of previous errors.",
]
STATES = [
    "READONLY You can't write against a read only replica. script: 4b, on @user_script:2.",
    "ERR Error running script (call to f_4b): @user_script:1: -READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "ERR Error running script (call to f_4b): @user_script: 1: -OOM command not allowed when used memory is above",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "NOREPLICAS Not enough good replicas to write.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "LOADING Redis is loading the dataset in memory",
    "CLUSTERDOWN Hash slot not served",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MOVED 3999 127.0.0.1:6381",
]


@pytest.mark.parametrize(("said", "refused"), [*((one, True) for one in REFUSALS), *((one, False) for one in STATES)])
def test_what_redis_says_is_a_refusal_or_a_state(said: str, refused: bool) -> None:
    error = BaseParser.parse_error(said)  # type: ignore[no-untyped-call]  # the library has no types for it

    assert is_refusal(error) is refused


def test_errors_of_the_library() -> None:
    raised = [DataError("a value of no use"), RedisConnectionError("closed"), TimeoutError(), SlotNotCoveredError("")]

    assert [is_refusal(error) for error in raised] == [True, False, False, False]
