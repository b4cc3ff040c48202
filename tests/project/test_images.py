"""Every image from elsewhere is pinned by its digest, and the image is built and run where an engine is."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.project.deployment import DEPLOY, Compose, read_documents
from tests.project.dockerfile import stages
from tests.project.tree import ROOT

OWN = "graphql-rest-gateway:"
PINNED = re.compile(r"([\w./-]+:[\w.-]+)@(sha256:[0-9a-f]{64})")


def images() -> Iterator[str]:
    """The images of stages, of services and of every manifest, without our own."""
    yield from (base for _, base, _ in stages((ROOT / "Dockerfile").read_text()))
    yield from (service["image"] for service in Compose().services.values() if not service["image"].startswith(OWN))
    for path in (DEPLOY / "kubernetes").rglob("*.yaml"):
        for document in read_documents(path.read_text()):
            yield from (image for image in _images_in(document) if not image.startswith(OWN))


def _images_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - YAML
    if isinstance(value, dict):
        yield from (found for name, found in value.items() if name == "image" and isinstance(found, str))
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _images_in(one)


def test_every_image_from_elsewhere_has_a_tag_and_its_digest() -> None:
    found = set(images())

    assert [image for image in found if not PINNED.fullmatch(image)] == []
    assert {image.partition(":")[0] for image in found} == {
        *("node", "python", "nginx", "redis", "prom/prometheus", "grafana/grafana")
    }


def test_a_tag_has_the_same_digest_everywhere() -> None:
    pins = {tuple(image.split("@")) for image in images()}

    assert len({tag for tag, _ in pins}) == len(pins)


ENGINE = """#!/bin/sh
echo "$*" >>"$CALLS"
case $1 in run) echo container ;; inspect) echo "$STATE" ;; esac
[ "$1" != info ] || [ "$STATE" != away ]
"""


@pytest.mark.parametrize(
    ("state", "code", "said", "calls"),
    [
        ("away", 0, "No Docker engine answers", ["info"]),
        ("healthy", 0, "its container is healthy", ["info", "build", "run", "inspect", "rm"]),
        ("unhealthy", 1, "The container is unhealthy", ["info", "build", "run", "inspect", "logs", "rm"]),
        ("starting", 1, "The container is starting", ["info", "build", "run", *["inspect"] * 60, "logs", "rm"]),
    ],
)
def test_the_image_is_built_and_its_health_awaited(
    state: str, code: int, said: str, calls: list[str], tmp_path: Path
) -> None:
    engine = tmp_path / "docker"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    ended = subprocess.run(  # noqa: S603 - our own script
        [ROOT / "scripts" / "check-image"],
        env={**os.environ, "PATH": path, "STATE": state, "CALLS": str(tmp_path / "calls"), "PAUSE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == code
    assert said in ended.stdout + ended.stderr
    assert [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()] == calls
