import json
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.settings import load_settings, unknown_settings
from tests.settings.problems import OPEN, complaints
from tests.upstreams.transport.wire.certificates import write_certificate

SECRET = "plantedSecret42"
DELIVERIES = {"GATEWAY_DELIVERIES__URL": "https://api.example/api/v1"}
LOGISTICS = {"GATEWAY_LOGISTICS__URL": "https://api.example"}


def test_everything_that_is_wrong_is_named_in_one_go() -> None:
    found = complaints(
        {
            "GATEWAY_AUTH__ANONYMOUS": "false",
            "GATEWAY_PORT": "tcp://10.0.0.1:80",
            "GATEWAY_WORKERS": "2",
            "GATEWAY_DELIVERIES__EMAIL": "a@example.com",
            "GATEWAY_SMS__URLS": "https://one.example/rest/v1,two",
            "GATEWAY_LOGISTICS__URL": "https://api.example",
            "GATEWAY_LOGISTICS__PATHS__PRICE": "price",
            "GATEWAY_LOGISTICS__PATHS__CANCEL_TASK": "/cancel",
            "GATEWAY_CACHE__ENABLED": "perhaps",
            "GATEWAY_LOG__FORMAT": "xml",
        }
    )

    assert sorted(found) == [
        "GATEWAY_AUTH__ANONYMOUS",
        "GATEWAY_CACHE__ENABLED",
        "GATEWAY_DELIVERIES__PASSWORD",
        "GATEWAY_DELIVERIES__URL",
        "GATEWAY_LOGISTICS__PATHS",
        "GATEWAY_LOGISTICS__TOKEN",
        "GATEWAY_LOG__FORMAT",
        "GATEWAY_PORT",
        "GATEWAY_SMS__PASSWORD",
        "GATEWAY_SMS__URLS",
        "GATEWAY_SMS__USERNAME",
        "GATEWAY_WORKERS",
    ]
    assert "operation price" in found["GATEWAY_LOGISTICS__PATHS"]
    assert "operation cancel_task" in found["GATEWAY_LOGISTICS__PATHS"]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("GATEWAY_PORT", "70000", "must be at most 65535, not 70000"),
        ("GATEWAY_WORKERS", "0", "must be at least 1, not 0"),
        ("GATEWAY_CACHE__MAX_BYTES", "1000000", "must be at least 1048576, not 1000000"),
        ("GATEWAY_DEADLINE_SECONDS", "0", "must be more than 0, not 0"),
        ("GATEWAY_DEADLINE_SECONDS", "inf", "must be a finite number, not 'inf'"),
        ("GATEWAY_DEADLINE_SECONDS", "soon", "must be a number, not 'soon'"),
        ("GATEWAY_IDE", "perhaps", "must be true or false, not 'perhaps'"),
        ("GATEWAY_LOG__LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error', not 'loud'"),
        ("GATEWAY_AUTH__ALGORITHMS", "HS256", "must be 'RS256'"),
        ("GATEWAY_HOST", "my host", "must be an address of this machine"),
        ("GATEWAY_CORS_ORIGINS", "*", "must name each origin"),
        ("GATEWAY_CORS_ORIGINS", "https://app.example/path", "without a path"),
        ("GATEWAY_CORS_ORIGINS", "https://*.example", "list each origin"),
        ("GATEWAY_CORS_ORIGINS", "https://app.example:*", "list each origin"),
        ("GATEWAY_CORS_ORIGINS", "null", "is no origin"),
        ("GATEWAY_CORS_HEADERS", "x-a, b c", "must hold names of headers"),
        ("GATEWAY_SESSIONS__SAME_SITE", "none", "none needs a GATEWAY_PUBLIC_URL with https"),
        ("GATEWAY_SESSIONS__SAME_SITE", "off", "must be 'lax', 'strict' or 'none', not 'off'"),
        ("GATEWAY_WEBHOOK_ALLOW", "10.0.0.0/33", "must hold addresses or networks"),
        ("GATEWAY_WEBHOOK_SECRET", "a/b", "is a part of a path"),
        ("GATEWAY_TRUSTED_DOCUMENTS", "/no/such/manifest", "there is no file '/no/such/manifest'"),
        ("GATEWAY_REDIS_URL", "localhost:6379", "must be a URL such as redis://"),
        ("GATEWAY_SECRET_KEYS", "a" * 32 + ",short", "at least 32 characters"),
        ("GATEWAY_PUBLIC_URL", "gateway.example", "must be an absolute URL"),
        ("GATEWAY_PUBLIC_URL", "ftp://gateway.example", "must be an absolute URL"),
        ("GATEWAY_PUBLIC_URL", "https://user:password@gateway.example", "must hold no user and password"),
        ("GATEWAY_PUBLIC_URL", "https://gateway.example/?a=b", "must be a URL without ?"),
        ("GATEWAY_AUTH__API_KEYS__MOBILE", "the-key-itself", "must be the SHA-256 of the key"),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(name: str, value: str, complaint: str) -> None:
    found = complaints({name: value})

    assert complaint in found[name]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("environment", "name", "complaint"),
    [
        ({"GATEWAY_WORKERS": "4"}, "GATEWAY_WORKERS", "must be 1 without GATEWAY_REDIS_URL"),
        (DELIVERIES, "GATEWAY_DELIVERIES__TOKEN", "set this, or GATEWAY_DELIVERIES__EMAIL and __PASSWORD"),
        ({**DELIVERIES, "GATEWAY_DELIVERIES__PASSWORD": "p"}, "GATEWAY_DELIVERIES__EMAIL", "to log in"),
        ({"GATEWAY_DELIVERIES__TOKEN": "t"}, "GATEWAY_DELIVERIES__URL", "is not set"),
        (LOGISTICS, "GATEWAY_LOGISTICS__TOKEN", "set this"),
        ({**LOGISTICS, "GATEWAY_LOGISTICS__REFRESH_TOKEN": "t"}, "GATEWAY_LOGISTICS__CLIENT_KEY", "is needed beside"),
        ({**LOGISTICS, "GATEWAY_LOGISTICS__SECRET_KEY": "s"}, "GATEWAY_LOGISTICS__CLIENT_KEY", "is needed beside"),
        ({"GATEWAY_AUTH__ANONYMOUS": "false"}, "GATEWAY_AUTH__ANONYMOUS", "nobody could get in"),
        ({"GATEWAY_AUTH__API_KEY_SCOPES__MOBILE": "sms:read"}, "GATEWAY_AUTH__API_KEY_SCOPES__MOBILE", "no caller"),
        (
            {"GATEWAY_AUTH__API_KEYS__MOBILE": "a" * 64, "GATEWAY_AUTH__API_KEY_SCOPES__MOBILE": "sms:all"},
            "GATEWAY_AUTH__API_KEY_SCOPES__MOBILE",
            "'sms:all' is no scope",
        ),
        (
            {"GATEWAY_AUTH__API_KEYS__MOBILE": "a" * 64, "GATEWAY_AUTH__API_KEY_ACCOUNT__MOBILE": "acme"},
            "GATEWAY_AUTH__API_KEY_ACCOUNT__MOBILE",
            "there is no account 'acme'",
        ),
        ({"GATEWAY_EVENTS__POLL_MIN_SECONDS": "61"}, "GATEWAY_EVENTS__POLL_MIN_SECONDS", "must be at most"),
    ],
)
def test_settings_that_do_not_go_together_are_told_why(environment: dict[str, str], name: str, complaint: str) -> None:
    found = complaints(environment)

    assert complaint in found[name]
    assert len(found) == 1


