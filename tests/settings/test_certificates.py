"""Client certificates and authorities are checked when settings are read: each problem is one line."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.composition.upstreams import build_upstreams
from gateway.settings import load_settings
from tests.settings.problems import OPEN, complaints
from tests.upstreams.transport.wire.certificates import Authority, Pair

SMS = "GATEWAY_SMS__"
CA, CERTIFICATE, KEY = f"{SMS}CA_FILE", f"{SMS}CLIENT_CERTIFICATE_FILE", f"{SMS}CLIENT_KEY_FILE"
SETTINGS = {
    **OPEN,
    f"{SMS}URLS": "https://sms.example",
    f"{SMS}USERNAME": "ada",
    f"{SMS}PASSWORD": "planted",
}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.issue("gateway")


@pytest.fixture
def settings(authority: Authority, pair: Pair) -> dict[str, str]:
    return {**SETTINGS, CA: str(authority.file), CERTIFICATE: str(pair.certificate), KEY: str(pair.key)}


def test_right_ones_are_taken(settings: dict[str, str], pair: Pair) -> None:
    sms = load_settings(settings).sms

    assert sms is not None
    assert sms.tls.certificate is not None
    assert sms.tls.certificate.path == pair.certificate


@pytest.mark.parametrize("name", [CA, CERTIFICATE, KEY])
def test_a_file_that_is_not_there(settings: dict[str, str], name: str) -> None:
    assert complaints({**settings, name: "/none"}) == {name: "there is no file '/none'"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (CA, "holds no certificates in PEM format"),
        (CERTIFICATE, "holds no certificate in PEM format"),
        (KEY, "holds no private key in PEM format"),
    ],
)
def test_a_file_of_something_else(settings: dict[str, str], tmp_path: Path, name: str, problem: str) -> None:
    other = tmp_path / "other"
    other.write_text("planted nonsense")

    assert complaints({**settings, name: str(other)}) == {name: f"{str(other)!r} {problem}"}


def test_a_folder(settings: dict[str, str], tmp_path: Path) -> None:
    assert complaints({**settings, KEY: str(tmp_path)}) == {KEY: f"{str(tmp_path)!r} cannot be read: Is a directory"}


@pytest.mark.parametrize(("left_out", "beside"), [(KEY, CERTIFICATE), (CERTIFICATE, KEY)])
def test_one_without_the_other(settings: dict[str, str], left_out: str, beside: str) -> None:
    del settings[left_out]

    assert complaints(settings) == {left_out: f"is needed beside {beside}"}


def test_a_key_of_another_certificate(settings: dict[str, str], authority: Authority) -> None:
    other = authority.issue("other").key

    assert complaints({**settings, KEY: str(other)}) == {
        KEY: f"{str(other)!r} is not the key of the certificate in {CERTIFICATE}"
    }


def test_a_key_with_a_password(settings: dict[str, str], pair: Pair, tmp_path: Path) -> None:
    key = load_pem_private_key(pair.key.read_bytes(), None)
    file = tmp_path / "encrypted"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"planted")))

    assert complaints({**settings, KEY: str(file)})[KEY].startswith(f"{str(file)!r} is encrypted")


def test_accounts_have_their_own_and_inherit_the_authority_alone(
    settings: dict[str, str], authority: Authority
) -> None:
    acme = authority.issue("acme")
    prefix = "GATEWAY_ACCOUNTS__ACME__SMS__"
    own = {f"{prefix}USERNAME": "acme", f"{prefix}PASSWORD": "planted"}
    with_certificate = {
        **own,
        f"{prefix}CLIENT_CERTIFICATE_FILE": str(acme.certificate),
        f"{prefix}CLIENT_KEY_FILE": str(acme.key),
    }
    elsewhere = {**own, f"{prefix}URLS": "https://other.example"}

    first, second, third = (
        load_settings({**settings, **more}).accounts["acme"].sms for more in (own, with_certificate, elsewhere)
    )

    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.tls.certificate, first.ca_file is not None) == (None, True)
    assert second.tls.certificate is not None
    assert second.tls.certificate.path == acme.certificate
    assert third.ca_file is None


async def test_the_identity_follows_whom_the_certificate_names_and_not_its_renewal(
    settings: dict[str, str], authority: Authority
) -> None:
    async def identity() -> str:
        built = build_upstreams(load_settings(settings))
        await built.close()
        return built.own.identity

    before = await identity()
    authority.issue("gateway")
    renewed = await identity()
    authority.issue("other", file="gateway")

    assert before == renewed
    assert await identity() != before
