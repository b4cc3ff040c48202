"""Load the settings: read the environment and the TOML file, complete accounts, validate, and report all problems.

Theory of operation: values are kept flat, by their path in the model, so that every problem can name its setting.
Validation is repeated without the invalid values until the rest is valid; then the rules across settings are checked.
So one invalid value hides no other, and all problems are reported together.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.model import Settings
from gateway.settings.problems import (
    CONFIG_NAME,
    EXPLAIN_KEY,
    PREFIX,
    SettingPath,
    SettingsProblems,
    describe,
    environment_name,
    find_setting,
    nearest_name,
    setting_path,
)
from gateway.settings.rules import broken_rules, certificate_problems

UPSTREAMS: Final = ("deliveries", "sms", "logistics")
# An account must not use the gateway's credentials, nor mix its own address with addresses of the gateway.
_CERTIFICATE: Final = frozenset({"client_certificate_file", "client_key_file"})
CREDENTIALS: Final[Mapping[str, frozenset[str]]] = {
    "deliveries": frozenset({"token", "email", "password"}) | _CERTIFICATE,
    "sms": frozenset({"username", "password"}) | _CERTIFICATE,
    "logistics": frozenset({"token", "client_key", "secret_key", "refresh_token"}) | _CERTIFICATE,
}
AUTHORITIES: Final = "ca_file"
_ADDRESSES: Final = frozenset({"url", "urls", "token_url", "send_url", "authorize_url", AUTHORITIES})

FILE_SUFFIX: Final = "_file"
"""The suffix of a secret's name if the value is the name of the file that holds it."""

Values = dict[SettingPath, Any]


def read_values(environment: Mapping[str, str]) -> Values:
    """Return the given values by their path in the model; the environment takes precedence over the file.

    Args:
        environment: Names and values; empty values and names without the prefix GATEWAY_ are ignored.

    Raises:
        SettingsProblems: The file, or that of a secret, cannot be read.
    """
    values = {setting_path(name): value.strip() for name, value in environment.items() if _is_ours(name, value)}
    config = values.pop(setting_path(CONFIG_NAME), None)
    values = _with_secret_files(values)
    # Each for itself: a secret in the environment wins over the file of a secret that the TOML file names.
    return values if config is None else {**_with_secret_files(_read_file(config)), **values}


def _with_secret_files(values: Values) -> Values:
    """Replace each secret that is the name of a file, such as `deliveries.token_file`, by what the file holds.

    Raises:
        SettingsProblems: A file cannot be read, or the secret is given as well.
    """
    files = {path: secret for path in values if (secret := _secret_from(path)) is not None}
    problems, found = [], {}
    for path, secret in files.items():
        try:
            # Stripped, because files of secrets often end in a line break.
            found[secret] = Path(str(values[path])).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            problems.append(f"{environment_name(path)}: {str(values[path])!r} cannot be read: {reason}")
        if secret in values:
            problems.append(f"{environment_name(path)}: set this or {environment_name(secret)}, not both")
    if problems:
        raise SettingsProblems(sorted(problems))
    return {path: value for path, value in {**values, **found}.items() if path not in files}


def _secret_from(path: SettingPath) -> SettingPath | None:
    """Return the secret whose file a name names; None for any other name."""
    if not path[-1].endswith(FILE_SUFFIX) or find_setting(path) is not None:
        return None
    secret = (*path[:-1], path[-1].removesuffix(FILE_SUFFIX))
    setting = find_setting(secret)
    return secret if setting is not None and setting.is_secret else None


def setting_files(environment: Mapping[str, str]) -> frozenset[Path]:
    """Return the files that settings come from: the TOML file, those of secrets, and those that settings name."""
    values = {setting_path(name): value.strip() for name, value in environment.items() if _is_ours(name, value)}
    config = values.pop(setting_path(CONFIG_NAME), None)
    files = set() if config is None else {Path(config)}
    # A file that cannot be read now is watched all the same, and so are those that the environment names.
    with suppress(SettingsProblems):
        values = values if config is None else {**_read_file(config), **values}
    return frozenset(files | {Path(str(value)) for path, value in values.items() if _names_file(path)})


def _names_file(path: SettingPath) -> bool:
    setting = find_setting(path)
    return setting.is_file if setting is not None else _secret_from(path) is not None


def complete_accounts(values: Values) -> Values:
    """Add the gateway's addresses and limits to every account that has an upstream but does not set them."""
    completed = dict(values)
    for account, upstream in sorted({path[1:3] for path in values if path[0] == "accounts" and len(path) > 3}):
        if upstream in UPSTREAMS:
            completed = {**_inherited(values, account, upstream), **completed}
    return completed


