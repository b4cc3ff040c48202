"""Reads the settings again while the process runs, and finds out what changed.

Theory of operation
-------------------
The environment of a process stays as it is; what changes are files: the TOML file, those of secrets, and those that
settings name. `SettingsSource` keeps the given values and digests of these files. `reread` reads all of it again and
checks it as a start does, so that settings that a start would refuse never come into force. Then each changed setting
either reloads or is put off until the restart::

    given before, given now -> changed -> reloads:      in force at once
                                       -> needs restart: keeps its value, and is named

The settings in force are made of the values, not of the model: an account inherits what is in force for the gateway.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.settings.loading import (
    AUTHORITIES,
    CREDENTIALS,
    UPSTREAMS,
    Values,
    given_values,
    setting_files,
    settings_of,
)
from gateway.settings.model import Settings
from gateway.settings.problems import SettingPath, environment_name, find_setting

RELOADED: Final = frozenset(
    {"accounts", "auth", "cors_headers", "cors_origins", "ide", "introspection", "limits", "trusted_documents"}
)
"""Groups and settings that reload; of the gateway's own account it is the credentials of each upstream, and its CA."""

Stamps = Mapping[Path, tuple[int, ...] | None]
"""For each file, what differs once it has changed; None for one that is not there."""

_Digests = Mapping[SettingPath, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What reading the settings again came to; a value.

    Args:
        settings: Those to be in force from now on.
        changed: The names of the settings that change with them.
        postponed: The names of changed settings that need a restart.
        values: The values in force.
        digests: Of the files that they name.
    """

    settings: Settings
    changed: tuple[str, ...]
    postponed: tuple[str, ...]
    values: Values
    digests: _Digests


class SettingsSource:
    """Where a process's settings come from, and the values in force. Lifetime: process.

    Args:
        environment: Names and values, such as `os.environ`.

    Attributes:
        settings: The settings in force.
        stamps: Of the files, before they were read the last time.

    Raises:
        SettingsProblems: The settings are invalid.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        # Before they are read: a file that changes meanwhile is then seen to have changed.
        self.stamps = self.current_stamps()
        self._values = given_values(self.environment)
        self._digests: _Digests = _digests(self._values)
        self.settings = settings_of(self._values, self.environment)

    def current_stamps(self) -> Stamps:
        """Return the stamps of the files as they are now."""
        return {path: _stamp(path) for path in setting_files(self.environment)}

    def reread(self) -> Change:
        """Read the settings again; nothing is in force before `accept`.

        Raises:
            SettingsProblems: They are invalid, whole or without those that need a restart.
        """
        self.stamps = self.current_stamps()
        given = given_values(self.environment)
        settings = settings_of(given, self.environment)
        digests: _Digests = _digests(given)
        changed = _changed(self._values, given) | _changed(self._digests, digests)
        postponed = {path for path in changed if not self._reloads(path, given)}
        if postponed:
            given, digests = _keep(postponed, self._values, given), _keep(postponed, self._digests, digests)
            settings = settings_of(given, self.environment)
        return Change(settings, _names(changed - postponed), _names(postponed), given, digests)

    def accept(self, change: Change) -> None:
        """Put a change in force."""
        self.settings, self._values, self._digests = change.settings, change.values, change.digests

    def _reloads(self, path: SettingPath, given: Values) -> bool:
        if path[0] not in UPSTREAMS:
            return path[0] in RELOADED
        # An upstream that was not there has no connections, and one that goes is in the middle of its calls.
        stays = all(any(one[0] == path[0] for one in values) for values in (self._values, given))
        return stays and path[1] in CREDENTIALS[path[0]] | {AUTHORITIES}


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        # Of what a link leads to: Kubernetes replaces mounted files by replacing a link.
        found = path.stat()
    except OSError:
        return None
    # Not by the time alone: a file that is renamed here may have an older one.
    return found.st_mtime_ns, found.st_ino, found.st_dev, found.st_size


def _digests(values: Values) -> dict[SettingPath, str]:
    """Return the digest of each file that is named by a setting and read besides the settings."""
    found = {}
    for path, name in values.items():
        setting = find_setting(path)
        if setting is not None and setting.is_file:
            # The check of its setting reports a file that cannot be read.
            with suppress(OSError):
                # By content, so that a file that is only written again is no change.
                found[path] = hashlib.sha256(Path(os.fspath(name)).read_bytes()).hexdigest()
    return found


def _changed(before: Mapping[SettingPath, object], after: Mapping[SettingPath, object]) -> set[SettingPath]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _keep(
    paths: Iterable[SettingPath], before: Mapping[SettingPath, Any], after: Mapping[SettingPath, Any]
) -> dict[SettingPath, Any]:
    """Return what is given now, but for these settings what was given before."""
    kept = dict(after)
    for path in paths:
        kept.pop(path, None)
        if path in before:
            kept[path] = before[path]
    return kept


def _names(paths: Iterable[SettingPath]) -> tuple[str, ...]:
    return tuple(sorted(map(environment_name, paths)))
