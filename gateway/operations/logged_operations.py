"""The steps of the operation stack that log operations.

Theory of operation
-------------------
There are two such steps. `LoggedOperations`, outermost but for the metrics, logs operations that are sampled or refused
by an error. `LoggedRunner`, below the response cache, logs executed operations that failed or were slow. A cached
response is neither, and passes without being measured.

Both put two collectors into the ASGI scope, which the inner steps fill (`diagnostics.py`): a list of the upstream calls
and `OperationFacts`. A line is built only after it is known to be wanted.

The CPU time of an operation is the sum of its coroutine's steps: `Timed` drives the coroutine and measures each step
from one suspension to the next. The rest of the duration is waiting, for upstreams or for the event loop.
"""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.diagnostics import FACTS, TRACES, OperationFacts
from gateway.operations.operation_log import Ended, OperationLog, code_of
from gateway.operations.request import GraphQLRequest, Operations, Reply
from gateway.operations.runner import OperationResult, OperationRunner

Result = TypeVar("Result")


class Timed(Generic[Result]):
    """Drives a coroutine and measures its steps; lifetime: the coroutine.

    A step never waits, so its duration is CPU time, except for preemption by the operating system.

    Args:
        work: The coroutine.
        clock: A monotonic clock, in seconds.

    Attributes:
        own_seconds: Duration of the steps so far.
    """

    __slots__ = ("_clock", "_work", "own_seconds")

    def __init__(self, work: Coroutine[Any, Any, Result], clock: Callable[[], float]) -> None:
        self._work = work
        self._clock = clock
        self.own_seconds = 0.0

    def __await__(self) -> Generator[Any, Any, Result]:
        """Run the coroutine and return its result."""
        # Not `await`, whose suspensions the caller cannot see. Each value that the coroutine yields goes on to the
        # event loop, and what the loop sends or throws goes back into the coroutine.
        work, clock = self._work, self._clock
        step, argument = work.send, None
        while True:
            started = clock()
            try:
                suspended = step(argument)
            except StopIteration as end:
                result: Result = end.value
                return result
            finally:
                # Also of the last step, which ends in an exception in any case.
                self.own_seconds += clock() - started
            try:
                step, argument = work.send, (yield suspended)
            except BaseException as thrown:  # noqa: BLE001 - the coroutine handles what the event loop throws
                step, argument = work.throw, thrown


class LoggedOperations:
    """Logs operations that are sampled or raise an error; process lifetime.

    Args:
        operations: The next step.
        log: Writes the lines.
    """

    def __init__(self, operations: Operations[Caller], log: OperationLog) -> None:
        self._operations = operations
        self._log = log

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run an operation, and log it if it is sampled or raises; raises as the next step does."""
        log = self._log
        # The sample is drawn before the operation runs, because only a measured operation has a CPU time.
        if log.samples:
            return await self._run_measured(request, scope, caller)
        started = log.clock()
        try:
            return await self._operations.run(request, scope, caller)
        except BaseException as error:
            facts, seconds = OperationFacts(), log.clock() - started
            log.ended(Ended(request, scope, caller, facts, [], None, code_of(error), seconds, None))
            raise

    async def _run_measured(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run an operation and log it, measured."""
        log, facts = self._log, OperationFacts()
        # A list of an outer step is kept, since there is one per operation.
        inner = {TRACES: [], **scope, FACTS: facts}
        timed = Timed(self._operations.run(request, inner, caller), log.clock)
        started, code, reply = log.clock(), "", None
        try:
            reply = await timed
        except BaseException as error:
            code = code_of(error)
            raise
        finally:
            seconds = log.clock() - started
            log.ended(Ended(request, scope, caller, facts, inner[TRACES], reply, code, seconds, timed.own_seconds))
        return reply


class LoggedRunner:
    """Logs executed operations that failed or were slow; process lifetime.

    Args:
        runner: Runs operations.
        log: Writes the lines.
    """

    def __init__(self, runner: OperationRunner, log: OperationLog) -> None:
        self._runner = runner
        self._log = log

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation; raises as `Runner.run` does."""
        return (await self.outcome(request, scope, caller)).reply

    def is_query(self, request: GraphQLRequest) -> bool:
        """Return whether the request is for a valid query; raises as `Runner.is_query` does."""
        return self._runner.is_query(request)

    async def outcome(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> OperationResult:
        """Run one operation, and return the response with its context; raises as `Runner.outcome` does."""
        if FACTS in scope:
            # `LoggedOperations` has sampled this operation, and logs it.
            return await self._runner.outcome(request, scope, caller)
        log, facts = self._log, OperationFacts()
        inner = {TRACES: [], **scope, FACTS: facts}
        timed = Timed(self._runner.outcome(request, inner, caller), log.clock)
        started = log.clock()
        result = await timed
        seconds, reply = log.clock() - started, result.reply
        if reply.has_errors or log.is_slow(seconds):
            log.ended(Ended(request, scope, caller, facts, inner[TRACES], reply, "", seconds, timed.own_seconds))
        return result
