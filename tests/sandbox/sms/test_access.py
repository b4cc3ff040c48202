"""Authentication and rate limits of the simulated SMS service."""

from dataclasses import replace

import pytest

from tests.sandbox.sms.requests import DEFAULTS, JOBS, Connect, Hosts, Seconds, job


async def test_more_requests_than_allowed_in_ten_seconds_are_refused(connect: Connect, seconds: Seconds) -> None:
    async with connect(replace(DEFAULTS, max_requests_per_10_seconds=2, retry_after_seconds=8)) as hosts:
        first = await hosts.primary.get(JOBS)
        seconds.now = 5.0
        second = await hosts.primary.get(JOBS)
        third = await hosts.primary.get(JOBS)
        other_host = await hosts.secondary.get(JOBS)
        # The first leaves the window; the third, which was refused, has never been in it.
        seconds.now = 10.0
        fourth = await hosts.primary.get(JOBS)

    answers = (first, second, third, other_host, fourth)
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200]
    assert (third.content, third.headers["retry-after"]) == (b"", "8")


async def test_the_limit_can_be_for_posting_alone(connect: Connect) -> None:
    async with connect(replace(DEFAULTS, max_requests_per_10_seconds=1, limit_reads=False)) as hosts:
        reads = [(await hosts.primary.get(JOBS)).status_code for _ in range(3)]
        posts = [(await hosts.send.post(JOBS, json=job())).status_code for _ in range(2)]

    assert (reads, posts) == ([200, 200, 200], [201, 429])


# The fourth is the base64 of wrong:wrong.
@pytest.mark.parametrize("authorization", ["", "Basic", "Basic ???", "Basic d3Jvbmc6d3Jvbmc=", "Bearer x"])
@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/J.1", "/rest/v1/version"])
async def test_a_request_without_the_login_is_refused(hosts: Hosts, authorization: str, path: str) -> None:
    answer = await hosts.primary.get(path, headers={"Authorization": authorization})

    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_media_types_are_held_to(hosts: Hosts) -> None:
    unacceptable = await hosts.primary.get(JOBS, headers={"Accept": "text/xml"})
    unsupported = await hosts.send.post(JOBS, content=b"{}", headers={"Content-Type": "text/plain"})

    assert (unacceptable.status_code, unsupported.status_code) == (406, 415)
