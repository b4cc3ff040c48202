"""From the environment to checked settings, with everything that is wrong reported in one go."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.certificates import certificate_problems
from gateway.settings.model import Settings
from gateway.settings.names import SettingPath, environment_name, find_setting, nearest_name
from gateway.settings.problems import SettingsProblems, describe
from gateway.settings.rules import broken_rules
from gateway.settings.sources import Values, complete_accounts, read_values


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
