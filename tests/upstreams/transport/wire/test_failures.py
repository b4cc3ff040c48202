"""Why there is no connection is named for the operator, and never to a client."""

import asyncio
import logging
from pathlib import Path
from typing import Final

import pytest

from resolvers.errors import UpstreamError, UpstreamUnavailable
from resolvers.upstreams.call import Method
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.tracing import SILENT_SECONDS, FailureLog
from resolvers.upstreams.transport.wire import failures
from resolvers.upstreams.transport.wire.wire import Wire
from tests.upstreams.transport.wire.certificates import write_certificate
from tests.upstreams.transport.wire.talking_server import Talk, accepting, call_to, saying
from tests.upstreams.transport.wire.wrong_tls import CERTIFICATES, encrypted

HANDSHAKE_FAILURE: Final = b"\x15\x03\x03\x00\x02\x02\x28"


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(-1)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("reason", CERTIFICATES)
async def test_what_is_wrong_with_a_certificate_is_named(
    wire: Wire, reason: str, method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path, **CERTIFICATES[reason])
    if reason != failures.UNKNOWN_CA:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with encrypted(reason, certificate) as url:
        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call_to(url, method=method))

    assert failed.value.reason == reason
    assert reason not in failed.value.message
    assert failed.value.outcome_unknown == (method == "POST" and reason == failures.WANTS_CERTIFICATE)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), failures.NO_TLS),
        (saying(HANDSHAKE_FAILURE), failures.NO_COMMON_TLS),
        (say_nothing, failures.NO_ANSWER),
    ],
)
async def test_what_is_wrong_with_tls_is_named(wire: Wire, talk: Talk, reason: str) -> None:
    async with accepting(talk) as address:
        with pytest.raises(UpstreamError) as failed:
            await wire.send(call_to(f"https://{address}/", timeout=0.1 if talk is say_nothing else 5.0))

    assert failed.value.reason == reason


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", failures.REFUSED),
        ("https://127.0.0.1:1/", failures.REFUSED),
        ("http://nowhere.invalid/", failures.NOT_FOUND),
        ("http://.invalid/", failures.NOT_FOUND),
    ],
)
async def test_what_is_wrong_with_an_address_is_named(wire: Wire, url: str, reason: str) -> None:
    with pytest.raises(UpstreamUnavailable) as failed:
        await wire.send(call_to(url))

    assert failed.value.reason == reason


def failure(reason: str | None) -> UpstreamError:
    error = UpstreamUnavailable(UpstreamName.SMS, "It is away.")
    error.reason = reason
    return error


def test_each_reason_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    log = FailureLog("SMS:https://sms.example.com", lambda: now)

    with caplog.at_level(logging.WARNING):
        for reason in (failures.REFUSED, failures.REFUSED, None, failures.EXPIRED):
            log.note(failure(reason))
        now = SILENT_SECONDS + 1
        log.note(failure(failures.REFUSED))

    assert caplog.messages == [
        f"SMS:https://sms.example.com cannot be reached: {failures.REFUSED}",
        f"SMS:https://sms.example.com cannot be reached: {failures.EXPIRED}",
        (
            f"SMS:https://sms.example.com cannot be reached: {failures.REFUSED} "
            "(calls that met this since the last such line: 1)"
        ),
    ]


def test_a_white_box_reasons_that_are_not_met_again_are_not_kept_for_ever() -> None:
    log = FailureLog("SMS:https://sms.example.com", lambda: 0.0)

    for number in range(1000):
        log.note(failure(f"reason {number}"))
        log.note(failure(f"reason {number}"))

    assert len(log._more) <= 100
