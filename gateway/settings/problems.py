"""What is said about settings that are wrong: one line each, under the name that the operator knows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails


class SettingsProblems(Exception):
    """The settings cannot be used.

    Args:
        problems: One line each: the setting, what is wrong with it, and what would be right. Never a secret.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def describe(error: ErrorDetails, meaning: str | None) -> str:
    """Say what is wrong with one value.

    Values are quoted only where a number, a flag or a word of a list is wanted, so that no secret is ever shown.

    Args:
        error: What pydantic found.
        meaning: The setting's description, for one that is missing.
    """
    explain = _EXPLANATIONS.get(error["type"])
    if error["type"] == "missing":
        return f"is not set, although other settings beside it are. {meaning or ''}".strip()
    return explain(error["input"], error.get("ctx", {})) if explain else error["msg"]


def _own_words(_: Any, context: Mapping[str, Any]) -> str:  # noqa: ANN401 - an operator may write anything
    return str(context["error"])


def _not_a(wanted: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda value, _: f"must be {wanted}, not {value!r}"


def _out_of_bounds(words: str, bound: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda value, context: f"must be {words} {context[bound]:.15g}, not {value}"


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
