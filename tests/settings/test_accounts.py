from gateway.settings import load_settings
from tests.settings.problems import OPEN, complaints

OWN = {
    **OPEN,
    "GATEWAY_DELIVERIES__URL": "https://api.example/api/v1",
    "GATEWAY_DELIVERIES__EMAIL": "own@example.com",
    "GATEWAY_DELIVERIES__PASSWORD": "own password",
    "GATEWAY_DELIVERIES__TOKEN_URL": "https://id.example/token",
    "GATEWAY_DELIVERIES__CONCURRENCY": "7",
    "GATEWAY_SMS__URLS": "https://one.example/rest/v1",
    "GATEWAY_SMS__USERNAME": "own",
    "GATEWAY_SMS__PASSWORD": "own",
}


def test_an_account_has_the_gateways_addresses_and_limits_and_its_own_credentials() -> None:
    account = load_settings({**OWN, "GATEWAY_ACCOUNTS__ACME__DELIVERIES__TOKEN": "theirs"}).accounts["acme"]

    assert account.deliveries is not None
    assert account.deliveries.url == "https://api.example/api/v1"
    assert account.deliveries.concurrency == 7
    assert account.deliveries.token is not None
    assert account.deliveries.token.get_secret_value() == "theirs"
    assert (account.deliveries.email, account.deliveries.password) == (None, None)


def test_an_upstream_of_which_an_account_has_nothing_is_unconfigured_for_it() -> None:
    account = load_settings({**OWN, "GATEWAY_ACCOUNTS__ACME__DELIVERIES__TOKEN": "theirs"}).accounts["acme"]

    assert account.sms is None


def test_an_account_with_an_address_of_its_own_does_not_log_in_at_the_gateways() -> None:
    account = load_settings(
        {
            **OWN,
            "GATEWAY_ACCOUNTS__ACME__DELIVERIES__URL": "https://acme.example/api/v1",
            "GATEWAY_ACCOUNTS__ACME__DELIVERIES__EMAIL": "theirs@example.com",
            "GATEWAY_ACCOUNTS__ACME__DELIVERIES__PASSWORD": "theirs",
        }
    ).accounts["acme"]

    assert account.deliveries is not None
    assert account.deliveries.login_url == "https://acme.example/oauth/token"


def test_an_account_without_credentials_is_no_account() -> None:
    found = complaints({**OWN, "GATEWAY_ACCOUNTS__ACME__DELIVERIES__CONCURRENCY": "2"})

    assert sorted(found) == ["GATEWAY_ACCOUNTS__ACME__DELIVERIES__TOKEN"]


def test_a_mistake_in_what_accounts_take_over_is_named_once() -> None:
    found = complaints(
        {**OWN, "GATEWAY_DELIVERIES__CONCURRENCY": "many", "GATEWAY_ACCOUNTS__ACME__DELIVERIES__TOKEN": "theirs"}
    )

    assert sorted(found) == ["GATEWAY_DELIVERIES__CONCURRENCY"]


def test_a_caller_and_its_account_are_found_in_any_case() -> None:
    settings = load_settings(
        {
            **OWN,
            "GATEWAY_AUTH__API_KEYS__MOBILE": "AB" * 32,
            "GATEWAY_AUTH__API_KEY_ACCOUNT__Mobile": "Acme",
            "GATEWAY_AUTH__API_KEY_SCOPES__MOBILE": "sms:read, deliveries:write",
            "GATEWAY_ACCOUNTS__ACME__DELIVERIES__TOKEN": "theirs",
        }
    )

    assert settings.auth.api_keys == {"mobile": "ab" * 32}
    assert settings.auth.api_key_account == {"mobile": "acme"}
    assert settings.auth.api_key_scopes == {"mobile": ("sms:read", "deliveries:write")}
