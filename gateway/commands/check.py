"""`gateway check`: check the settings and installed packages, and make one authenticated call to each upstream."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import packages_distributions
from typing import Final, Protocol

from gateway.commands.redis_probe import RedisProbe
from gateway.composition.upstreams import CertificateEnd, Upstreams, build_upstreams
from gateway.oauth.build import build_account_tokens
from gateway.settings import Settings, SettingsProblems, load_settings, unknown_settings
from gateway.settings.problems import environment_name
from resolvers.accounts import Account
from resolvers.errors import (
    GatewayError,
    RecordMissing,
    UpstreamAuth,
    UpstreamBadAnswer,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.stack import loop_clock

OUR_DISTRIBUTION: Final = "graphql-rest-gateway"
_DAY: Final = 86_400
NEAR_END_SECONDS: Final = 14 * _DAY
"""From when on the end of a certificate is reported; the alert CertificateNearEnd has the same."""

_OWNERS: Final = {
    "client": "the certificate in {prefix}__CLIENT_CERTIFICATE_FILE",
    "server": "the certificate of its server",
}
_FAILED: Final = 1
_WRONG_SETTINGS: Final = 2
# Names that others have too: PyPI has a package `schema`.
_OUR_PACKAGES: Final = ("gateway", "schema", "resolvers")
_ADVICE: Final[Sequence[tuple[type[GatewayError], str]]] = (
    (UpstreamAuth, "check the credentials in {prefix}__*"),
    (UpstreamRateLimited, "wait a while, or lower {prefix}__RATE_PER_SECOND"),
    (UpstreamTimeout, "check the address in {prefix}__* and the network, or raise {prefix}__TIMEOUT_SECONDS"),
    (UpstreamUnavailable, "check the address in {prefix}__* and that the upstream is up"),
    (UpstreamBadAnswer, "check that the address in {prefix}__* is the API's base URL"),
    (RecordMissing, "check that the address in {prefix}__* is the API's base URL"),
)


class Probe(Protocol):
    """One inexpensive authenticated call; command lifetime."""

    @property
    def name(self) -> str:
        """The name of the target, such as "deliveries" or "accounts.acme.sms"."""
        ...

    @property
    def prefix(self) -> str:
        """The prefix of its settings, such as GATEWAY_DELIVERIES."""
        ...

    async def run(self) -> None:
        """Make the call.

        Raises:
            Exception: The call failed; the message contains no secrets.
        """
        ...


OpenProbes = Callable[[Settings], AbstractAsyncContextManager[Sequence[Probe]]]


@asynccontextmanager
async def open_probes(settings: Settings) -> AsyncIterator[Sequence[Probe]]:
    """Open a probe for each configured upstream, account and Redis while the block runs.

    Args:
        settings: Checked settings.

    Yields:
        The probes; run them in the same event loop.
    """
    upstreams = build_upstreams(settings, account_tokens=build_account_tokens(settings))
    try:
        seconds = settings.deadline_seconds
        probes: list[Probe] = [*_account_probes("", settings, upstreams.own, upstreams, seconds)]
        for name, account in settings.accounts.items():
            probes += _account_probes(f"accounts.{name}.", account, upstreams.named[name], upstreams, seconds)
        if settings.redis_url:
            probes.append(RedisProbe(settings.redis_url.get_secret_value(), settings.redis_prefix))
        yield probes
    finally:
        await upstreams.close()


@dataclass(frozen=True, slots=True)
class UpstreamProbe:
    """A call to one upstream with the credentials of one account; command lifetime.

    Args:
        name: The name of the target.
        ask: Makes the call.
        seconds: The deadline of the call.
        certificates: Returns the ends of the certificates that are known after the call.
    """

    name: str
    ask: Callable[[CallScope], Awaitable[object]]
    seconds: float
    certificates: Callable[[], Iterable[CertificateEnd]]

    @property
    def prefix(self) -> str:
        """The prefix of its settings."""
        return environment_name(self.name.split("."))

    async def run(self) -> None:
        """Make the call.

        Raises:
            GatewayError: The call failed.
        """
        await self.ask(CallScope(loop_clock() + self.seconds))


def _account_probes(
    before: str, settings: object, account: Account, upstreams: Upstreams, seconds: float
) -> Iterator[Probe]:
    # Each account asks with its own credentials, because any of them may be the wrong ones.
    for composition in upstreams.compositions:
        group = composition.group(settings)
        if group is not None:
            name = f"{before}{composition.name.name.lower()}"
            certificates = partial(upstreams.builder.certificates, composition.name, group)
            yield UpstreamProbe(name, partial(composition.probe, account, group), seconds, certificates)


def run(environment: Mapping[str, str], open_probes: OpenProbes = open_probes) -> int:
    """Run all checks and write a line for each result to standard output.

    Args:
        environment: The settings.
        open_probes: Opens the probes.

    Returns:
        The exit code: 0 if everything passed, 2 for invalid settings, otherwise 1.
    """
    # A misspelt name is a problem here; `gateway serve` starts all the same and warns about it.
    problems = [*foreign_packages(packages_distributions()), *_unknown(environment)]
    try:
        settings = load_settings(environment)
    except SettingsProblems as wrong:
        _report([*problems, *wrong.problems, "The upstreams are asked once the settings are right."])
        return _WRONG_SETTINGS
    findings = asyncio.run(_probe_all(settings, open_probes))
    problems += [finding for finding, well in findings if not well]
    lines = [*problems, *(finding for finding, well in findings if well), *_unconfigured(settings)]
    _report(lines)
    return _FAILED if problems else 0


def foreign_packages(distributions_of: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for every other distribution that installs a package with the name of one of the gateway's.

    Args:
        distributions_of: The distributions by package name.
    """
    return [
        f"The package {package!r} is also installed by {foreign!r}, and one overwrites the other: give the gateway an "
        f"environment of its own, or uninstall {foreign!r} and install the gateway again."
        for package in _OUR_PACKAGES
        for foreign in sorted({*distributions_of.get(package, ())} - {OUR_DISTRIBUTION})
    ]


