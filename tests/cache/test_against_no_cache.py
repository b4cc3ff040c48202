"""Random histories of reads, changes and outages, compared with the truth at each moment within the promised age."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.names import UpstreamName
from tests.cache.notes import NOTE, Clock, Note, Notes, Operation, Owner, new_cache, turns

PLACES = (("ann", "1"), ("bob", "1"))
TICK = 0.001
"""Seconds between two steps, so that no two things happen at the same time."""

TTL, TTL_FINAL, TTL_MISSING, GRACE = 5, 40, 3, 20
DOWN = UpstreamUnavailable(UpstreamName.DELIVERIES, "down")

place = st.sampled_from(PLACES)
step = st.one_of(
    st.tuples(st.just("read"), place),
    st.tuples(st.just("read without stale"), place),
    st.tuples(st.just("change unseen"), place),
    st.tuples(st.just("change and forget"), place),
    st.tuples(st.just("remove unseen"), place),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("go down"), st.none()),
    st.tuples(st.just("come up"), st.none()),
    st.tuples(st.just("hold calls up"), st.none()),
    st.tuples(st.just("let calls end"), st.none()),
)


@dataclass
class History:
    """What was true when, and what reads may still answer.

    Args:
        truths: For each place its values in order, each with the time from which it was true.
        announced: When the latest change of a place was announced to the cache.
        held_since: When calls began to take long; ages count from the answer, so what they read may be older by that.
        longest_call: The seconds of the longest call so far.
    """

    clock: Clock = field(default_factory=Clock)
    truths: dict[tuple[str, str], list[tuple[float, Note | None]]] = field(default_factory=dict)
    announced: dict[tuple[str, str], float] = field(default_factory=dict)
    pending: list[tuple[tuple[str, str], float, bool, "asyncio.Future[Note | None]"]] = field(default_factory=list)
    version: int = 0
    held_since: float | None = None
    longest_call: float = 0.0

    def note(self, where: tuple[str, str], value: Note | None) -> None:
        self.truths.setdefault(where, [(0.0, None)]).append((self.clock.now, value))

    def measure_calls(self) -> None:
        """Take note of how long calls have taken that are held up, also where nobody waits for them any more."""
        if self.held_since is not None:
            self.longest_call = max(self.longest_call, self.clock.now - self.held_since)

    def check(self, where: tuple[str, str], asked_at: float, permits_stale: bool, got: Note | None) -> None:
        """The answer was true not longer ago than its lifetime promises, and not before the last announced change."""
        lifetime = TTL_MISSING if got is None else (TTL_FINAL if got.final else TTL)
        grace = GRACE if permits_stale and got is not None else 0
        self.measure_calls()
        since = max(asked_at - lifetime - grace - self.longest_call, self.announced.get(where, 0.0))
        truths = self.truths.get(where, [(0.0, None)])
        ends = [*(begin for begin, _ in truths[1:]), float("inf")]
        allowed = [value for (_, value), end in zip(truths, ends, strict=True) if end >= since]
        assert got in allowed
        assert got is None or got.owner == where[0]


A_SLOW_CALL_NOBODY_WAITS_FOR: Final[list[tuple[str, object]]] = [
    ("hold calls up", None),
    ("read", ("bob", "1")),
    ("change unseen", ("bob", "1")),
    ("change and forget", ("ann", "1")),
    ("wait", 3),
    ("let calls end", None),
    ("read", ("bob", "1")),
]


@settings(max_examples=400, deadline=None)
@example(A_SLOW_CALL_NOBODY_WAITS_FOR)
@given(st.lists(step, min_size=10, max_size=40))
def test_no_read_is_older_than_promised_or_anothers_or_from_before_an_announced_change(
    steps: list[tuple[str, object]],
) -> None:
    asyncio.run(live_through(steps))


async def live_through(steps: list[tuple[str, object]]) -> None:
    history, notes = History(), Notes()
    cache = new_cache(
        history.clock, ttl_active=TTL, ttl_final=TTL_FINAL, ttl_missing=TTL_MISSING, grace=GRACE, max_entries=3
    )
    for action, detail in steps:
        history.clock.advance(TICK)
        if action == "wait" and isinstance(detail, int):
            history.clock.advance(detail)
        elif action == "go down":
            notes.failure = DOWN
        elif action == "come up":
            notes.failure = None
        elif action == "hold calls up":
            notes.gate = notes.gate or asyncio.Event()
            history.held_since = history.held_since or history.clock.now
        elif action == "let calls end":
            await _let_calls_end(notes, history)
        elif isinstance(detail, tuple):
            await _at_place(action, detail, history, notes, cache)
    await _let_calls_end(notes, history)
    await cache.close()


async def _at_place(action: str, where: tuple[str, str], history: History, notes: Notes, cache: object) -> None:
    from_owner, note_id = where
    if action.startswith("read"):
        permits_stale = action == "read"
        operation = Operation(cache, Owner(from_owner, notes))  # type: ignore[arg-type]  # a RecordCache
        operation.reading.permits_stale = permits_stale
        announced = history.announced.get(where, 0.0)
        history.pending.append((where, max(history.clock.now, announced), permits_stale, operation.load(note_id)))
        await turns(5)
        return
    history.version += 1
    if action == "remove unseen":
        notes.texts.pop(where, None)
        history.note(where, None)
        return
    final = history.version % 3 == 0
    notes.write(from_owner, note_id, f"version {history.version}", final=final)
    history.note(where, notes.texts[where])
    if action == "change and forget":
        await _settle(history)
        # A read that began before the change may answer from before it; those of other places may not.
        history.pending = [read for read in history.pending if read[0] != where]
        await cache.forget(from_owner, NOTE, [note_id])  # type: ignore[attr-defined]  # a RecordCache
        history.clock.advance(TICK)
        history.announced[where] = history.clock.now


async def _let_calls_end(notes: Notes, history: History) -> None:
    if notes.gate is not None:
        notes.open_gate()
        notes.gate = None
    await turns(30)
    await _settle(history)
    history.measure_calls()
    history.held_since = None
    assert all(value.done() for _, _, _, value in history.pending)
    history.pending.clear()


async def _settle(history: History) -> None:
    """Check what has come so far; a failure is no answer, and only an upstream that is down may cause one."""
    await turns(5)
    for where, asked_at, permits_stale, value in history.pending:
        if value.done():
            error = value.exception()
            assert error is None or error is DOWN
            if error is None:
                history.check(where, asked_at, permits_stale, value.result())
