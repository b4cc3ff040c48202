from pathlib import Path

import pytest

from gateway.settings import load_settings, unknown_settings
from gateway.settings.problems import ANY_NAME, all_settings, environment_name
from tests.settings.problems import OPEN, complaints

SECRET = "planted-secret"
DELIVERIES = {"GATEWAY_DELIVERIES__URL": "https://api.example/api/v1"}
SECRETS = sorted(environment_name(path) for path, setting in all_settings().items() if setting.is_secret)


def written(directory: Path, content: str) -> str:
    file = directory / "secret"
    file.write_text(content)
    return str(file)


def test_these_are_the_secrets() -> None:
    name = ANY_NAME.upper()
    groups = ("", f"ACCOUNTS__{name}__")
    assert set(SECRETS) == {
        "GATEWAY_REDIS_URL",
        "GATEWAY_SECRET_KEYS",
        "GATEWAY_WEBHOOK_SECRET",
        *(f"GATEWAY_{group}DELIVERIES__{one}" for group in groups for one in ("TOKEN", "PASSWORD")),
        *(f"GATEWAY_{group}SMS__PASSWORD" for group in groups),
        *(f"GATEWAY_{group}LOGISTICS__{one}" for group in groups for one in ("TOKEN", "SECRET_KEY", "REFRESH_TOKEN")),
    }


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_may_be_named_by_its_file(tmp_path: Path, name: str) -> None:
    name = name.replace(ANY_NAME.upper(), "ACME")
    given = {**OPEN, **DELIVERIES, f"{name}_FILE": written(tmp_path, SECRET)}

    assert unknown_settings(given) == []


@pytest.mark.parametrize("content", [SECRET, f"{SECRET}\n", f"  {SECRET}\r\n\n"])
def test_a_secret_is_what_its_file_holds_without_the_blanks_around(tmp_path: Path, content: str) -> None:
    file = written(tmp_path, content)

    settings = load_settings({**OPEN, **DELIVERIES, "GATEWAY_DELIVERIES__TOKEN_FILE": file})

    assert settings.deliveries is not None
    assert settings.deliveries.token is not None
    assert settings.deliveries.token.get_secret_value() == SECRET


def test_an_account_s_secret_may_stand_in_a_file_that_the_toml_file_names(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[accounts.acme.deliveries]\ntoken_file = "{written(tmp_path, SECRET)}"\n')

    settings = load_settings({**OPEN, **DELIVERIES, "GATEWAY_DELIVERIES__TOKEN": "own", "GATEWAY_CONFIG": str(config)})

    account = settings.accounts["acme"].deliveries
    assert account is not None
    assert account.token is not None
    assert account.token.get_secret_value() == SECRET


def test_a_file_that_the_environment_names_wins_over_the_secret_in_the_toml_file(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[deliveries]\ntoken = "older"\n')
    file = written(tmp_path, SECRET)

    settings = load_settings(
        {**OPEN, **DELIVERIES, "GATEWAY_DELIVERIES__TOKEN_FILE": file, "GATEWAY_CONFIG": str(config)}
    )

    assert settings.deliveries is not None
    assert settings.deliveries.token is not None
    assert settings.deliveries.token.get_secret_value() == SECRET


def test_what_is_wrong_with_the_files_is_said_at_once_and_without_the_secret(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe" + SECRET.encode())
    given = {
        "GATEWAY_DELIVERIES__TOKEN_FILE": str(tmp_path / "absent"),
        "GATEWAY_SMS__PASSWORD_FILE": str(binary),
        "GATEWAY_WEBHOOK_SECRET_FILE": written(tmp_path, SECRET),
        "GATEWAY_WEBHOOK_SECRET": SECRET,
    }

    found = complaints(given)

    assert found["GATEWAY_DELIVERIES__TOKEN_FILE"].endswith("cannot be read: No such file or directory")
    assert found["GATEWAY_SMS__PASSWORD_FILE"].endswith("cannot be read: it is no text in UTF-8")
    assert found["GATEWAY_WEBHOOK_SECRET_FILE"] == "set this or GATEWAY_WEBHOOK_SECRET, not both"
    assert SECRET not in str(found)


def test_what_is_wrong_with_a_secret_from_a_file_is_said_of_the_setting(tmp_path: Path) -> None:
    found = complaints({"GATEWAY_REDIS_URL_FILE": written(tmp_path, "mysql://" + SECRET)})

    assert list(found) == ["GATEWAY_REDIS_URL"]
    assert SECRET not in str(found)


def test_a_setting_that_is_no_secret_has_no_file(tmp_path: Path) -> None:
    (line,) = unknown_settings({**OPEN, "GATEWAY_HOST_FILE": written(tmp_path, "127.0.0.1")})

    assert line.startswith("GATEWAY_HOST_FILE: there is no such setting")
