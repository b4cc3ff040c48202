"""Why an issuer's keys cannot be fetched is named for the operator."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.auth.key_set import KeySetUnreadable, key_set_source
from resolvers.upstreams.transport.wire import reasons
from tests.upstreams.transport.wire.certificates import server_context, write_certificate
from tests.upstreams.transport.wire.talking_server import answering, saying, serving

DAY: Final = timedelta(days=1)


@pytest.mark.parametrize(
    ("certificate", "is_trusted", "reason"),
    [
        ({"begins": -2 * DAY, "ends": -DAY}, True, reasons.EXPIRED),
        ({"begins": DAY, "ends": 2 * DAY}, True, reasons.NOT_YET_VALID),
        ({"host": "issuer.example.com"}, True, reasons.OTHER_NAME),
        ({}, False, reasons.UNKNOWN_CA),
    ],
)
async def test_what_is_wrong_with_an_issuers_certificate_is_named(
    certificate: dict[str, Any],
    *,
    is_trusted: bool,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = write_certificate(tmp_path, **certificate)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with serving(answering(b"{}"), server_context(file)) as issuer:
        with pytest.raises(KeySetUnreadable) as failed:
            await key_set_source(issuer.url)()

    assert str(failed.value) == f"{issuer.url} did not answer properly: {reason}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:1/keys", reasons.REFUSED), ("http://nowhere.invalid/keys", reasons.NOT_FOUND)],
)
async def test_what_is_wrong_with_an_issuers_address_is_named(url: str, reason: str) -> None:
    with pytest.raises(KeySetUnreadable) as failed:
        await key_set_source(url)()

    assert str(failed.value) == f"{url} did not answer properly: {reason}"


async def test_an_issuer_that_breaks_off_is_told_by_the_kind_of_error() -> None:
    async with serving(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", then_close=True)) as issuer:
        with pytest.raises(KeySetUnreadable) as failed:
            await key_set_source(issuer.url)()

    assert str(failed.value) == f"{issuer.url} did not answer properly: RemoteProtocolError"
