"""Rules across settings: settings that need or exclude each other, and the certificate variables of OpenSSL."""

import os
import ssl
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from gateway.operations.documents.persisted import ManifestProblem, read_manifest
from gateway.settings.model import Settings, UpstreamLimits
from gateway.settings.problems import SettingPath, environment_name
from resolvers.upstreams.transport.wire.client_tls import FileAsRead

_JWT_SETTINGS: Final = ("jwks_url", "issuer", "audience")


def broken_rules(settings: Settings, given: AbstractSet[SettingPath]) -> Iterator[tuple[SettingPath, str]]:
    """Yield every violated rule.

    Args:
        settings: The settings that are valid on their own; an invalid one has its default here.
        given: The paths of all given settings, valid or not, so that an invalid value does not count as missing.

    Yields:
        The setting to change, and the problem.
    """
    # By what is given rather than by what is valid: an invalid value is reported already, and not missing.
    yield from _workers(settings, given)
    yield from _callers(settings, given)
    yield from _api_keys(settings, given)
    yield from _credentials(given)
    yield from _manifest(settings)
    yield from _client_certificates(settings, given)
    if settings.sessions.same_site == "none" and not (settings.public_url or "").startswith("https://"):
        yield (
            ("sessions", "same_site"),
            "none needs a GATEWAY_PUBLIC_URL with https: browsers take such cookies only if they are Secure",
        )
    if settings.events.poll_min_seconds > settings.events.poll_max_seconds:
        most = environment_name(("events", "poll_max_seconds"))
        yield ("events", "poll_min_seconds"), f"must be at most {most}, which is {settings.events.poll_max_seconds:g}"


def _workers(settings: Settings, given: AbstractSet[SettingPath]) -> Iterator[tuple[SettingPath, str]]:
    if settings.workers > 1 and ("redis_url",) not in given:
        yield (
            ("workers",),
            (
                f"must be 1 without GATEWAY_REDIS_URL: {settings.workers} processes that share nothing would each poll "
                "the upstreams, and a webhook would reach only one of them"
            ),
        )


def _callers(settings: Settings, given: AbstractSet[SettingPath]) -> Iterator[tuple[SettingPath, str]]:
    jwt = [name for name in _JWT_SETTINGS if ("auth", name) in given]
    if not jwt and not settings.auth.accepts_any_caller and not any(path[:2] == ("auth", "api_keys") for path in given):
        yield (
            ("auth", "anonymous"),
            (
                "nobody could get in: set GATEWAY_AUTH__API_KEYS__<NAME>, or GATEWAY_AUTH__JWKS_URL with __ISSUER and "
                "__AUDIENCE, or set this to true to let everybody in"
            ),
        )
    for name in _JWT_SETTINGS:
        if jwt and name not in jwt:
            others = ", ".join(environment_name(("auth", other)) for other in jwt)
            yield ("auth", name), f"is needed beside {others}: a JWT is checked for key, issuer and audience"


def _api_keys(settings: Settings, given: AbstractSet[SettingPath]) -> Iterator[tuple[SettingPath, str]]:
    # From what is given and not from the model, which lacks a caller whose key is invalid.
    callers = {path[2] for path in given if path[:2] == ("auth", "api_keys")}
    accounts = {path[1] for path in given if path[0] == "accounts"}
    for group in ("api_key_scopes", "api_key_account"):
        for path in sorted(path for path in given if path[:2] == ("auth", group)):
            if path[2] not in callers:
                yield path, f"there is no caller of this name: set {environment_name(('auth', 'api_keys', path[2]))}"
    first_with: dict[str, str] = {}
    for caller, digest in sorted(settings.auth.api_keys.items()):
        other = first_with.setdefault(digest, caller)
        # A caller is found by the key, so that one of the two would never be.
        if other != caller:
            same = environment_name(("auth", "api_keys", other))
            yield ("auth", "api_keys", caller), f"is the same key as {same}: give each caller one of its own"
    for caller, account in settings.auth.api_key_account.items():
        if account not in accounts:
            known = ", ".join(sorted(accounts)) or "none"
            yield ("auth", "api_key_account", caller), f"there is no account {account!r}; the accounts are: {known}"


def _manifest(settings: Settings) -> Iterator[tuple[SettingPath, str]]:
    if settings.trusted_documents is not None:
        try:
            read_manifest(settings.trusted_documents)
        except ManifestProblem as problem:
            yield ("trusted_documents",), str(problem)


def _credentials(given: AbstractSet[SettingPath]) -> Iterator[tuple[SettingPath, str]]:
    for prefix in sorted({_upstream_prefix(path) for path in given} - {()}):
        names = {path[len(prefix)] for path in given if path[: len(prefix)] == prefix}
        match prefix[-1]:
            case "deliveries":
                yield from _deliveries_credentials(prefix, names)
            case "logistics":
                yield from _logistics_credentials(prefix, names)


def _deliveries_credentials(prefix: SettingPath, names: AbstractSet[str]) -> Iterator[tuple[SettingPath, str]]:
    for one, other in (("email", "password"), ("password", "email")):
        if one in names and other not in names:
            yield (*prefix, other), f"is needed beside {environment_name((*prefix, one))} to log in"
    if not names & {"token", "email", "password"}:
        login = f"{environment_name((*prefix, 'email'))} and __PASSWORD"
        yield (*prefix, "token"), f"set this, or {login}: the upstream answers nobody without a login"


