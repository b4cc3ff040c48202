"""What a failed command says of Redis: that it is away or cannot work now, or that it refuses this command."""

import re
from typing import Final

from redis.exceptions import (
    AskError,
    ClusterError,
    DataError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

FAILURES: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a command of Redis raises."""

_STATES: Final = (AskError, ClusterError, OutOfMemoryError, ReadOnlyError, TryAgainError)
"""Errors about the state of a server or of a cluster, which passes."""

# By text as well, because the library has no types for some, and errors within a script are all of one type.
_names_a_state: Final = re.compile(
    r"\b(READONLY|OOM|MISCONF|NOREPLICAS|BUSY|UNKILLABLE|CLUSTERDOWN|MASTERDOWN|TRYAGAIN)\b"
).search


def is_refusal(error: BaseException) -> bool:
    """Return whether Redis answers and refuses this command for what it is, such as for a right that its user lacks.

    Asked again it refuses again, while other commands work.
    """
    if not isinstance(error, ResponseError | DataError) or isinstance(error, _STATES):
        return False
    return _names_a_state(str(error)) is None
