from collections.abc import Mapping

import pytest

from gateway.settings import SettingsProblems, load_settings

OPEN = {"GATEWAY_AUTH__ANONYMOUS": "true"}
"""The least that can be served."""


def complaints(environment: Mapping[str, str]) -> dict[str, str]:
    """What is said about each setting; the environment is open to everybody unless it says otherwise."""
    with pytest.raises(SettingsProblems) as raised:
        load_settings({**OPEN, **environment})
    assert str(raised.value).splitlines() == list(raised.value.problems)
    return dict(problem.split(": ", maxsplit=1) for problem in raised.value.problems)