WRONG_URLS = [
    ("ftp://api.example/v1", "must be an absolute URL"),
    ("api.example/v1", "must be an absolute URL"),
    ("//api.example/v1", "must be an absolute URL"),
    ("https://", "must be an absolute URL"),
    ("https://api.example:99999/v1", "must be an absolute URL"),
    ("https://[::1/v1", "must be an absolute URL"),
    ("https://api.example/v1?key=x", "must be a URL without ?"),
    ("https://user:password@api.example/v1", "must hold no user and password"),
    ("https://höst.example/v1", "must be a URL of ASCII characters"),
    ("https://api.example/ünits", "must be a URL of ASCII characters"),
]
COMPLETE = {
    "GATEWAY_DELIVERIES__URL": "https://api.example/api/v1",
    "GATEWAY_DELIVERIES__TOKEN": "t",
    "GATEWAY_SMS__URLS": "https://api.example/rest/v1",
    "GATEWAY_SMS__USERNAME": "user",
    "GATEWAY_SMS__PASSWORD": "p",
    "GATEWAY_LOGISTICS__URL": "https://api.example",
    "GATEWAY_LOGISTICS__TOKEN": "t",
}


@pytest.mark.parametrize(("value", "complaint"), WRONG_URLS)
@pytest.mark.parametrize("name", ["GATEWAY_DELIVERIES__URL", "GATEWAY_SMS__URLS", "GATEWAY_LOGISTICS__URL"])
def test_a_needed_setting_that_is_wrong_is_told_as_wrong_and_not_as_missing(
    name: str, value: str, complaint: str
) -> None:
    found = complaints({**COMPLETE, name: value})

    assert list(found) == [name]
    assert complaint in found[name]


