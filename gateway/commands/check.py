"""Checks an installation: every setting in one go, foreign packages, and one authenticated call per upstream."""

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import packages_distributions
from typing import Final

from gateway.commands.probes import OpenProbes, Probe, open_probes
from gateway.settings import Settings, SettingsProblems, load_settings, unknown_settings
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

OUR_DISTRIBUTION: Final = "graphql-rest-gateway"
_FAILED: Final = 1
_WRONG_SETTINGS: Final = 2
_OUR_PACKAGES: Final = ("gateway", "schema", "resolvers")
_ADVICE: Final[Sequence[tuple[type[GatewayError], str]]] = (
    (UpstreamAuth, "check the credentials in {prefix}__*"),
    (UpstreamRateLimited, "wait a while, or lower {prefix}__RATE_PER_SECOND"),
    (UpstreamTimeout, "check the address in {prefix}__* and the network, or raise {prefix}__TIMEOUT_SECONDS"),
    (UpstreamUnavailable, "check the address in {prefix}__* and that the upstream is up"),
    (UpstreamBadAnswer, "check that the address in {prefix}__* is the API's base URL"),
    (RecordMissing, "check that the address in {prefix}__* is the API's base URL"),
)


def run(environment: Mapping[str, str], open_probes: OpenProbes = open_probes) -> int:
    """Check everything and write a line for each finding to standard output.

    Args:
        environment: The settings.
        open_probes: Makes a probe for each upstream that is configured.

    Returns:
        The exit code: 0 where all is well, 2 where the settings are wrong, else 1.
    """
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
    """Name every installed distribution that has a package of the same name as one of ours.

    Args:
        distributions_of: The distributions by the package that they install.
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
        return []  # load_settings meets the same unreadable file, and says so


def _unconfigured(settings: Settings) -> list[str]:
    upstreams = {"deliveries": settings.deliveries, "sms": settings.sms, "logistics": settings.logistics}
    return [f"{name}: not configured" for name, configured in upstreams.items() if configured is None]


async def _probe_all(settings: Settings, open_probes: OpenProbes) -> list[tuple[str, bool]]:
    async with open_probes(settings) as probes:
        return await asyncio.gather(*(_probe(probe) for probe in probes))


async def _probe(probe: Probe) -> tuple[str, bool]:
    try:
        await probe.run()
    except Exception as error:  # noqa: BLE001 - whatever failed, the other probes' findings are still wanted
        return f"{probe.name}: failed: {error}{_reason(error)}{_advice(probe, error)}", False
    return f"{probe.name}: OK", True


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, UpstreamError) else None
    return f" More exactly, {reason}." if reason is not None else ""


def _advice(probe: Probe, error: Exception) -> str:
    found = next((advice for kind, advice in _ADVICE if isinstance(error, kind)), "check {prefix}")
    return f" - {found.format(prefix=probe.prefix)}"


def _report(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
