"""A read that one SMS data centre is slow to answer goes to the other as well."""

import asyncio
from dataclasses import dataclass, field

import pytest

from resolvers.accounts import Account
from resolvers.errors import UpstreamUnavailable
from resolvers.sms.data_centres import LatencyWindow, read_job, read_recipients
from resolvers.upstreams.call import Answer, Call, CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from tests.upstreams.transport.little_upstreams import broken, now, status
from tests.upstreams.transport.virtual_time import START, in_virtual_time


@dataclass
class Centre:
    """A data centre that knows some jobs. Lifetime: test."""

    jobs: set[str] = field(default_factory=set)
    seconds: float = 0.1
    is_down: bool = False
    asked: list[str] = field(default_factory=list)
    given_up: int = 0

    async def send(self, call: Call) -> Answer:
        job_id = call.url.rpartition("/jobs/")[2]
        self.asked.append(job_id)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.is_down:
            raise broken(call)
        if job_id not in self.jobs:
            return status(404)
        return Answer(200, {}, b'{"jobId": "%s", "src": "x", "recipientIds": []}' % job_id.encode())


class Scene:
    """Two data centres and an account that reads from them. Lifetime: test."""

    def __init__(self, *, hedge: bool = True) -> None:
        self.primary, self.secondary = Centre(), Centre()
        config = SmsConfig(("http://primary.test", "http://secondary.test"), "http://send.test", hedge=hedge)
        client = SmsClient([self.primary, self.secondary], self.primary, config)
        self.account = Account("own", {UpstreamName.SMS: client})

    async def read(self, job_id: str) -> bool:
        return await read_job(self.account, CallScope(now() + 15), job_id) is not None

    async def get_to_know(self) -> None:
        """Read enough for a percentile, which is then 0.1 s."""
        for number in range(20):
            self.primary.jobs.add(f"known-{number}")
            await self.read(f"known-{number}")
        self.secondary.asked.clear()


@in_virtual_time
async def test_a_slow_primary_is_overtaken_by_the_secondary_and_no_longer_waited_for() -> None:
    scene = Scene()
    await scene.get_to_know()
    scene.secondary.jobs.add("job")
    scene.primary.seconds = 5
    began = now()

    found = await scene.read("job")

    assert found
    assert now() - began == pytest.approx(0.2)
    assert scene.primary.given_up == 1
    assert scene.account.sms_places.centre_of("job") == 1


@in_virtual_time
async def test_a_primary_that_answers_in_its_usual_time_is_asked_alone() -> None:
    scene = Scene()
    await scene.get_to_know()
    scene.primary.jobs.add("job")
    scene.primary.seconds = 0.09

    assert await scene.read("job")
    assert scene.secondary.asked == []


@in_virtual_time
async def test_a_slow_primary_that_has_the_job_wins_over_a_secondary_that_has_not() -> None:
    scene = Scene()
    await scene.get_to_know()
    scene.primary.jobs.add("job")
    scene.primary.seconds = 1

    assert await scene.read("job")
    assert scene.secondary.asked == ["job"]
    assert scene.account.sms_places.centre_of("job") == 0


@in_virtual_time
async def test_a_job_of_a_known_place_is_never_hedged() -> None:
    scene = Scene()
    await scene.get_to_know()
    scene.primary.seconds = 5

    assert await scene.read("known-3")
    assert scene.secondary.asked == []


@in_virtual_time
async def test_before_there_are_enough_samples_nothing_is_hedged() -> None:
    scene = Scene()
    scene.secondary.jobs.add("job")
    scene.primary.seconds = 5

    assert await scene.read("job")
    assert now() - START == pytest.approx(5.1)


@in_virtual_time
async def test_hedging_can_be_switched_off() -> None:
    scene = Scene(hedge=False)
    await scene.get_to_know()
    scene.secondary.jobs.add("job")
    scene.primary.seconds = 5
    began = now()

    assert await scene.read("job")
    assert now() - began == pytest.approx(5.1)


@pytest.mark.parametrize("hedge", [True, False])
@in_virtual_time
async def test_a_primary_that_fails_or_does_not_know_it_is_followed_by_the_secondary_at_once(*, hedge: bool) -> None:
    scene = Scene(hedge=hedge)
    await scene.get_to_know()
    scene.secondary.jobs |= {"one", "two"}
    scene.primary.seconds = 0.05
    began = now()

    found = [await scene.read("one")]
    scene.primary.is_down = True
    found.append(await scene.read("two"))

    assert found == [True, True]
    assert now() - began == pytest.approx(2 * 0.15)


@pytest.mark.parametrize("hedge", [True, False])
@in_virtual_time
async def test_a_job_that_is_nowhere_is_none_and_one_that_may_be_somewhere_is_an_error(*, hedge: bool) -> None:
    scene = Scene(hedge=hedge)
    await scene.get_to_know()

    nowhere = await scene.read("nowhere")
    scene.secondary.is_down = True

    assert not nowhere
    with pytest.raises(UpstreamUnavailable):
        await scene.read("somewhere")


@in_virtual_time
async def test_a_caller_who_gives_up_stops_both_reads() -> None:
    scene = Scene()
    await scene.get_to_know()
    scene.primary.seconds = scene.secondary.seconds = 60
    reading = asyncio.create_task(scene.read("job"))
    await asyncio.sleep(1)

    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)

    assert (scene.primary.given_up, scene.secondary.given_up) == (1, 1)


@in_virtual_time
async def test_a_primary_that_has_become_slow_for_good_is_no_longer_hedged_at_its_old_pace() -> None:
    scene = Scene()
    await scene.get_to_know()
    scene.primary.seconds = 1
    scene.secondary.seconds = 0.5
    for number in range(60):
        scene.secondary.jobs.add(f"job-{number}")
        await scene.read(f"job-{number}")

    patience = scene.account.sms_hedging.patience(0)

    assert patience is not None
    assert patience > 0.4


@in_virtual_time
async def test_reads_that_clients_give_up_early_make_no_data_centre_look_fast() -> None:
    scene = Scene()
    await scene.get_to_know()
    for number in range(100):
        scene.primary.jobs.add(f"left-{number}")
        reading = asyncio.create_task(scene.read(f"left-{number}"))
        await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    assert scene.account.sms_hedging.patience(0) == pytest.approx(0.1)


@in_virtual_time
async def test_an_empty_list_of_recipients_means_not_here() -> None:
    scene = Scene()

    assert await read_recipients(scene.account, CallScope(now() + 15), "nowhere") is None
    assert len(scene.secondary.asked) == 1


def test_a_percentile_takes_twenty_samples_and_lies_above_nineteen() -> None:
    window = LatencyWindow()

    for sample in range(1, 20):
        window.add(sample)
    before = window.percentile_95
    window.add(20)

    assert (before, window.percentile_95) == (None, 20)


def test_a_percentile_follows_the_last_hundred() -> None:
    window = LatencyWindow()
    for _ in range(100):
        window.add(1.0)

    for _ in range(100):
        window.add(3.0)

    assert window.percentile_95 == 3.0
