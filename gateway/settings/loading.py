"""From the environment and the TOML file to checked settings, with everything that is wrong reported in one go."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.certificates import certificate_problems
from gateway.settings.model import Settings
from gateway.settings.problems import (
    CONFIG_NAME,
    PREFIX,
    SettingPath,
    SettingsProblems,
    describe,
    environment_name,
    find_setting,
    nearest_name,
    setting_path,
)
from gateway.settings.rules import broken_rules

_UPSTREAMS: Final = ("deliveries", "sms", "logistics")
# An account never uses another's credentials, nor sends its own to an address that it replaced only in part.
_NOT_INHERITED: Final[Mapping[str, frozenset[str]]] = {
    "deliveries": frozenset({"token", "email", "password"}),
    "sms": frozenset({"username", "password"}),
    "logistics": frozenset({"token", "client_key", "secret_key", "refresh_token"}),
}
_ADDRESSES: Final = frozenset({"url", "urls", "token_url", "send_url", "authorize_url"})

Values = dict[SettingPath, Any]


def read_values(environment: Mapping[str, str]) -> Values:
    """Read what is set, by its place in the model; the environment wins over the file.

    Args:
        environment: Names and values; those that do not begin with GATEWAY_ or are empty are passed over.

    Raises:
        SettingsProblems: The file cannot be read.
    """
    values = {setting_path(name): value.strip() for name, value in environment.items() if _is_ours(name, value)}
    config = values.pop(setting_path(CONFIG_NAME), None)
    return values if config is None else {**_read_file(config), **values}


def complete_accounts(values: Values) -> Values:
    """Give every account the gateway's own addresses and limits, where it has credentials and none of its own."""
    completed = dict(values)
    for account, upstream in sorted({path[1:3] for path in values if path[0] == "accounts" and len(path) > 3}):
        if upstream in _UPSTREAMS:
            completed = {**_inherited(values, account, upstream), **completed}
    return completed


def _inherited(values: Values, account: str, upstream: str) -> Values:
    prefix = ("accounts", account, upstream)
    own_address = any((*prefix, step) in values for step in ("url", "urls"))
    kept_back = _NOT_INHERITED[upstream] | (_ADDRESSES if own_address else frozenset())
    return {
        (*prefix, *path[1:]): value
        for path, value in values.items()
        if path[0] == upstream and len(path) > 1 and path[1] not in kept_back
    }


def _is_ours(name: str, value: str) -> bool:
    return name.upper().startswith(PREFIX) and value != ""


def _read_file(name: str) -> Values:
    try:
        content = tomllib.loads(Path(name).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsProblems([f"{CONFIG_NAME}: there is no file {name!r}"]) from None
    except (OSError, ValueError) as error:
        raise SettingsProblems([f"{CONFIG_NAME}: {name!r} cannot be read: {error}"]) from None
    return dict(_flatten(content, ()))


def _flatten(table: Mapping[str, Any], path: SettingPath) -> Iterator[tuple[SettingPath, Any]]:
    for key, value in table.items():
        inner = (*path, key.lower())
        if isinstance(value, Mapping):
            yield from _flatten(value, inner)
        else:
            yield inner, value


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read and check the settings; unknown names are passed over, see `unknown_settings`.

    Args:
        environment: Names and values, such as `os.environ`.

    Raises:
        SettingsProblems: Something is wrong; it names everything that is, sorted by the setting's name.
    """
    given = {path: value for path, value in read_values(environment).items() if find_setting(path)}
    completed = complete_accounts(given)
    problems: dict[SettingPath, str] = {}
    settings = _validate(completed, problems)
    for path, problem in broken_rules(settings, completed.keys()):
        problems.setdefault(path, problem)
    inherited = completed.keys() - given.keys()
    lines = sorted(
        f"{environment_name(path)}: {problem}" for path, problem in problems.items() if path not in inherited
    )
    lines += certificate_problems(environment)
    if lines:
        raise SettingsProblems(lines)
    return settings


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """Name every GATEWAY_ variable and key of the file that is no setting, with what it was probably meant to be.

    Raises:
        SettingsProblems: The file cannot be read.
    """
    unknown = sorted(path for path in read_values(environment) if find_setting(path) is None)
    return [f"{environment_name(path)}: there is no such setting{_suggestion(path)}" for path in unknown]


def _suggestion(path: SettingPath) -> str:
    nearest = nearest_name(path)
    return f"; did you mean {nearest}?" if nearest else ""


def _validate(values: Values, problems: dict[SettingPath, str]) -> Settings:
    """Validate, and again without what was wrong, until the rest is valid, so that one mistake hides no other."""
    remaining = dict(values)
    while True:
        try:
            return Settings.model_validate(_tree(remaining))
        except ValidationError as error:
            for details in error.errors(include_url=False):
                path = _setting_of(details)
                setting = find_setting(path)
                # What was wrong in an earlier pass was dropped, and is not missing now.
                problems.setdefault(path, describe(details, setting.meaning if setting else None))
                _drop(remaining, path[:-1] if details["type"] == "missing" else path)


def _setting_of(details: ErrorDetails) -> SettingPath:
    """Find the setting that an error is about: the location without positions in lists."""
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
