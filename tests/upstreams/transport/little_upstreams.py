"""Transports that answer as an upstream would, and calls to send them."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call, Headers, Method, Transport
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.stack import Stack, StackConfig, StackSurroundings, build_stack, loop_clock

OK = Answer(200, {}, b"{}")


def now() -> float:
    return loop_clock()


def a_call(*, seconds: float = 15.0, identity: str = "own", repeatable: bool = True, operation: str = "read") -> Call:
    method: Method = "GET" if repeatable else "POST"
    url = "http://upstream.test/things/1?page=2"
    return Call(UpstreamName.SMS, operation, method, url, now() + seconds, repeatable=repeatable, identity=identity)


def status(code: int, headers: Headers | None = None) -> Answer:
    return Answer(code, headers or {}, b"")


def broken(call: Call) -> UpstreamUnavailable:
    return UpstreamUnavailable(call.upstream, "The connection broke.")


Behaviour = Callable[[Call], Answer | Exception]


@dataclass
class LittleUpstream:
    """An innermost transport; lives one test.

    Args:
        behave: What it answers or raises; OK where left out.
        seconds: What an answer takes.
        sent: When each call came.
    """

    behave: Behaviour = field(default=lambda _: OK)
    seconds: float = 0.0
    sent: list[float] = field(default_factory=list)

    async def send(self, call: Call) -> Answer:
        call.tries += 1
        self.sent.append(now())
        if self.seconds:
            await asyncio.sleep(self.seconds)
        outcome = self.behave(call)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def scripted(outcomes: Iterable[Answer | Behaviour]) -> LittleUpstream:
    """Answers so, one after the other."""
    left = iter(outcomes)

    def behave(call: Call) -> Answer | Exception:
        outcome = next(left)
        return outcome if isinstance(outcome, Answer) else outcome(call)

    return LittleUpstream(behave)


@dataclass
class LimitedUpstream:
    """Takes so many calls in any so many seconds, and answers 429 to the rest, which it does not count.

    Args:
        most: How many.
        window: In how many seconds.
        headers: Sent with a 429.
        seconds: What an answer takes.
        refusal_seconds: What a 429 takes.
    """

    most: int = 100
    window: float = 10.0
    headers: Headers = field(default_factory=dict)
    seconds: float = 0.05
    refusal_seconds: float = 0.05
    refused_at: list[float] = field(default_factory=list)
    _taken: deque[float] = field(default_factory=deque)

    async def send(self, call: Call) -> Answer:
        call.tries += 1
        answer = self._answer()
        await asyncio.sleep(self.seconds if answer is OK else self.refusal_seconds)
        return answer

    def _answer(self) -> Answer:
        while self._taken and self._taken[0] <= now() - self.window:
            self._taken.popleft()
        if len(self._taken) >= self.most:
            self.refused_at.append(now())
            return status(429, self.headers)
        self._taken.append(now())
        return OK


def stack_over(wire: Transport, config: StackConfig | None = None, **surroundings: object) -> Stack:
    """Every policy, with a random pause of half the longest."""
    parts = StackSurroundings(**{"random": lambda: 0.5, **surroundings})  # type: ignore[arg-type] # as the caller names them
    return build_stack(wire, "SMS:http://upstream.test", config or StackConfig(), parts)
