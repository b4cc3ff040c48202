"""Names of settings, and the one-line messages about invalid settings.

Names are converted between the model and the environment, and a typo is matched to the nearest name.
"""

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic_core import ErrorDetails

from gateway.settings.model import Settings
from resolvers.upstreams.transport.wire.client_tls import FileAsRead

PREFIX: Final = "GATEWAY_"
DELIMITER: Final = "__"
CONFIG_NAME: Final = f"{PREFIX}CONFIG"
EXPLAIN_KEY: Final = f"{PREFIX}EXPLAIN_KEY"
"""The variable with the API key of `gateway explain`, which is no setting."""

ANY_NAME: Final = "<name>"

SettingPath: TypeAlias = tuple[str, ...]
"""The path of a setting in the model, such as ("cache", "ttl_final"); `ANY_NAME` stands for a name of the operator."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """The description of one setting in the model.

    Args:
        path: Where it stands.
        meaning: Its description.
        default: Its default.
        is_secret: Whether it may come from a file of its own.
        is_file: Whether it names a file that is read.
    """

    path: SettingPath
    meaning: str | None
    default: Any
    is_secret: bool = False
    is_file: bool = False


def environment_name(path: Iterable[str]) -> str:
    """Return the environment name of a setting, such as GATEWAY_CACHE__TTL_FINAL."""
    return PREFIX + DELIMITER.join(path).upper()


def setting_path(name: str) -> SettingPath:
    """Return the path of a setting from its environment name, in any case."""
    return tuple(name[len(PREFIX) :].lower().split(DELIMITER))


@cache
def all_settings() -> Mapping[SettingPath, Setting]:
    """Return every setting by path, with `ANY_NAME` where the operator chooses the name."""
    return {setting.path: setting for setting in _leaves(Settings, Setting((), None, None))}


def find_setting(path: SettingPath) -> Setting | None:
    """Return the setting at a path, or None."""
    exact = all_settings().get(path)
    return exact or next((setting for setting in all_settings().values() if _matches(path, setting.path)), None)


def nearest_name(path: SettingPath) -> str | None:
    """Return the environment name of the setting nearest to a typo, or None if none is near."""
    # Without the prefix, which all names share: with it, any two would look alike.
    candidates = [_bare_name(_with_names_of(path, known)) for known in sorted(all_settings())]
    nearest = difflib.get_close_matches(_bare_name(path), [*candidates, "CONFIG"], n=1, cutoff=0.66)
    return PREFIX + nearest[0] if nearest else None


def _bare_name(path: SettingPath) -> str:
    return environment_name(path).removeprefix(PREFIX)


def _matches(path: SettingPath, known: SettingPath) -> bool:
    return len(path) == len(known) and all(theirs in (ours, ANY_NAME) for ours, theirs in zip(path, known, strict=True))


def _with_names_of(path: SettingPath, known: SettingPath) -> SettingPath:
    # With the names that the operator has chosen, so that only the others are compared.
    return tuple(path[at] if step == ANY_NAME and at < len(path) else step for at, step in enumerate(known))


def _leaves(annotation: Any, found: Setting) -> Iterator[Setting]:  # noqa: ANN401 - any annotation
    for alternative in _alternatives(annotation):
        steps = list(_steps(alternative, found))
        for kind, step in steps:
            yield from _leaves(kind, step)
        # A setting is a group or a value; the other alternative of a group is None.
        if steps:
            return
    is_secret = _holds(SecretStr, annotation)
    is_file = _holds(Path, annotation) or _holds(FileAsRead, annotation)
    yield dataclasses.replace(found, is_secret=is_secret, is_file=is_file)


def _holds(wanted: type, annotation: Any) -> bool:  # noqa: ANN401 - any annotation
    return annotation is wanted or any(_holds(wanted, part) for part in get_args(annotation))


def _alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any annotation
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _steps(annotation: Any, found: Setting) -> Iterator[tuple[Any, Setting]]:  # noqa: ANN401 - any annotation
    if get_origin(annotation) is dict:
        yield get_args(annotation)[1], Setting((*found.path, ANY_NAME), found.meaning, None)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield field.annotation, Setting((*found.path, name), field.description, field.default)
    elif isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        for part in dataclasses.fields(annotation):
            yield part.type, Setting((*found.path, part.name), found.meaning, part.default)


class SettingsProblems(Exception):
    """The settings are invalid.

    Args:
        problems: One line for each problem: the setting, the problem and the expected value. Never contains a secret.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def describe(error: ErrorDetails, meaning: str | None) -> str:
    """Return the message for one invalid value; it never contains a secret.

    Args:
        error: The error of pydantic.
        meaning: The description of the setting, for a missing one.
    """
    explain = _EXPLANATIONS.get(error["type"])
    if error["type"] == "missing":
        return f"is not set, although other settings beside it are. {meaning or ''}".strip()
    return explain(error["input"], error.get("ctx", {})) if explain else error["msg"]


def _own_words(_: Any, context: Mapping[str, Any]) -> str:  # noqa: ANN401 - any value
    return str(context["error"])


def _not_a(wanted: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda value, _: f"must be {wanted}, not {value!r}"


def _out_of_bounds(words: str, bound: str) -> Callable[[Any, Mapping[str, Any]], str]:
    # By `g` alone 1048576 would be 1.04858e+06.
    return lambda value, context: f"must be {words} {context[bound]:.15g}, not {value}"


# Only values of numbers, flags and enumerations are quoted, because any text could be a secret.
_EXPLANATIONS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], str]]] = {
    "value_error": _own_words,
    "int_parsing": _not_a("a whole number"),
    "int_from_float": _not_a("a whole number"),
    "int_type": _not_a("a whole number"),
    "float_parsing": _not_a("a number"),
    "float_type": _not_a("a number"),
    "finite_number": _not_a("a finite number"),
    "bool_parsing": _not_a("true or false"),
    "bool_type": _not_a("true or false"),
    "literal_error": lambda value, context: f"must be {context['expected']}, not {value!r}",
    "greater_than": _out_of_bounds("more than", "gt"),
    "greater_than_equal": _out_of_bounds("at least", "ge"),
    "less_than_equal": _out_of_bounds("at most", "le"),
    "too_short": lambda _, context: f"must list at least {context['min_length']}",
}
