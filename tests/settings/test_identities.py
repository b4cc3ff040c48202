"""An account's identity changes with its credentials, and with nothing else."""

from collections.abc import AsyncIterator

import pytest

from gateway.composition.upstreams import Upstreams, build_upstreams
from gateway.settings import load_settings
from resolvers.events.cursors import Cursors, ResumePoint
from resolvers.identities import account_name, fingerprint, identity_of
from tests.settings.problems import OPEN

SETTINGS = {
    **OPEN,
    "GATEWAY_LOGISTICS__URL": "http://127.0.0.1:1",
    "GATEWAY_LOGISTICS__TOKEN": "planted",
    "GATEWAY_SMS__URLS": "http://127.0.0.1:1",
    "GATEWAY_SMS__USERNAME": "ada",
    "GATEWAY_SMS__PASSWORD": "planted",
}


@pytest.fixture
async def upstreams() -> AsyncIterator[Upstreams]:
    built = build_upstreams(load_settings(SETTINGS))
    yield built
    await built.close()


@pytest.mark.parametrize(
    ("name", "value", "is_other"),
    [
        ("GATEWAY_LOGISTICS__TOKEN", "other", True),
        ("GATEWAY_SMS__USERNAME", "eve", True),
        ("GATEWAY_SMS__PASSWORD", "other", True),
        ("GATEWAY_LOGISTICS__URL", "http://127.0.0.1:2", True),
        ("GATEWAY_LOGISTICS__TIMEOUT_SECONDS", "1", False),
        ("GATEWAY_SMS__CONCURRENCY", "1", False),
    ],
)
async def test_what_an_identity_depends_on(upstreams: Upstreams, name: str, value: str, *, is_other: bool) -> None:
    other = build_upstreams(load_settings({**SETTINGS, name: value}))

    assert (upstreams.own.identity != other.own.identity) is is_other
    assert account_name(upstreams.own.identity) == account_name(other.own.identity) == "own"
    await other.close()


async def test_the_identity_is_the_same_in_every_process_and_holds_no_secret(upstreams: Upstreams) -> None:
    again = build_upstreams(load_settings(SETTINGS))

    assert upstreams.own.identity == again.own.identity
    assert "planted" not in upstreams.own.identity
    await again.close()


async def test_an_account_that_is_described_alike_is_kept(upstreams: Upstreams) -> None:
    before = load_settings(SETTINGS)
    same = upstreams.with_accounts(before, load_settings({**SETTINGS, "GATEWAY_LIMITS__COST": "5"}))
    other = upstreams.with_accounts(before, load_settings({**SETTINGS, "GATEWAY_LOGISTICS__TOKEN": "other"}))

    assert same.own is upstreams.own
    assert other.own is not upstreams.own


def test_a_cursor_of_other_credentials_belongs_to_no_epoch_and_one_of_another_account_is_none() -> None:
    cursors, point = Cursors(), ResumePoint("epoch", 7)
    old, new = identity_of("own", b"old"), identity_of("own", b"new")
    session = " session:1"

    assert cursors.open(old, cursors.seal(old, point)) == point
    assert cursors.open(new + session, cursors.seal(old + session, point)).epoch == ""
    assert fingerprint(old + session) == fingerprint(old) != fingerprint(new)
    with pytest.raises(Exception, match="no cursor"):
        cursors.open(identity_of("account:acme", b"old"), cursors.seal(old, point))
