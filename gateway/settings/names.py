"""The names of settings: from the model to environment names and back, and the nearest name to a typo."""

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel

from gateway.settings.model import Settings

PREFIX: Final = "GATEWAY_"
DELIMITER: Final = "__"
CONFIG_NAME: Final = f"{PREFIX}CONFIG"
ANY_NAME: Final = "<name>"

SettingPath: TypeAlias = tuple[str, ...]
"""Where a setting stands in the model, such as ("cache", "ttl_final"); `ANY_NAME` is for a name of the operator's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """What the model says of one setting; a value."""

    path: SettingPath
    meaning: str | None
    default: Any


def environment_name(path: Iterable[str]) -> str:
    """Name a setting as the environment does, such as GATEWAY_CACHE__TTL_FINAL."""
    return PREFIX + DELIMITER.join(path).upper()


def setting_path(name: str) -> SettingPath:
    """Find a setting's place in the model from its name in the environment, in whatever case."""
    return tuple(name[len(PREFIX) :].lower().split(DELIMITER))


@cache
def all_settings() -> Mapping[SettingPath, Setting]:
    """Describe every setting that there is, with `ANY_NAME` where the operator chooses the name."""
    return {setting.path: setting for setting in _leaves(Settings, Setting((), None, None))}


def find_setting(path: SettingPath) -> Setting | None:
    """Describe the setting at a place, None where there is none."""
    exact = all_settings().get(path)
    return exact or next((setting for setting in all_settings().values() if _matches(path, setting.path)), None)


def nearest_name(path: SettingPath) -> str | None:
    """Find the setting that a typo was meant to be, as the environment names it; None where none is near."""
    candidates = [_bare_name(_with_names_of(path, known)) for known in sorted(all_settings())]
    nearest = difflib.get_close_matches(_bare_name(path), [*candidates, "CONFIG"], n=1, cutoff=0.66)
    return PREFIX + nearest[0] if nearest else None


def _bare_name(path: SettingPath) -> str:
    return environment_name(path).removeprefix(PREFIX)


def _matches(path: SettingPath, known: SettingPath) -> bool:
    return len(path) == len(known) and all(theirs in (ours, ANY_NAME) for ours, theirs in zip(path, known, strict=True))


def _with_names_of(path: SettingPath, known: SettingPath) -> SettingPath:
    return tuple(path[at] if step == ANY_NAME and at < len(path) else step for at, step in enumerate(known))


def _leaves(annotation: Any, found: Setting) -> Iterator[Setting]:  # noqa: ANN401 - an annotation can be anything
    for alternative in _alternatives(annotation):
        steps = list(_steps(alternative, found))
        for kind, step in steps:
            yield from _leaves(kind, step)
        if steps:
            return
    yield found


def _alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation can be anything
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _steps(annotation: Any, found: Setting) -> Iterator[tuple[Any, Setting]]:  # noqa: ANN401 - an annotation can be anything
    if get_origin(annotation) is dict:
        yield get_args(annotation)[1], Setting((*found.path, ANY_NAME), found.meaning, None)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield field.annotation, Setting((*found.path, name), field.description, field.default)
    elif isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        for part in dataclasses.fields(annotation):
            yield part.type, Setting((*found.path, part.name), found.meaning, part.default)
