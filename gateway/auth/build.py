"""Builds the authentication from the settings."""

import time
from collections.abc import Callable

from gateway.auth.authentication import ApiKeys, Authentication, KeyHolders, SessionCallers
from gateway.auth.callers import ANONYMOUS, Caller
from gateway.auth.cookies import Cookies
from gateway.auth.json_web_tokens import JsonWebTokens, JwtCallers, JwtConfig
from gateway.auth.key_set import KeySet, key_set_source
from gateway.composition.upstreams import Upstreams
from gateway.settings.groups import AuthSettings
from resolvers.accounts import scopes_named
from resolvers.upstreams.transport.stack import loop_clock


def build_key_set(settings: AuthSettings) -> KeySet | None:
    """Return the keys of the issuer that the settings name, which are fetched when first needed; None without one."""
    return None if settings.jwks_url is None else KeySet(key_set_source(settings.jwks_url), loop_clock)


def build_key_holders(
    settings: AuthSettings, upstreams: Upstreams, key_set: KeySet | None, now: Callable[[], float] = time.time
) -> KeyHolders:
    """Return the callers with keys and tokens that the settings allow.

    Args:
        settings: The settings of authentication and permissions.
        upstreams: The accounts that callers use.
        key_set: The keys that tokens are signed with.
        now: The wall clock, in seconds since 1970.
    """
    keys = {digest: _key_holder(name, settings, upstreams) for name, digest in settings.api_keys.items()}
    return KeyHolders(ApiKeys(keys), _jwt_callers(settings, upstreams, key_set, now))


def build_authentication(
    settings: AuthSettings,
    upstreams: Upstreams,
    key_holders: KeyHolders,
    cookies: Cookies,
    sessions: SessionCallers | None = None,
) -> Authentication:
    """Return the authentication of the callers that the settings allow.

    Args:
        settings: The settings of authentication and permissions.
        upstreams: The accounts that callers use.
        key_holders: The callers with keys and tokens.
        cookies: Reads the session cookie.
        sessions: Finds the callers of sessions; None if the settings allow no sessions.
    """
    anonymous = Caller(ANONYMOUS, upstreams.own) if settings.anonymous else None
    return Authentication(key_holders, cookies, sessions=sessions, anonymous=anonymous)


def _key_holder(name: str, settings: AuthSettings, upstreams: Upstreams) -> Caller:
    account = upstreams.own
    if name in settings.api_key_account:
        account = upstreams.named[settings.api_key_account[name]]
    if name in settings.api_key_scopes:
        named = scopes_named()
        account = account.limited_to(frozenset(named[scope] for scope in settings.api_key_scopes[name]))
    return Caller(f"key:{name}", account)


def _jwt_callers(
    settings: AuthSettings, upstreams: Upstreams, key_set: KeySet | None, now: Callable[[], float]
) -> JwtCallers | None:
    # The three are set together or not at all, see `gateway/settings/rules.py`.
    if key_set is None or settings.issuer is None or settings.audience is None:
        return None
    tokens = JsonWebTokens(key_set, JwtConfig(settings.issuer, settings.audience, settings.algorithms), now)
    return JwtCallers(tokens, upstreams.own, upstreams.named, settings.account_claim, now)
