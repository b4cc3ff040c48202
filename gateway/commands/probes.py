"""The calls that `gateway check` makes: one cheap authenticated call for whatever is configured."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol

from gateway.commands.redis_probe import RedisProbe
from gateway.composition.upstreams import build_upstreams
from gateway.oauth.account_tokens import build_account_tokens
from gateway.settings import Settings
from gateway.settings.names import environment_name
from gateway.settings.upstreams import AccountSettings, LogisticsSettings
from resolvers.accounts import Account
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.requests import DeliveryFilters
from resolvers.upstreams.sms.requests import JobIdQuery
from resolvers.upstreams.transport.stack import loop_clock

_NO_TASK: Final = "00000000-0000-0000-0000-000000000000"


class Probe(Protocol):
    """One cheap authenticated call; check lifetime."""

    @property
    def name(self) -> str:
        """What is asked, such as "deliveries" or "accounts.acme.sms"."""
        ...

    @property
    def prefix(self) -> str:
        """What the names of its settings begin with, such as GATEWAY_DELIVERIES."""
        ...

    async def run(self) -> None:
        """Make the call.

        Raises:
            Exception: It failed; the message says how, without secrets.
        """
        ...


OpenProbes = Callable[[Settings], AbstractAsyncContextManager[Sequence[Probe]]]


@asynccontextmanager
async def open_probes(settings: Settings) -> AsyncIterator[Sequence[Probe]]:
    """Make a probe for everything that is configured, for as long as the block runs.

    Args:
        settings: Checked settings.

    Yields:
        The probes, to be run in the same event loop.
    """
    upstreams = build_upstreams(settings, account_tokens=build_account_tokens(settings))
    own = AccountSettings(deliveries=settings.deliveries, sms=settings.sms, logistics=settings.logistics)
    try:
        probes: list[Probe] = [*_account_probes("", own, upstreams.own, settings.deadline_seconds)]
        for name, account in settings.accounts.items():
            probes += _account_probes(f"accounts.{name}.", account, upstreams.named[name], settings.deadline_seconds)
        if settings.redis_url:
            probes.append(RedisProbe(settings.redis_url.get_secret_value(), settings.redis_prefix))
        yield probes
    finally:
        await upstreams.close()


@dataclass(frozen=True, slots=True)
class UpstreamProbe:
    """Asks one upstream as one account; check lifetime.

    Args:
        name: What is asked.
        ask: Makes the call.
        seconds: How long it may take in all.
    """

    name: str
    ask: Callable[[CallScope], Awaitable[object]]
    seconds: float

    @property
    def prefix(self) -> str:
        """What the names of its settings begin with."""
        return environment_name(self.name.split("."))

    async def run(self) -> None:
        """Make the call.

        Raises:
            GatewayError: It failed.
        """
        await self.ask(CallScope(loop_clock() + self.seconds))


def _account_probes(before: str, settings: AccountSettings, account: Account, seconds: float) -> Iterator[Probe]:
    if settings.deliveries:
        yield UpstreamProbe(f"{before}deliveries", partial(_ask_deliveries, account), seconds)
    if settings.sms:
        yield UpstreamProbe(f"{before}sms", partial(_ask_sms, account), seconds)
    if settings.logistics:
        yield UpstreamProbe(f"{before}logistics", partial(_ask_logistics, account, settings.logistics), seconds)


async def _ask_deliveries(account: Account, scope: CallScope) -> None:
    await account.deliveries.deliveries(scope, DeliveryFilters(), page_number=1, page_size=1)


async def _ask_sms(account: Account, scope: CallScope) -> None:
    # Not the version, which may be answered without a login: no document says.
    now = datetime.now(UTC)
    await account.sms.job_ids(scope, 0, JobIdQuery(now - timedelta(days=1), now, limit=1))


async def _ask_logistics(account: Account, settings: LogisticsSettings, scope: CallScope) -> None:
    if settings.token is None and settings.refresh_token is None:
        await account.logistics.partner(scope)
    elif settings.platform:
        await account.logistics.tasks(scope, page=1, per_page=1, descending=False)
    else:
        # The partner's own operations have no list; that there is no such task is answer enough.
        await account.logistics.task(scope, _NO_TASK)
