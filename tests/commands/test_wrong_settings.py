"""Invalid settings give one line each and exit code 2, for every command that reads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from gateway.commands import check, serve

OPEN: Final = {"GATEWAY_AUTH__ANONYMOUS": "true"}
DELIVERIES: Final = {"GATEWAY_DELIVERIES__URL": "https://api.example/api/v1", "GATEWAY_DELIVERIES__TOKEN": "t"}
SMS: Final = {
    "GATEWAY_SMS__URLS": "https://api.example/rest/v1",
    "GATEWAY_SMS__USERNAME": "user",
    "GATEWAY_SMS__PASSWORD": "p",
}
LOGISTICS: Final = {
    "GATEWAY_LOGISTICS__URL": "https://api.example",
    "GATEWAY_LOGISTICS__CLIENT_KEY": "c",
    "GATEWAY_LOGISTICS__SECRET_KEY": "s",
    "GATEWAY_LOGISTICS__REFRESH_TOKEN": "r",
    "GATEWAY_LOGISTICS__TOKEN": "t",
}
ACME: Final = "GATEWAY_ACCOUNTS__ACME__"
BLANK_SECRETS: Final = (
    "GATEWAY_DELIVERIES__TOKEN",
    "GATEWAY_SMS__PASSWORD",
    "GATEWAY_LOGISTICS__TOKEN",
    "GATEWAY_LOGISTICS__SECRET_KEY",
    "GATEWAY_LOGISTICS__REFRESH_TOKEN",
    "GATEWAY_REDIS_URL",
    "GATEWAY_SECRET_KEYS",
    "GATEWAY_WEBHOOK_SECRET",
    "GATEWAY_AUTH__API_KEYS__SHOP",
    f"{ACME}DELIVERIES__TOKEN",
    f"{ACME}LOGISTICS__TOKEN",
)
SAME_KEY: Final = "GATEWAY_AUTH__API_KEYS__MOBILE"


@pytest.mark.parametrize(
    ("name", "value", "beside"),
    [
        ("GATEWAY_REDIS_URL", "redis://h/abc", {}),
        ("GATEWAY_REDIS_URL", "redis://h/0?foo=bar", {}),
        ("GATEWAY_REDIS_URL", "redis://h:99999", {}),
        ("GATEWAY_REDIS_URL", "redis://rédis/0", {}),
        ("GATEWAY_PUBLIC_URL", "https://gäteway.example", {}),
        ("GATEWAY_CORS_ORIGINS", "https://äpp.example", {}),
        ("GATEWAY_LOGISTICS__URL", "https://äpi.example", {}),
        ("SSL_CERT_FILE", "/no/such/file", {}),
        ("SSL_CERT_FILE", "/", {}),
        ("SSL_CERT_FILE", "", {}),
        ("SSL_CERT_FILE", __file__, {}),
        ("SSL_CERT_DIR", "/no/such/directory", {}),
        ("GATEWAY_AUTH__API_KEYS__SHOP", "a" * 64, {SAME_KEY: "a" * 64}),
        *((name, blank, {}) for name in BLANK_SECRETS for blank in (" ", "\t")),
        ("GATEWAY_SECRET_KEYS", " , ", {}),
    ],
)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    command: str, name: str, value: str, beside: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**OPEN, **DELIVERIES, **SMS, **LOGISTICS, **beside, name: value}

    code = serve.run(environment) if command == "serve" else check.run(environment)

    written = capsys.readouterr()
    lines = [line for line in (written.out + written.err).splitlines() if not line.startswith("The upstreams are")]
    assert code == 2
    assert [line.partition(": ")[0] for line in lines] == [name]


@pytest.mark.parametrize("command", ["serve", "check"])
def test_certificates_that_may_not_be_read_are_one_line_and_exit_code_2(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "authorities.pem"
    file.touch()

    # The user that runs the tests may be root, who can read every file.
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ssl.create_default_context", refuse)
    environment = {**OPEN, "SSL_CERT_FILE": str(file)}

    code = serve.run(environment) if command == "serve" else check.run(environment)

    written = capsys.readouterr()
    assert code == 2
    assert f"SSL_CERT_FILE: {str(file)!r} may not be read by this user\n" in written.out + written.err
