from collections.abc import Mapping

import pytest

from gateway.settings import SettingsProblems, load_settings

OPEN = {"GATEWAY_AUTH__ANONYMOUS": "true"}
"""The smallest valid settings."""


def complaints(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the problem of each setting; callers are anonymous unless the environment sets it."""
    with pytest.raises(SettingsProblems) as raised:
        load_settings({**OPEN, **environment})
    assert str(raised.value).splitlines() == list(raised.value.problems)
    return dict(problem.split(": ", maxsplit=1) for problem in raised.value.problems)