def _inherited(values: Values, account: str, upstream: str) -> Values:
    prefix = ("accounts", account, upstream)
    own_address = any((*prefix, step) in values for step in ("url", "urls"))
    kept_back = CREDENTIALS[upstream] | (_ADDRESSES if own_address else frozenset())
    return {
        (*prefix, *path[1:]): value
        for path, value in values.items()
        if path[0] == upstream and len(path) > 1 and path[1] not in kept_back
    }


def _is_ours(name: str, value: str) -> bool:
    return name.upper().startswith(PREFIX) and value != "" and name.upper() != EXPLAIN_KEY


def _read_file(name: str) -> Values:
    try:
        # Editors on Windows may write a byte order mark, which TOML does not allow.
        content = tomllib.loads(Path(name).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsProblems([f"{CONFIG_NAME}: there is no file {name!r}"]) from None
    except (OSError, ValueError) as error:
        raise SettingsProblems([f"{CONFIG_NAME}: {name!r} cannot be read: {error}"]) from None
    return dict(_flatten(content, ()))


def _flatten(table: Mapping[str, Any], path: SettingPath) -> Iterator[tuple[SettingPath, Any]]:
    for key, value in table.items():
        # In lower case, as the names in the environment, which have no case.
        inner = (*path, key.lower())
        if isinstance(value, Mapping):
            yield from _flatten(value, inner)
        else:
            yield inner, value


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Load and check the settings; unknown names are ignored, see `unknown_settings`.

    Args:
        environment: Names and values, such as `os.environ`.

    Raises:
        SettingsProblems: Some settings are invalid; it lists all problems, sorted by setting.
    """
    return settings_of(given_values(environment), environment)


def given_values(environment: Mapping[str, str]) -> Values:
    """Return the values that are given to settings, as `read_values` does, without those of unknown names."""
    return {path: value for path, value in read_values(environment).items() if find_setting(path)}


def settings_of(given: Values, environment: Mapping[str, str]) -> Settings:
    """Return the settings that have these values; raises as `load_settings` does.

    Args:
        given: The values.
        environment: Names certificates to trust, which are checked as well.
    """
    completed = complete_accounts(given)
    problems: dict[SettingPath, str] = {}
    settings = _validate(completed, problems)
    for path, problem in broken_rules(settings, completed.keys()):
        # A value that is wrong by itself is not reported by a rule as well.
        problems.setdefault(path, problem)
    # A wrong value that accounts inherit is reported once, as the gateway's own.
    inherited = completed.keys() - given.keys()
    lines = sorted(
        f"{environment_name(path)}: {problem}" for path, problem in problems.items() if path not in inherited
    )
    lines += certificate_problems(environment)
    if lines:
        raise SettingsProblems(lines)
    return settings


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """Return a line for every GATEWAY_ variable and key of the file that is no setting, with the nearest name.

    Raises:
        SettingsProblems: The file cannot be read.
    """
    unknown = sorted(path for path in read_values(environment) if find_setting(path) is None)
    return [f"{environment_name(path)}: there is no such setting{_suggestion(path)}" for path in unknown]


def _suggestion(path: SettingPath) -> str:
    nearest = nearest_name(path)
    return f"; did you mean {nearest}?" if nearest else ""


def _validate(values: Values, problems: dict[SettingPath, str]) -> Settings:
    """Validate repeatedly without the invalid values until the rest is valid; collect the problems."""
    remaining = dict(values)
    while True:
        try:
            return Settings.model_validate(_tree(remaining))
        except ValidationError as error:
            for details in error.errors(include_url=False):
                path = _setting_of(details)
                setting = find_setting(path)
                # A value dropped in an earlier pass is reported already, and not missing.
                problems.setdefault(path, describe(details, setting.meaning if setting else None))
                _drop(remaining, path[:-1] if details["type"] == "missing" else path)


def _setting_of(details: ErrorDetails) -> SettingPath:
    """Return the path of the setting of an error: its location without list positions."""
    return tuple(str(step) for step in details["loc"] if isinstance(step, str))


def _drop(values: Values, group: SettingPath) -> None:
    for path in [path for path in values if path[: len(group)] == group]:
        del values[path]


def _tree(values: Values) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path, value in values.items():
        table = root
        for step in path[:-1]:
            table = table.setdefault(step, {})
        table[path[-1]] = value
    return root
