"""What deploys the gateway: the files of `deploy/`, and the programs that check them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.project.tree import ROOT

DEPLOY: Final = ROOT / "deploy"
SECRETS: Final = "/run/secrets/"
"""Where containers of a composition find their secrets."""


def needed(program: str, package: str) -> str:
    """Return the program's path. Where it is missing, the test skips, but fails in CI.

    Args:
        program: Its name on PATH.
        package: Debian's package of it.
    """
    found = shutil.which(program)
    if found is None:
        assert "CI" not in os.environ, f"CI needs {program} (Debian: {package})"
        pytest.skip(f"{program} (Debian: {package}) is not on PATH")
    return found


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - YAML
    """Return the only document of a file."""
    return yaml.safe_load(path.read_text())


def read_documents(text: str) -> list[dict[str, Any]]:
    """Return all documents of a text."""
    return [document for document in yaml.safe_load_all(text) if document]


def seconds(duration: str | int) -> int:
    """Return the seconds of a duration such as "20s" or "2m"."""
    units = {"s": 1, "m": 60, "h": 3600}
    return duration if isinstance(duration, int) else int(duration[:-1]) * units[duration[-1]]


def make_secrets(folder: Path) -> str:
    """Make certificate and passwords with the scripts of `deploy/`, and return the caller's API key if it is new."""
    needed("openssl", "openssl")
    environment = {**os.environ, "SECRETS": str(folder)}
    printed = [
        subprocess.run([DEPLOY / script], env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
        for script in ("make-certificate", "make-secrets")
    ]
    return printed[-1].rpartition(": ")[2].strip()


class Compose:
    """The composition; lifetime of the test run."""

    def __init__(self) -> None:
        self.content = read_yaml(DEPLOY / "compose.yaml")
        self.services: dict[str, dict[str, Any]] = self.content["services"]

    @property
    def gateways(self) -> dict[str, dict[str, Any]]:
        """The services that serve the gateway."""
        return {name: one for name, one in self.services.items() if name.startswith("gateway")}

    def own_files(self) -> Iterator[Path]:
        """The files and folders of the project that services mount."""
        for service in self.services.values():
            sources = (str(volume).partition(":")[0] for volume in service.get("volumes", ()))
            yield from (DEPLOY / source for source in sources if source.startswith("."))

    def environment(self, name: str, secrets: Path) -> dict[str, str]:
        """Return the environment of a service, with the secrets in another folder.

        Args:
            name: The service.
            secrets: A folder that `make_secrets` has filled.
        """
        service = self.services[name]
        given = {key: str(value).replace(SECRETS, f"{secrets}/") for key, value in service["environment"].items()}
        for file in service.get("env_file", ()):
            lines = (secrets / Path(file).name).read_text().splitlines()
            given.update(dict(line.split("=", 1) for line in lines))
        return given
