"""Writes the bills of materials of the locked dependencies, and looks these up among known vulnerabilities.

Usage: python scripts/audit.py FOLDER

The bills (CycloneDX) go to FOLDER. A known vulnerability fails, unless `.ci/accepted-advisories.toml` accepts it with a
reason and until a date. Where a service of advisories does not answer, a line says so and the audit goes on without it.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.txt"
"""What the image has; the dependencies of tests reach no deployment."""

FRONT_END: Final = ROOT / "frontend"
PYTHON_BILL: Final = ("-m", "cyclonedx_py", "requirements", str(LOCK), "--of", "JSON", "--output-reproducible")
NODE_BILL: Final = ("npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only")
ADVISORIES: Final = os.environ.get("AUDIT_OSV_URL", "https://api.osv.dev/v1/query")
ACCEPTED: Final = Path(os.environ.get("AUDIT_ACCEPTED", ROOT / ".ci" / "accepted-advisories.toml"))
ANSWER_SECONDS: Final = 10


class Unreachable(Exception):
    """A service of advisories does not answer; the message says which."""


def main(folder: Path) -> int:
    """Write the bills, audit, and return the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, bill in (("python", _output([sys.executable, *PYTHON_BILL])), ("node", _output(NODE_BILL, FRONT_END))):
        (folder / f"{name}.cdx.json").write_text(bill)
        problem = _problem_of(bill)
        if problem is not None:
            print(f"The bill of materials of {name} is not valid: {problem}")
            return 1
        print(f"{folder}/{name}.cdx.json: {len(json.loads(bill)['components'])} components")
    accepted, expired = accepted_advisories(ACCEPTED, datetime.now(UTC).date())
    failures = [f"{one} is accepted no longer: renew the date in {ACCEPTED.name} or update" for one in expired]
    for audit in (python_advisories, node_advisories):
        try:
            found = list(audit())
        except Unreachable as away:
            print(f"Not audited: {away}")
            continue
        failures += [f"{package}: {advisory}" for package, advisory in found if advisory not in accepted]
    print("\n".join(failures) or "No other known vulnerability.")
    return 1 if failures else 0


def accepted_advisories(file: Path, today: date) -> tuple[set[str], list[str]]:
    """Return the ids of the advisories that are accepted today, and of those that are no longer."""
    entries = tomllib.loads(file.read_text()).get("accepted", [])
    for entry in entries:
        if not (isinstance(entry.get("until"), date) and str(entry.get("reason", "")).strip() and entry.get("id")):
            raise SystemExit(f"{file}: each entry has an id, a reason, and a date `until`: {entry}")
    return {one["id"] for one in entries if one["until"] >= today}, [
        one["id"] for one in entries if one["until"] < today
    ]


def python_advisories() -> Iterator[tuple[str, str]]:
    """Yield the packages of the lock with the ids of their advisories.

    Raises:
        Unreachable: The service does not answer.
    """
    _ask(ADVISORIES, b'{"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "999"}')
    options = ("--disable-pip", "--require-hashes", "-s", "osv", "--osv-url", ADVISORIES, "-f", "json")
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), *options, "--progress-spinner", "off"]
    for package in json.loads(_output(command, codes=(0, 1)))["dependencies"]:
        for advisory in package.get("vulns", ()):
            yield f"{package['name']} {package['version']}", advisory["id"]


def node_advisories() -> Iterator[tuple[str, str]]:
    """Yield the packages of the front end's lock with the ids of their advisories.

    Raises:
        Unreachable: The registry does not answer, or has no advisories.
    """
    audited = json.loads(_output(["npm", "audit", "--json", "--package-lock-only"], FRONT_END, codes=(0, 1)))
    if "vulnerabilities" not in audited:
        raise Unreachable(f"the registry of npm has no advisories ({audited.get('message', 'no reason given')})")
    for name, found in audited["vulnerabilities"].items():
        # A name among them is another vulnerable package, which has an entry of its own.
        for advisory in (one for one in found["via"] if isinstance(one, dict)):
            yield name, advisory["url"].rpartition("/")[2]


def _ask(url: str, body: bytes) -> None:
    try:
        with urlopen(Request(url, body), timeout=ANSWER_SECONDS):  # noqa: S310 - the scheme is ours
            pass
    except HTTPError as error:
        raise Unreachable(f"{url} answers {error.code}") from None
    except (URLError, OSError) as error:
        raise Unreachable(f"{url} does not answer ({getattr(error, 'reason', error)})") from None


def _problem_of(bill: str) -> Any:  # noqa: ANN401 - the library's
    version = SchemaVersion["V" + json.loads(bill)["specVersion"].replace(".", "_")]
    return JsonStrictValidator(version).validate_str(bill)


def _output(command: Sequence[str], folder: Path = ROOT, codes: Sequence[int] = (0,)) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode not in codes or not done.stdout:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
