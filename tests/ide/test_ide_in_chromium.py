import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chromium import FRONTEND
from tests.commands.running import running

SANDBOX = ["-c", "from gateway.cli import main; main()", "sandbox", "--port", "0"]
TABS = ["Deliveries", "SmsJobs", "Logistics", "AcrossAll", "DraftTask", "FollowTask"]


@pytest.fixture
def sandbox_url() -> Iterator[str]:
    """The gateway over simulated upstreams, started as a developer starts it."""
    with running(SANDBOX, os.environ, announced_by="stdout") as sandbox:
        yield sandbox.url


def test_a_developer_opens_the_ide_and_every_example_is_answered(
    sandbox_url: str, chromium: str, tmp_path: Path
) -> None:
    screenshot = tmp_path / "ide.png"

    run = subprocess.run(  # noqa: S603 - our own script, our own arguments
        ["node", "e2e/ide.mjs", sandbox_url, str(screenshot), *TABS[:-1], f"{TABS[-1]}=CHANGE"],  # noqa: S607 - node is whichever is on PATH
        cwd=FRONTEND,
        env={**os.environ, "CHROMIUM": chromium},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert re.findall(r"^tab (\w+): ", run.stdout, re.MULTILINE) == TABS
    assert '"kind":"CHANGE"' in run.stdout
    assert f"hosts asked: {sandbox_url.removeprefix('http://')}\n" in run.stdout
    assert screenshot.read_bytes().startswith(b"\x89PNG")
