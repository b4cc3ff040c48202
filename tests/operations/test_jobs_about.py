"""SMS jobs lead to what they are about, and that leads to its jobs, by the least calls."""

import math
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import msgspec
import pytest

from gateway.sandbox.faults import FaultSettings
from resolvers.accounts import Account
from resolvers.connections import place_at
from resolvers.context import Context
from resolvers.sms.subjects import SearchPlace, _search
from resolvers.upstreams.call import Answer, Call, CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from schema.inputs.sms import MAX_ASCII_REFERENCE
from tests.contract.operations import NOW
from tests.world import UNCACHED, World, running_world

SEND: Final = """mutation ($about: ID) { sendSms(input: {
    messages: [{ text: "It is here", recipients: [{ destination: "+4989123" }] }], regarding: $about
}) { job { jobId regarding { id } } errors { __typename message ... on InvalidInput { path } } } }"""
FOUND: Final = "smsJobs { searched nodes { jobId customerRef regarding { id } } pageInfo { hasNextPage endCursor } }"
SUBJECTS: Final = f"""{{
    deliveries(first: 5) {{ nodes {{ id {FOUND} }} }} logisticsTasks(first: 5) {{ nodes {{ id {FOUND} }} }}
}}"""
PLAN: Final = {"X-Gateway-Explain": "plan"}


async def send(world: World, about: str | None) -> str:
    payload = (await world.ask(SEND, {"about": about})).data["sendSms"]
    assert payload["errors"] == []
    assert payload["job"]["regarding"] == (about and {"id": about})
    job_id: str = payload["job"]["jobId"]
    return job_id


def records_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [*data["deliveries"]["nodes"], *data["logisticsTasks"]["nodes"]]


def paths(world: World) -> Counter[str]:
    """The requests to the SMS API, reports under one name."""
    asked = [one.path.removeprefix("/rest/v1") for one in world.requests if "/rest/v1" in one.path]
    return Counter("/jobs/" if path.startswith("/jobs/") else path for path in asked)


async def test_jobs_and_their_subjects_lead_to_each_other_by_one_search_for_a_page() -> None:
    async with running_world(UNCACHED) as world:
        ids = [one["id"] for one in records_of((await world.ask(SUBJECTS)).data)]
        sent = {ids[0]: [await send(world, ids[0]) for _ in range(3)], ids[7]: [await send(world, ids[7])]}
        await send(world, None)

        estimate = (await world.ask(SUBJECTS, headers=PLAN)).json["extensions"]["gateway"]["plan"]["estimate"]
        found = records_of((await world.ask(SUBJECTS)).data)

        for one in found:
            jobs = one["smsJobs"]["nodes"]
            assert [job["jobId"] for job in jobs] == sorted(sent.get(one["id"], []), reverse=True)
            assert all(job["regarding"] == {"id": one["id"]} for job in jobs)
            assert one["smsJobs"]["searched"] == paths(world)["/jobs/"]
        # The lists of both data centres and each report once, for ten records.
        assert paths(world) == {"/jobs": 2, "/jobs/": found[0]["smsJobs"]["searched"]}
        assert len(world.requests) <= estimate


async def test_a_second_search_reads_no_report_that_is_cached() -> None:
    async with running_world() as world:
        (job, *_) = [await send(world, "Delivery:1") for _ in range(2)]
        await world.ask(SUBJECTS)
        await send(world, "Delivery:1")

        query = '{ delivery(id: "1") { smsJobs { nodes { jobId } } } }'
        found = (await world.ask(query)).data["delivery"]["smsJobs"]["nodes"]

    assert job in [one["jobId"] for one in found]
    assert len(found) == 3
    # The new job, and those that are still open and no longer fresh.
    assert paths(world)["/jobs/"] <= 6
    assert paths(world)["/jobs"] == 2