def _logistics_credentials(prefix: SettingPath, names: AbstractSet[str]) -> Iterator[tuple[SettingPath, str]]:
    if "refresh_token" in names and "client_key" not in names:
        yield (*prefix, "client_key"), f"is needed beside {environment_name((*prefix, 'refresh_token'))}"
    # With a refresh token it is reported already.
    if "secret_key" in names and "client_key" not in names and "refresh_token" not in names:
        yield (*prefix, "client_key"), f"is needed beside {environment_name((*prefix, 'secret_key'))}"
    if not names & {"token", "refresh_token", "secret_key"}:
        yield (
            (*prefix, "token"),
            (
                "set this, or __CLIENT_KEY and __REFRESH_TOKEN, or __CLIENT_KEY and __SECRET_KEY for callers who log "
                "in with accounts of their own: the upstream answers nobody without a login"
            ),
        )


def _client_certificates(settings: Settings, given: AbstractSet[SettingPath]) -> Iterator[tuple[SettingPath, str]]:
    for prefix, group in _groups(settings):
        names = {path[len(prefix)] for path in given if path[: len(prefix)] == prefix}
        for one, other in (
            ("client_certificate_file", "client_key_file"),
            ("client_key_file", "client_certificate_file"),
        ):
            if one in names and other not in names:
                yield (*prefix, other), f"is needed beside {environment_name((*prefix, one))}"
        if group.ca_file is not None and (problem := _authorities_problem(group.ca_file)):
            yield (*prefix, "ca_file"), problem
        if group.client_certificate_file is not None and group.client_key_file is not None:
            yield from _pair_problems(prefix, group.client_certificate_file, group.client_key_file)


def _groups(settings: Settings) -> Iterator[tuple[SettingPath, UpstreamLimits]]:
    accounts = [((), settings), *((("accounts", name), account) for name, account in settings.accounts.items())]
    for prefix, account in accounts:
        for name in ("deliveries", "sms", "logistics"):
            group = getattr(account, name)
            if group is not None:
                yield (*prefix, name), group


def _authorities_problem(file: FileAsRead) -> str | None:
    try:
        ssl.create_default_context(cafile=file)
    except (ssl.SSLError, OSError):
        return f"{file!r} holds no certificates in PEM format"
    return None


def _pair_problems(prefix: SettingPath, certificate: FileAsRead, key: FileAsRead) -> Iterator[tuple[SettingPath, str]]:
    """Yield the problems of a client certificate and its key, by both before the two together."""
    problems = {
        (*prefix, "client_certificate_file"): _certificate_problem(certificate),
        (*prefix, "client_key_file"): _key_problem(key),
    }
    if not any(problems.values()):
        try:
            # An empty password, because without one OpenSSL may ask for it at the terminal.
            ssl.create_default_context().load_cert_chain(certificate, key, password="")
        except ssl.SSLError as error:
            beside = environment_name((*prefix, "client_certificate_file"))
            is_other = error.reason == "KEY_VALUES_MISMATCH"
            reason = f"is not the key of the certificate in {beside}" if is_other else f"is refused: {error.reason}"
            problems[*prefix, "client_key_file"] = f"{key!r} {reason}"
    yield from ((path, problem) for path, problem in problems.items() if problem is not None)


def _certificate_problem(file: FileAsRead) -> str | None:
    try:
        load_pem_x509_certificates(file.path.read_bytes())
    except (OSError, ValueError):
        return f"{file!r} holds no certificate in PEM format"
    return None


def _key_problem(file: FileAsRead) -> str | None:
    try:
        load_pem_private_key(file.path.read_bytes(), None)
    except TypeError:
        return f"{file!r} is encrypted, and there is nobody to ask for its password: store it without one"
    except (OSError, ValueError, UnsupportedAlgorithm):
        return f"{file!r} holds no private key in PEM format"
    return None


def _upstream_prefix(path: SettingPath) -> SettingPath:
    depth = 3 if path[0] == "accounts" else 1
    # Not of the SMS API, whose login the model itself requires.
    return path[:depth] if len(path) > depth and path[depth - 1] in ("deliveries", "logistics") else ()


def certificate_problems(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the problems of `SSL_CERT_FILE` and `SSL_CERT_DIR`, if they are set."""
    # OpenSSL silently ignores a file that it cannot read, and then trusts no authority, so every upstream call fails.
    file = environment.get("SSL_CERT_FILE")
    if file is not None and (problem := _file_problem(file)):
        yield f"SSL_CERT_FILE: {problem}"
    for directory in (environment.get("SSL_CERT_DIR") or "").split(os.pathsep):
        if directory and not Path(directory).is_dir():
            yield f"SSL_CERT_DIR: there is no directory {directory!r}; unset it to trust the system's authorities"


def _file_problem(file: str) -> str | None:
    if not Path(file).is_file():
        return f"there is no file {file!r}; unset it to trust the system's authorities"
    try:
        ssl.create_default_context(cafile=file)
    except PermissionError:
        return f"{file!r} may not be read by this user"
    except (ssl.SSLError, OSError):
        return f"{file!r} holds no certificates in PEM format"
    return None
