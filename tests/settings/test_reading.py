from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.settings import load_settings
from tests.settings.problems import OPEN, complaints


def test_an_upstream_of_which_nothing_is_set_is_unconfigured() -> None:
    settings = load_settings(OPEN)

    assert (settings.deliveries, settings.sms, settings.logistics) == (None, None, None)


def test_nested_names_lead_into_groups_in_any_case() -> None:
    settings = load_settings({**OPEN, "GATEWAY_CACHE__TTL_FINAL": "7", "gateway_events__Poll_Min_Seconds": "0.5"})

    assert settings.cache.ttl_final == 7
    assert settings.events.poll_min_seconds == 0.5


def test_comma_lists_lose_their_spaces_and_gaps() -> None:
    settings = load_settings(
        {
            **OPEN,
            "GATEWAY_SMS__URLS": " https://one.example/rest/v1 ,, https://two.example/rest/v1/ ,",
            "GATEWAY_SMS__USERNAME": "user",
            "GATEWAY_SMS__PASSWORD": "password",
            "GATEWAY_WEBHOOK_ALLOW": "10.0.0.7/8, ::1",
            "GATEWAY_CORS_ORIGINS": "https://App.example, http://localhost:3000",
        }
    )

    assert settings.sms is not None
    assert settings.sms.urls == ("https://one.example/rest/v1", "https://two.example/rest/v1")
    assert settings.webhook_allow == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert settings.cors_origins == ("https://app.example", "http://localhost:3000")


def test_jobs_are_posted_to_the_primary_data_centre_unless_told() -> None:
    sms = {
        "GATEWAY_SMS__URLS": "https://one/v1,https://two/v1",
        "GATEWAY_SMS__USERNAME": "u",
        "GATEWAY_SMS__PASSWORD": "p",
    }

    by_default = load_settings({**OPEN, **sms}).sms
    as_told = load_settings({**OPEN, **sms, "GATEWAY_SMS__SEND_URL": "https://send/v1"}).sms

    assert by_default is not None
    assert by_default.posting_url == "https://one/v1"
    assert as_told is not None
    assert as_told.posting_url == "https://send/v1"


def test_logins_go_to_the_host_of_the_base_url_unless_told() -> None:
    login = {
        "GATEWAY_DELIVERIES__URL": "https://api.example:8443/deep/api/v1",
        "GATEWAY_DELIVERIES__EMAIL": "a@example.com",
        "GATEWAY_DELIVERIES__PASSWORD": "p",
    }

    by_default = load_settings({**OPEN, **login}).deliveries
    as_told = load_settings({**OPEN, **login, "GATEWAY_DELIVERIES__TOKEN_URL": "https://id.example/token"}).deliveries

    assert by_default is not None
    assert by_default.login_url == "https://api.example:8443/oauth/token"
    assert as_told is not None
    assert as_told.login_url == "https://id.example/token"


def test_one_path_of_the_logistics_api_can_be_set_and_leaves_the_others() -> None:
    settings = load_settings(
        {
            **OPEN,
            "GATEWAY_LOGISTICS__URL": "https://api.example",
            "GATEWAY_LOGISTICS__TOKEN": "t",
            "GATEWAY_LOGISTICS__PATHS__TASK_DETAIL": "/v2/tasks/{task_id}",
        }
    )

    assert settings.logistics is not None
    assert settings.logistics.paths.task_detail == "/v2/tasks/{task_id}"
    assert settings.logistics.paths.price == "/price"


def test_a_variable_that_is_set_to_nothing_counts_as_not_set() -> None:
    settings = load_settings({**OPEN, "GATEWAY_REDIS_URL": "", "GATEWAY_DELIVERIES__TOKEN": ""})

    assert settings.redis_url is None
    assert settings.deliveries is None


def test_the_file_holds_the_same_settings_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        'port = 9000\ngrace_seconds = 3\ncors_origins = ["https://one.example", "https://two.example"]\n'
        '[auth]\nanonymous = true\n[auth.api_keys]\nMobile = "' + "a" * 64 + '"\n'
    )

    settings = load_settings({"GATEWAY_CONFIG": str(file), "GATEWAY_PORT": "9001"})

    assert (settings.port, settings.grace_seconds, settings.auth.anonymous) == (9001, 3, True)
    assert settings.cors_origins == ("https://one.example", "https://two.example")
    assert settings.auth.api_keys == {"mobile": "a" * 64}


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("port = 9000\n", encoding="utf-8-sig")

    assert load_settings({**OPEN, "GATEWAY_CONFIG": str(file)}).port == 9000


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "there is no file"), ("port = ", "cannot be read"), ('port = "x"', "")],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, complaint: str) -> None:
    file = tmp_path / "gateway.toml"
    if content is not None:
        file.write_text(content)

    found = complaints({"GATEWAY_CONFIG": str(file)})

    if complaint:
        assert complaint in found["GATEWAY_CONFIG"]
        assert str(file) in found["GATEWAY_CONFIG"]
    else:
        assert found == {"GATEWAY_PORT": "must be a whole number, not 'x'"}


def test_trusted_documents_switch_introspection_and_ide_off(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"names": "{ upstreams { name } }"}')

    plain = load_settings(OPEN)
    trusted = load_settings({**OPEN, "GATEWAY_TRUSTED_DOCUMENTS": str(manifest), "GATEWAY_IDE": "true"})

    assert (plain.answers_introspection, plain.serves_ide) == (True, True)
    assert (trusted.answers_introspection, trusted.serves_ide) == (False, False)