async def test_cursors_lead_through_all_jobs_that_are_kept() -> None:
    query = """query ($after: String) { delivery(id: "1") { smsJobs(first: 7, after: $after) {
        searched nodes { jobId } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    async with running_world(UNCACHED) as world:
        sent = [await send(world, "Delivery:1") for _ in range(2)]
        after: str | None = None
        searched: list[int] = []
        found: list[str] = []
        while after is not None or not searched:
            page = (await world.ask(query, {"after": after})).data["delivery"]["smsJobs"]
            assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
            searched.append(page["searched"])
            found += [one["jobId"] for one in page["nodes"]]
            assert paths(world)["/jobs"] == 2
            after = page["pageInfo"]["endCursor"]
            assert page["pageInfo"]["hasNextPage"] == (after is not None)

    assert found == sorted(sent, reverse=True)
    # The simulators begin with 60 jobs of the last 80 days.
    assert sum(searched) == 62
    assert max(searched) == 7


@pytest.mark.parametrize("after", ["nonsense", ""])
async def test_a_foreign_cursor_is_refused(after: str) -> None:
    query = f'{{ delivery(id: "1") {{ smsJobs(after: "{after}") {{ searched }} }} }}'
    async with running_world(UNCACHED) as world:
        answer = await world.ask(query)

    assert answer.codes == {"delivery.smsJobs": "BAD_INPUT"}
    assert paths(world) == {}


async def test_an_upstream_that_fails_makes_the_search_fail_and_nothing_else() -> None:
    async with running_world(UNCACHED) as world:
        world.sms.secondary.faults.settings = FaultSettings(outage="503")
        answer = await world.ask("{ deliveries(first: 2) { nodes { id smsJobs { searched } } } }")

    nodes = answer.json["data"]["deliveries"]["nodes"]
    assert all(one["id"] and one["smsJobs"] is None for one in nodes)
    assert set(answer.codes.values()) == {"UPSTREAM_UNAVAILABLE"}


async def test_a_subject_whose_reference_would_be_too_long_is_refused_before_any_call() -> None:
    subject = "LogisticsTask:" + "a" * (MAX_ASCII_REFERENCE - len("about LogisticsTask:"))
    async with running_world(UNCACHED) as world:
        fits = (await world.ask(SEND, {"about": subject})).data["sendSms"]
        payload = (await world.ask(SEND, {"about": f"{subject}a"})).data["sendSms"]

    assert fits["errors"] == []
    assert payload["errors"][0]["path"] == ["input", "regarding"]
    assert world.requests == []


class FullCentre:
    """A data centre with a job every minute of the last 30 days, more than one answer holds; lifetime: one test."""

    def __init__(self) -> None:
        self.spans: list[timedelta] = []
        self.reports: list[str] = []

    async def send(self, call: Call) -> Answer:
        path, _, query = call.url.partition("?")
        if query:
            start, end = (datetime.fromisoformat(_argument(query, name)) for name in ("fromTs", "toTs"))
            self.spans.append(end - start)
            minutes = range(43_200)
            moments = [moment for one in minutes if start <= (moment := NOW - timedelta(minutes=one)) <= end]
            listed = [{"jobId": f"J.{moment:%Y%m%d-%H%M%S}"} for moment in reversed(moments)][:1000]
            return Answer(200, {}, msgspec.json.encode(listed))
        self.reports.append(path.rpartition("/")[2])
        report = {"jobId": self.reports[-1], "customerRef": "about Delivery:1", "recipientIds": []}
        return Answer(200, {}, msgspec.json.encode(report))


def _argument(query: str, name: str) -> str:
    return httpx.QueryParams(query)[name]


async def test_a_window_with_more_jobs_than_one_answer_holds_is_halved_to_the_latest() -> None:
    centre = FullCentre()
    account = Account(
        "own", {UpstreamName.SMS: SmsClient([centre], centre, SmsConfig(("http://sms.invalid",), "http://sms.invalid"))}
    )
    context = Context(account, CallScope(deadline=math.inf), now=lambda: NOW)
    seen: list[str] = []
    after = None

    for _ in range(3):
        search = await _search(context, None if after is None else place_at(after, SearchPlace), 100)
        seen += [job.job_id for job in search.jobs["Delivery:1"]]
        after = search.page_info.end_cursor

    # 30 days, 15, 7.5, 3.75, 1.875, 0.9375, 0.46875: 675 jobs
    assert len(centre.spans) == 7
    newest = [f"J.{NOW - timedelta(minutes=one):%Y%m%d-%H%M%S}" for one in range(300)]
    assert seen == newest