def _unknown(environment: Mapping[str, str]) -> list[str]:
    try:
        return unknown_settings(environment)
    except SettingsProblems:
        return []  # load_settings reports the same unreadable file


def _unconfigured(settings: Settings) -> list[str]:
    names = [upstream.name.lower() for upstream in UpstreamName.known()]
    return [f"{name}: not configured" for name in names if getattr(settings, name, None) is None]


async def _probe_all(settings: Settings, open_probes: OpenProbes) -> list[tuple[str, bool]]:
    async with open_probes(settings) as probes:
        # At once, since each may wait for its whole deadline.
        return await asyncio.gather(*(_probe(probe) for probe in probes))


async def _probe(probe: Probe) -> tuple[str, bool]:
    try:
        await probe.run()
    except Exception as error:  # noqa: BLE001 - one failure must not hide the results of the other probes
        return f"{probe.name}: failed: {error}{_reason(error)}{_advice(probe, error)}{_near_ends(probe)}", False
    return f"{probe.name}: OK{_near_ends(probe)}", True


def _near_ends(probe: Probe) -> str:
    """Return which certificates of an upstream end soon, or have ended."""
    ends = probe.certificates() if isinstance(probe, UpstreamProbe) else ()
    return "".join(
        f" - {_OWNERS[end.side].format(prefix=probe.prefix)} {_end_of(end.ends_at)}"
        for end in ends
        if end.ends_at - time.time() < NEAR_END_SECONDS
    )


def _end_of(ends_at: float) -> str:
    days = int((ends_at - time.time()) // _DAY)
    on = datetime.fromtimestamp(ends_at, UTC).date().isoformat()
    return f"ended on {on}: renew it" if days < 0 else f"ends in {days} days, on {on}: renew it in time"


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, UpstreamError) else None
    return f" More exactly, {reason}." if reason is not None else ""


def _advice(probe: Probe, error: Exception) -> str:
    found = next((advice for kind, advice in _ADVICE if isinstance(error, kind)), "check {prefix}")
    return f" - {found.format(prefix=probe.prefix)}"


def _report(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
