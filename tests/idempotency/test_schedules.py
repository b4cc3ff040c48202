"""Random schedules of faults, deaths and repeats: an upstream makes what a key stands for at most once."""

import asyncio
from pathlib import Path
from random import Random
from typing import Final

from resolvers.errors import GatewayError, IdempotencyUnavailable, UpstreamUnavailable
from resolvers.idempotency.keys import CallerKeys, IdempotencyKeys
from resolvers.idempotency.outcomes import Looked, Made, Request
from resolvers.idempotency.run import UPSTREAM_SECONDS
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.idempotency.sqlite_store import SqliteKeys
from resolvers.idempotency.store import Claimed, KeyLimits, KeyName
from resolvers.idempotency.window import Window
from resolvers.upstreams.names import UpstreamName

SEEDS: Final = range(20)
STEPS: Final = 14
DEADLINE: Final = 15.0
WAIT: Final = 0.03
"""Seconds of real time that a request waits for another one; all else is in the clock's time."""


class Clock:
    """The time of all processes and of the upstream. Lifetime: one schedule."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Killed(BaseException):
    """The end of a process in the middle of a request."""


class Process:
    """A gateway over the shared store, which a fault may keep from it, and which it cannot reach once it is dead."""

    def __init__(self, store: SqliteKeys, clock: Clock, random: Random) -> None:
        self._store = store
        self._random = random
        self.dead = False
        self.flaky = 0.1
        self.keys = IdempotencyKeys(self, deadline_seconds=DEADLINE, now=clock, sleep=self._sleep)

    async def claim(self, name: KeyName, fingerprint: bytes, owner: str, seconds: float) -> Claimed:
        self._reach()
        return await self._store.claim(name, fingerprint, owner, seconds)

    async def write(self, name: KeyName, owner: str, content: bytes, seconds: float, *, settled: bool) -> bool:
        self._reach()
        return await self._store.write(name, owner, content, seconds, settled=settled)

    async def extend(self, name: KeyName, owner: str, seconds: float) -> None:
        self._reach()
        await self._store.extend(name, owner, seconds)

    async def close(self) -> None:
        raise AssertionError("the store is shared")

    def _reach(self) -> None:
        if self.dead or self._random.random() < self.flaky:
            raise IdempotencyUnavailable("away")

    async def _sleep(self, _: float) -> None:
        await asyncio.sleep(WAIT / 10)


class Upstream:
    """Makes one thing for each request, now, late, or not at all, and answers or does not."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._made_at: list[float] = []
        self.faulty = True

    @property
    def made(self) -> list[str]:
        """What has been made by now."""
        return [str(number) for number, at in enumerate(self._made_at) if at <= self._clock.now]

    def request(self, process: Process) -> Request[None]:
        begun = self._clock.now

        async def send() -> Made[None]:
            await asyncio.sleep(0)
            fate = self._random.choice(FATES) if self.faulty else "answered"
            if fate == "suspended":
                self._clock.now += self._random.uniform(0, 3 * DEADLINE)
            # The policies of a call send nothing past its deadline.
            if self._clock.now > begun + DEADLINE or fate == "refused":
                raise UpstreamUnavailable(UpstreamName.SMS, "not sent")
            if fate in {"killed before", "killed after"}:
                process.dead = True
            late = self._random.uniform(0, UPSTREAM_SECONDS) if fate == "late" else 0.0
            if fate not in {"lost", "killed before"}:
                self._made_at.append(self._clock.now + late)
            if process.dead:
                raise Killed
            if fate in {"lost", "late", "cut"}:
                raise UpstreamUnavailable(UpstreamName.SMS, "no answer", outcome_unknown=True)
            return Made((str(len(self._made_at) - 1),))

        async def find(_: Window) -> Made[None] | Looked:
            if self.faulty and self._random.random() < 0.2:
                raise UpstreamUnavailable(UpstreamName.SMS, "down")
            return Made((self.made[0],)) if self.made else Looked.ABSENT

        return Request(UpstreamName.SMS, "the job", send, find)


FATES: Final = (
    "answered",
    "cut",
    "killed after",
    "killed before",
    "late",
    "lost",
    "refused",
    "suspended",
)


async def ask(process: Process, upstream: Upstream) -> Made[None] | GatewayError | Killed:
    key = IdempotencyKey("key", None, "answer")
    try:
        deadline = asyncio.get_running_loop().time() + WAIT
        async with CallerKeys(process.keys, "mei").run(key, "input", 1, deadline) as run:
            return await run.part(0, upstream.request(process))
    except (GatewayError, Killed) as error:
        return error


async def test_an_upstream_makes_it_at_most_once_and_in_the_end_once(tmp_path: Path) -> None:
    for seed in SEEDS:
        random, clock = Random(seed), Clock()  # noqa: S311 - a schedule
        store = SqliteKeys(tmp_path / f"{seed}.sqlite3", KeyLimits(), clock)
        upstream = Upstream(clock, random)
        answers: list[Made[None] | GatewayError | Killed] = []
        processes = [Process(store, clock, random) for _ in range(3)]

        for _ in range(STEPS):
            chosen = random.sample(range(3), random.choice((1, 1, 2)))
            answers += await asyncio.gather(*(ask(processes[number], upstream) for number in chosen))
            # A dead process is replaced by a new one.
            processes = [Process(store, clock, random) if one.dead else one for one in processes]
            clock.now += random.choice((0.0, 1.0, 6.0, 70.0))
            assert len(upstream.made) <= 1, (seed, answers)

        upstream.faulty = False
        for process in processes:
            process.flaky = 0.0
        clock.now += DEADLINE + UPSTREAM_SECONDS
        end = await ask(processes[0], upstream)
        await store.close()

        assert upstream.made == ["0"], (seed, answers)
        assert isinstance(end, Made), (seed, end, answers)
        assert {one.ids for one in (*answers, end) if isinstance(one, Made)} == {("0",)}, seed
