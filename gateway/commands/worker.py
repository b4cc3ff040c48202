"""What each of the server's processes runs: the app, with the garbage collector told that it is there to stay."""

import gc
from typing import Final

from gateway.app import App, create_app
from gateway.ide.page import Examples, no_examples
from gateway.settings.model import Settings

YOUNG_OBJECTS: Final = 50_000
"""New objects after which the collector looks for cycles among them, instead of 700: an answer alone has hundreds."""


def create_worker_app(settings: Settings | None = None, *, examples: Examples = no_examples) -> App:
    """Build the gateway for a process that runs nothing else.

    Args:
        settings: What the operator set; read from the environment where none are given.
        examples: Operations that the IDE opens beside its own.

    Raises:
        SettingsProblems: the environment's settings are wrong.
    """
    app = create_app(settings, examples=examples)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    return app
