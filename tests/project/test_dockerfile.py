import os
import re
import shutil
import signal
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.project.dockerfile import FOLDERS, Image, build, stages
from tests.project.tree import ROOT

DOCKERFILE = ROOT / "Dockerfile"
STAGES = [*stages(DOCKERFILE.read_text())]
LAST = STAGES[-1][2]
ANNOUNCED = re.compile(r"(http://127\.0\.0\.1:\d+)/graphql|listening on http://0\.0\.0\.0:(\d+)/graphql")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    """Every stage of the Dockerfile, executed."""
    if shutil.which("npm") is None:
        message = "The front end is built by Node 20.19 or later."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return build(DOCKERFILE, tmp_path_factory.mktemp("images"))


@pytest.fixture
def image(images: dict[str, Image]) -> Image:
    """The one that is run."""
    return images[""]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(image: Image, arguments: list[str], port: int) -> Iterator[subprocess.Popen[str]]:
    """Start the image's program on a free port, and wait until it says where it answers."""
    command = [image.inside(word) for word in [*image.only("ENTRYPOINT").exec_form, *arguments]]
    environment = {**image.variables(), "GATEWAY_PORT": str(port), "GATEWAY_AUTH__ANONYMOUS": "true"}
    output = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - the image's own command
        command, cwd=image.workdir, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert any(ANNOUNCED.search(line) for line in process.stdout)
            # The socket takes requests from here on, and the first is answered once the program is up.
            assert httpx.get(f"http://127.0.0.1:{port}/livez", trust_env=False, timeout=60).is_success
            yield process
        finally:
            process.kill()


def healthy(image: Image, port: int) -> bool:
    """What the image's own health check says."""
    command = [image.inside(word) for word in image.only("HEALTHCHECK").exec_form]
    environment = {**image.variables(), "GATEWAY_PORT": str(port)}
    run = subprocess.run(command, cwd=image.workdir, env=environment, capture_output=True, check=False)  # noqa: S603
    return run.returncode == 0


def test_the_wheel_has_the_three_packages_and_the_built_front_end(images: dict[str, Image]) -> None:
    (wheel,) = images["wheel"].path("/wheels").iterdir()

    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"gateway", "schema", "resolvers"}
    assert "gateway/ide/dist/index.html" in names
    assert any(name.startswith("gateway/ide/dist/ide/") and name.endswith(".js.br") for name in names)


@pytest.mark.parametrize("arguments", [["sandbox"], ["serve"]], ids=" ".join)
def test_the_image_runs_and_its_health_check_sees_it(image: Image, arguments: list[str]) -> None:
    port = free_port()

    with started(image, arguments, port) as process:
        while_it_runs = healthy(image, port)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)

    assert while_it_runs
    assert process.returncode in (0, -signal.SIGTERM)
    assert not healthy(image, port)


def test_the_image_runs_from_outside_the_source_tree(image: Image) -> None:
    python = image.inside(image.only("ENTRYPOINT").exec_form[0]).replace("/bin/gateway", "/bin/python")
    code = "import gateway, resolvers, schema; print(gateway.__file__, resolvers.__file__, schema.__file__)"

    imported = subprocess.run(  # noqa: S603 - our own command
        [python, "-c", code], cwd=image.workdir, env=image.variables(), capture_output=True, text=True, check=True
    )

    assert all(Path(path).is_relative_to(image.path("/opt/gateway")) for path in imported.stdout.split())


def test_the_image_runs_what_is_locked_for_running_and_no_more(image: Image) -> None:
    installed = {path.name.partition("-")[0].lower() for path in image.path("/opt/gateway").rglob("*.dist-info")}

    assert "graphql_rest_gateway" in installed
    assert installed & {"pytest", "mypy", "ruff", "hatchling"} == set()


def test_every_folder_that_a_step_names_is_one_that_a_test_can_stand_in_for() -> None:
    text = " ".join(step.text for _, _, steps in STAGES for step in steps if step.keyword in ("RUN", "COPY", "WORKDIR"))

    assert {path for path in re.findall(r"(?<!\S)(/\w+)", text) if path not in FOLDERS} == set()


def test_the_image_is_built_in_stages_and_does_not_run_as_root() -> None:
    (user,) = [step.text for step in LAST if step.keyword == "USER"]

    assert [base.split(":")[0] for _, base, _ in STAGES] == ["node", "python", "python"]
    assert user.split(":")[0].isdigit()
    assert int(user.split(":")[0]) > 0


def test_programs_are_started_without_a_shell_and_checked_without_curl() -> None:
    commands = {step.keyword: step.exec_form for step in LAST if step.keyword in ("ENTRYPOINT", "CMD", "HEALTHCHECK")}

    assert commands.keys() == {"ENTRYPOINT", "CMD", "HEALTHCHECK"}
    assert commands["HEALTHCHECK"][0] == "/opt/gateway/bin/python"
