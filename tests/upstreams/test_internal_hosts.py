"""Addresses of internal machines are taken out of what upstreams say; what is public or no address stays."""

import pytest

from resolvers.upstreams.internal_hosts import REPLACEMENT, without_hosts


@pytest.mark.parametrize(
    "address",
    [
        "http://db-7:5432/x?y",
        "http://[fd00::1]:80/x",
        "https://user:password@10.1.2.3/a",
        "postgres://user:password@db.internal/x",
        "tasks.svc.cluster.local",
        "10.0.0.7:5432",
        "192.168.1.10",
        "localhost:80",
    ],
)
def test_an_internal_address_is_taken_out(address: str) -> None:
    assert without_hosts(f"It could not reach {address}, said it.") == f"It could not reach {REPLACEMENT}, said it."


@pytest.mark.parametrize(
    "text",
    [
        "See https://developers.example.com/errors.",
        "The price must be internal.",
        "version 1.2.3.4 at 10:30 on 2024-01-01T10:00:00Z",
        "8.8.8.8 is public, 3.5 kg: too heavy",
        "/data/attributes/status: no",
        "",
    ],
)
def test_what_is_public_or_no_address_stays(text: str) -> None:
    assert without_hosts(text) == text


@pytest.mark.parametrize("text", ["a." * 250, "1." * 250, "://" * 160, "a-" * 250 + ".", "[" * 500])
def test_no_text_takes_long(text: str) -> None:
    assert without_hosts(text) == text
