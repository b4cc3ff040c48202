"""Executes the steps of a Dockerfile as plain commands, without an engine: a folder replaces each image."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

FOLDERS: Final = ("/source", "/wheels", "/opt", "/data")
"""The top folders of an image; paths below them are mapped into the folder that replaces it."""
_FOLDER: Final = re.compile(rf"(?<![\w./])(?:{'|'.join(FOLDERS)})\b")
_STEP_SECONDS: Final = 300


@dataclass(frozen=True)
class Step:
    """One instruction."""

    keyword: str
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments without flags."""
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    def flag(self, name: str) -> str | None:
        """The value of a flag such as --from."""
        given = re.search(rf"(?<!\S)--{name}=(\S+)", self.text)
        return given[1] if given else None

    @property
    def exec_form(self) -> list[str]:
        """The command of a step that runs without a shell."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words


@dataclass
class Image:
    """The folder that replaces the image of one stage. Lifetime: the folder."""

    name: str
    base: str
    root: Path
    steps: list[Step]
    workdir: Path = field(init=False)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin at the top of the image."""
        self.workdir = self.root

    def only(self, keyword: str) -> Step:
        """Return the only step of this kind."""
        (step,) = [step for step in self.steps if step.keyword == keyword]
        return step

    def inside(self, text: str) -> str:
        """Return the text with the image's paths mapped into the folder."""
        return _FOLDER.sub(lambda found: f"{self.root}{found[0]}", text)

    def path(self, name: str) -> Path:
        """Return the place of a path of the image, which is relative to its working directory unless absolute."""
        return self.root / name.lstrip("/") if name.startswith("/") else self.workdir / name

    def variables(self) -> Mapping[str, str]:
        """Return the environment of a command: that of the machine, changed as in an image, and the image's own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "COVERAGE_"))}
        return {**kept, "PATH": f"{self.root}/python/bin:{kept['PATH']}", **self.environment}


def stages(text: str) -> Iterator[tuple[str, str, list[Step]]]:
    """Yield the name, the base image and the steps of each stage."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    for part in re.split(r"^FROM ", "\n".join(lines), flags=re.MULTILINE)[1:]:
        first, *rest = part.splitlines()
        base, _, name = first.partition(" AS ")
        yield name, base, [Step(*line.split(" ", 1)) for line in rest]


def build(dockerfile: Path, folder: Path) -> dict[str, Image]:
    """Execute every stage, and return the images by the names of their stages; that of the last one is empty.

    Args:
        dockerfile: The Dockerfile; its folder is the context of the build, with a .dockerignore.
        folder: An empty folder for the images.

    Raises:
        AssertionError: A step failed; its output is in the message.
    """
    images: dict[str, Image] = {}
    context = folder / "context"
    _copy_context(dockerfile.parent, context)
    for number, (name, base, steps) in enumerate(stages(dockerfile.read_text())):
        image = images[name] = Image(name, base, folder / f"stage-{number}", steps)
        image.root.mkdir()
        if base.startswith("python:"):
            subprocess.run([sys.executable, "-m", "venv", image.root / "python"], check=True)  # noqa: S603 - our own
        for step in steps:
            _execute(step, image, images, context)
    return images


def _execute(step: Step, image: Image, images: Mapping[str, Image], context: Path) -> None:
    match step.keyword:
        case "RUN":
            _run(image.inside(step.text), image)
        case "COPY":
            origin = step.flag("from")
            *sources, target = step.words
            for source in sources:
                _copy(images[origin].path(source) if origin else context / source, image, target)
        case "WORKDIR":
            image.workdir = image.path(step.text)
            image.workdir.mkdir(parents=True, exist_ok=True)
        case "ENV":
            image.environment |= dict(word.split("=", 1) for word in step.words)


def _run(command: str, image: Image) -> None:
    done = subprocess.run(  # noqa: S602 - a RUN step is a shell's
        command,
        shell=True,
        cwd=image.workdir,
        env=image.variables(),
        capture_output=True,
        text=True,
        timeout=_STEP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"


def _copy(source: Path, image: Image, target: str) -> None:
    to = image.path(target)
    if source.is_dir():
        shutil.copytree(source, to, dirs_exist_ok=True)
    elif target.endswith("/"):
        to.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to)
    else:
        shutil.copy(source, to)


def _copy_context(checkout: Path, context: Path) -> None:
    rules = [line for line in (checkout / ".dockerignore").read_text().splitlines() if line]
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    left_out = [rule for rule in rules if not rule.startswith("!") and rule != "*"]

    def ignored(folder: str, names: list[str]) -> set[str]:
        paths = {name: (Path(folder) / name).relative_to(checkout).as_posix() for name in names}
        return {name for name, path in paths.items() if any(_matches(path, rule) for rule in left_out)}

    context.mkdir()
    for name in kept:
        source = checkout / name
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=ignored)
        else:
            shutil.copy(source, context / name)


def _matches(path: str, rule: str) -> bool:
    return path == rule or (rule.startswith("**/") and fnmatch(path.rsplit("/", 1)[-1], rule.removeprefix("**/")))
