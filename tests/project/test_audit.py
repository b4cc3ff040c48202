"""The audit of dependencies, with services of advisories that know planted ones, and without any."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.project.deployment import needed
from tests.project.tree import ROOT

ACCEPTED = """
[[accepted]]
id = "GHSA-nnnn-nnnn-nnnn"
until = 2999-01-01
reason = "Planted."

[[accepted]]
id = "GHSA-oooo-oooo-oooo"
until = 2020-01-01
reason = "Planted, and over."
"""


class Advisories(BaseHTTPRequestHandler):
    """Knows one advisory about a locked package of Python, and two about one of Node."""

    def do_POST(self) -> None:  # the name is of the base class
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.endswith("/query"):
            package = json.loads(body)["package"]["name"]
            found = (
                [{"id": "GHSA-pppp-pppp-pppp", "affected": [{"package": {"name": "msgspec", "ecosystem": "PyPI"}}]}]
                if package == "msgspec"
                else []
            )
            self._answer({"vulns": found})
        else:
            self._answer({"react": [self._node("nnnn", 1), self._node("oooo", 2)]})

    @staticmethod
    def _node(name: str, number: int) -> dict[str, object]:
        url = f"https://github.com/advisories/GHSA-{name}-{name}-{name}"
        return {"id": number, "url": url, "title": "planted", "severity": "high", "vulnerable_versions": "<9999"}

    def do_GET(self) -> None:  # the name is of the base class
        self.send_error(404)

    def _answer(self, body: object) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is of the base class
        """Write nothing."""


@contextmanager
def advisories() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def audit(folder: Path, service: str) -> subprocess.CompletedProcess[str]:
    needed("npm", "npm")
    (folder / "accepted.toml").write_text(ACCEPTED)
    environment = {
        **os.environ,
        "AUDIT_OSV_URL": f"{service}/v1/query",
        "AUDIT_ACCEPTED": str(folder / "accepted.toml"),
        "npm_config_registry": service,
        "npm_config_fetch_retries": "0",
        "npm_config_cache": str(folder / "npm"),
        "no_proxy": "127.0.0.1",
    }
    command = [sys.executable, str(ROOT / "scripts" / "audit.py"), str(folder / "bills")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own


def test_planted_advisories_are_found_unless_they_are_accepted_for_now(tmp_path: Path) -> None:
    with advisories() as service:
        audited = audit(tmp_path, service)

    assert audited.returncode == 1, audited.stderr
    assert "GHSA-oooo-oooo-oooo is accepted no longer" in audited.stdout
    assert "react: GHSA-oooo-oooo-oooo" in audited.stdout
    assert re.search(r"^msgspec \S+: GHSA-pppp-pppp-pppp$", audited.stdout, re.MULTILINE)
    assert "GHSA-nnnn" not in audited.stdout


def test_bills_have_every_locked_package_also_where_no_service_answers(tmp_path: Path) -> None:
    audited = audit(tmp_path, "http://127.0.0.1:1")

    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    bills = {name: json.loads((tmp_path / "bills" / f"{name}.cdx.json").read_text()) for name in ("python", "node")}
    assert audited.stdout.count("Not audited: ") == 2, audited.stdout + audited.stderr
    assert {one["name"].lower() for one in bills["python"]["components"]} == set(locked)
    assert {"react", "graphiql"} <= {one["name"] for one in bills["node"]["components"]}
    assert {bill["bomFormat"] for bill in bills.values()} == {"CycloneDX"}
