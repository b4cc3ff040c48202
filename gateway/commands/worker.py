"""The app factory of the server processes, with the garbage collector tuned for a long-lived process."""

import gc
from typing import Final

from gateway.app import App, create_app
from gateway.ide.page import Examples, no_examples
from gateway.settings.model import Settings

YOUNG_OBJECTS: Final = 50_000
"""Threshold of the youngest generation instead of 700: one response alone allocates hundreds of objects."""


def create_worker_app(settings: Settings | None = None, *, examples: Examples = no_examples) -> App:
    """Create the gateway's app for a process that runs nothing else.

    Args:
        settings: The settings; the default is to read them from the environment.
        examples: Further example operations of the IDE.

    Raises:
        SettingsProblems: The settings in the environment are invalid.
    """
    app = create_app(settings, examples=examples)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    return app