@pytest.mark.parametrize("digest", ["a" * 64, "A" * 64])
def test_callers_with_one_key_are_refused(digest: str) -> None:
    found = complaints({"GATEWAY_AUTH__API_KEYS__MOBILE": "a" * 64, "GATEWAY_AUTH__API_KEYS__SHOP": digest})

    assert found == {
        "GATEWAY_AUTH__API_KEYS__SHOP": "is the same key as GATEWAY_AUTH__API_KEYS__MOBILE: give each caller one of "
        "its own"
    }


def test_the_digest_of_an_empty_key_is_refused() -> None:
    name, digest = "GATEWAY_AUTH__API_KEYS__MOBILE", sha256(b"").hexdigest()

    assert "is the SHA-256 of nothing" in complaints({name: digest})[name]


def test_a_login_id_with_a_colon_is_refused() -> None:
    found = complaints({**COMPLETE, "GATEWAY_SMS__USERNAME": "user:other"})

    assert "must hold no colon" in found["GATEWAY_SMS__USERNAME"]


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("deliveries", "token"),
        ("deliveries", "email"),
        ("deliveries", "password"),
        ("sms", "username"),
        ("sms", "password"),
        ("logistics", "token"),
        ("logistics", "client_key"),
        ("logistics", "secret_key"),
        ("logistics", "refresh_token"),
        ("auth", "issuer"),
        ("auth", "audience"),
        ("auth", "account_claim"),
        ("sessions", "database"),
    ],
)
@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_a_blank_in_the_file_is_refused(tmp_path: Path, group: str, key: str, blank: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"[{group}]\n{key} = {json.dumps(blank)}\n")

    found = complaints({"GATEWAY_CONFIG": str(file)})

    assert "must not be blank" in found[f"GATEWAY_{group}__{key}".upper()]


def test_a_jwt_needs_key_issuer_and_audience_together() -> None:
    found = complaints({"GATEWAY_AUTH__ANONYMOUS": "false", "GATEWAY_AUTH__JWKS_URL": "https://id.example/keys"})

    assert sorted(found) == ["GATEWAY_AUTH__AUDIENCE", "GATEWAY_AUTH__ISSUER"]


def test_a_wrong_key_counts_as_a_way_to_get_in_that_is_wrong_and_not_as_none() -> None:
    found = complaints({"GATEWAY_AUTH__ANONYMOUS": "false", "GATEWAY_AUTH__API_KEYS__MOBILE": "the-key-itself"})

    assert sorted(found) == ["GATEWAY_AUTH__API_KEYS__MOBILE"]


@pytest.mark.parametrize(
    "name",
    [
        "GATEWAY_DELIVERIES__TOKEN",
        "GATEWAY_LOGISTICS__SECRET_KEY",
        "GATEWAY_REDIS_URL",
        "GATEWAY_SECRET_KEYS",
        "GATEWAY_WEBHOOK_SECRET",
        "GATEWAY_AUTH__API_KEYS__MOBILE",
        "GATEWAY_PUBLIC_URL",
    ],
)
def test_a_wrong_secret_is_not_repeated(name: str) -> None:
    wrong = f"https://user:{SECRET}\n/@x" if name.endswith("URL") else f"{SECRET}\n/x"

    found = complaints({name: wrong})

    assert name in found
    assert SECRET not in str(found)


