"""`gateway schema`: print the schema that the gateway serves."""

import sys

from schema.root import build_schema


def run() -> int:
    """Write the SDL to standard output and return the exit code."""
    sys.stdout.write(f"{build_schema().as_str()}\n")
    return 0
