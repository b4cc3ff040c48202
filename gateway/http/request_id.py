"""The id under which a request is known in the response, the log and at the upstreams."""

import re
from itertools import count
from secrets import token_hex

from gateway.http.request import Headers

REQUEST_ID = "gateway.request_id"
"""The key of the ASGI scope under which handlers beside the endpoint find the request's id, a str."""

_valid = re.compile(rb"[!-~]{1,128}").fullmatch


class RequestIds:
    """Takes over the ids that clients send and makes up those that they do not; process lifetime.

    An id of ours is a random word of the process and a number that counts up, cheaper than fresh randomness.
    """

    def __init__(self) -> None:
        self._process = token_hex(6)
        self._numbers = count(1)

    def of(self, headers: Headers) -> str:
        """The id of a request: its X-Request-ID if that is 1 to 128 printable ASCII characters without a space."""
        given = headers.get(b"x-request-id")
        if given is not None and _valid(given):
            return given.decode("ascii")
        return f"{self._process}-{next(self._numbers)}"