def test_secrets_are_not_in_the_repr() -> None:
    settings = load_settings(
        {
            **OPEN,
            "GATEWAY_REDIS_URL": f"redis://:{SECRET}@localhost/0",
            "GATEWAY_SECRET_KEYS": SECRET * 3,
            "GATEWAY_WEBHOOK_SECRET": SECRET,
            "GATEWAY_DELIVERIES__URL": "https://api.example/api/v1",
            "GATEWAY_DELIVERIES__TOKEN": SECRET,
            "GATEWAY_ACCOUNTS__ACME__DELIVERIES__PASSWORD": SECRET,
            "GATEWAY_ACCOUNTS__ACME__DELIVERIES__EMAIL": "a@example.com",
            "GATEWAY_LOGISTICS__URL": "https://api.example",
            "GATEWAY_LOGISTICS__CLIENT_KEY": "client",
            "GATEWAY_LOGISTICS__SECRET_KEY": SECRET,
            "GATEWAY_LOGISTICS__REFRESH_TOKEN": SECRET,
            "GATEWAY_SMS__URLS": "https://api.example",
            "GATEWAY_SMS__USERNAME": "user",
            "GATEWAY_SMS__PASSWORD": SECRET,
            "GATEWAY_AUTH__API_KEYS__MOBILE": "ab" * 32,
        }
    )

    assert SECRET not in repr(settings)
    assert "ab" * 32 not in repr(settings)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("GATEWAY_DELIVERIES_URL", "GATEWAY_DELIVERIES__URL"),
        ("GATEWAY_DELIVERIES__TOKN", "GATEWAY_DELIVERIES__TOKEN"),
        ("GATEWAY_ACCOUNTS__ACME__SMS__USER_NAME", "GATEWAY_ACCOUNTS__ACME__SMS__USERNAME"),
        ("GATEWAY_AUTH__API_KEY__MOBILE", "GATEWAY_AUTH__API_KEYS__MOBILE"),
        ("GATEWAY_LOGISTICS__PATHS__PRICES", "GATEWAY_LOGISTICS__PATHS__PRICE"),
        ("GATEWAY_REDIS", "GATEWAY_REDIS_URL"),
        ("GATEWAY_CONFG", "GATEWAY_CONFIG"),
    ],
)
def test_a_typo_is_noticed_and_the_nearest_setting_named(typo: str, meant: str) -> None:
    assert unknown_settings({typo: "x"}) == [f"{typo}: there is no such setting; did you mean {meant}?"]


def test_a_name_like_no_setting_is_noticed_without_a_guess() -> None:
    assert unknown_settings({"GATEWAY_FOO": "x"}) == ["GATEWAY_FOO: there is no such setting"]


def test_unknown_names_do_not_keep_the_settings_from_being_loaded() -> None:
    settings = load_settings({**OPEN, "GATEWAY_PRT": "1", "GATEWAY_PORT__X": "1"})

    assert settings.port == 8000


def test_other_programs_variables_are_none_of_ours() -> None:
    assert unknown_settings({"GATE": "x", "HOME": "/", "GATEWAYS__X": "1"}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_PUBLIC_URL", "https://gäteway.example"),
        ("GATEWAY_AUTH__JWKS_URL", "https://issuer.example/schlüssel"),
        ("GATEWAY_DELIVERIES__TOKEN_URL", "https://api.example/öauth"),
        ("GATEWAY_SMS__SEND_URL", "https://sms.exämple"),
        ("GATEWAY_LOGISTICS__AUTHORIZE_URL", "https://app.example/öauth2"),
        ("GATEWAY_CORS_ORIGINS", "https://äpp.example"),
        ("GATEWAY_REDIS_URL", "redis://rédis:6379/0"),
        ("GATEWAY_LOGISTICS__PATHS__CREATE_TASKS", "/täsks"),
    ],
)
def test_a_url_with_other_characters_than_ascii_is_refused(name: str, value: str) -> None:
    assert name.replace("__CREATE_TASKS", "") in str(complaints({**COMPLETE, name: value}))


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_refused(name: str, tmp_path: Path) -> None:
    assert "there is no" in complaints({**COMPLETE, name: str(tmp_path / "missing")})[name]


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_file_without_certificates_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    file.write_text(content)

    assert "holds no certificates in PEM format" in str(complaints({**COMPLETE, "SSL_CERT_FILE": str(file)}))


def test_certificates_that_are_there_are_taken(tmp_path: Path) -> None:
    environment = {**COMPLETE, "SSL_CERT_FILE": str(write_certificate(tmp_path)), "SSL_CERT_DIR": str(tmp_path)}

    assert load_settings({**OPEN, **environment}).deliveries is not None
