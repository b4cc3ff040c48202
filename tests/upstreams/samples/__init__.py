"""The sample bodies of the vendors' documents, each a file; ids stand where a document leaves a blank."""

from pathlib import Path


def sample(name: str) -> bytes:
    """The body in a file of this folder, such as `send_task.json`."""
    return (Path(__file__).parent / name).read_bytes()
