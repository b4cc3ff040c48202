"""Checks before every request to the simulated SMS service: login, request rate and media types."""

import base64
import binascii
import hmac
from collections import deque
from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.clock import Clock
from gateway.sandbox.sms.requests import SmsRefusalError

WINDOW_SECONDS = 10.0
_JSON = "application/json"
_ACCEPTED = frozenset({_JSON, "application/*", "*/*"})

Handler = Callable[[Request, bytes, datetime], Response]


class RequestWindow:
    """Counts the requests of the last 10 seconds; host lifetime.

    Args:
        most: The limit; None for no limit.
        monotonic: Returns the time in seconds for the window.
    """

    def __init__(self, most: int | None, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._admitted: deque[float] = deque()

    def admits(self) -> bool:
        """Return whether one more request is allowed, and count it if so."""
        if self._most is None:
            return True
        # Real time: by a fast sandbox clock the window would be over at once.
        now = self._monotonic()
        while self._admitted and self._admitted[0] <= now - WINDOW_SECONDS:
            self._admitted.popleft()
        # Refused requests do not count, which the document leaves open: else a client that keeps trying never gets
        # through.
        if len(self._admitted) >= self._most:
            return False
        self._admitted.append(now)
        return True


class AccessChecks:
    """Checks requests and answers refused ones with a status and no content; host lifetime.

    Args:
        clock: The sandbox's clock.
        window: Counts the host's requests.
        username: The only login.
        password: Its password.
        limit_reads: Whether reads count towards the limit; the document lists 429 for posting only.
        retry_after_seconds: Retry-After of a 429; None omits the header.
    """

    def __init__(
        self,
        clock: Clock,
        window: RequestWindow,
        *,
        username: str,
        password: str,
        limit_reads: bool,
        retry_after_seconds: int | None,
    ) -> None:
        self._clock = clock
        self._window = window
        self._credentials = f"{username}:{password}".encode()
        self._limit_reads = limit_reads
        self._retry_after_seconds = retry_after_seconds

    def endpoint(self, handler: Handler) -> Callable[[Request], object]:
        """Wrap a handler in the checks.

        Args:
            handler: Answers a request that passed the checks.

        Returns:
            The endpoint for a route.
        """

        async def answer(request: Request) -> Response:
            body = await request.body()
            try:
                self._check(request)
                return handler(request, body, self._clock.now())
            except SmsRefusalError as refused:
                return Response(status_code=refused.status, headers=self._headers(refused.status))

        return answer

    def _check(self, request: Request) -> None:
        if not self._logged_in(request.headers.get("authorization", "")):
            raise SmsRefusalError(401)
        posting = request.method == "POST"
        # Requests without the login do not count: the limit is that of the account.
        if (posting or self._limit_reads) and not self._window.admits():
            raise SmsRefusalError(429)
        # The document lists neither 406 nor 415, but names JSON as what is consumed and produced.
        accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")}
        if accepted.isdisjoint(_ACCEPTED):
            raise SmsRefusalError(406)
        if posting and request.headers.get("content-type", "").partition(";")[0].strip() != _JSON:
            raise SmsRefusalError(415)

    def _logged_in(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            credentials = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(credentials, self._credentials)

    def _headers(self, status: int) -> dict[str, str]:
        if status == 401:
            # A 401 must have it (RFC 9110, 15.5.2).
            return {"www-authenticate": 'Basic realm="SMS"'}
        if status == 429 and self._retry_after_seconds is not None:
            return {"retry-after": str(self._retry_after_seconds)}
        return {}
