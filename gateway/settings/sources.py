"""Where settings are read from: the environment, and the TOML file that GATEWAY_CONFIG names."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.settings.names import CONFIG_NAME, PREFIX, SettingPath, setting_path
from gateway.settings.problems import SettingsProblems

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
