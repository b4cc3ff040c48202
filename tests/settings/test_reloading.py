from pathlib import Path

import pytest

from gateway.settings import SettingsProblems
from gateway.settings.reloading import SettingsSource
from tests.settings.problems import OPEN

LOGISTICS = '[logistics]\nurl = "http://127.0.0.1:1"\ntoken = "planted"\n'
ACME = '[accounts.acme.logistics]\ntoken = "of-acme"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.toml"


def source_of(file: Path, content: str, **more: str) -> SettingsSource:
    file.write_text(content)
    return SettingsSource({**OPEN, "GATEWAY_CONFIG": str(file), **more})


def changes(source: SettingsSource, file: Path, content: str) -> tuple[list[str], list[str]]:
    """What is changed and what is postponed, without the prefix of all names."""
    file.write_text(content)
    change = source.reread()
    source.accept(change)
    return [name[8:] for name in change.changed], [name[8:] for name in change.postponed]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('cors_origins = ["https://a.example"]', "CORS_ORIGINS"),
        ('cors_headers = ["x-a"]', "CORS_HEADERS"),
        ("ide = false", "IDE"),
        ("introspection = false", "INTROSPECTION"),
        ("[limits]\naliases = 1", "LIMITS__ALIASES"),
        ("[auth]\nsms_per_day = 1", "AUTH__SMS_PER_DAY"),
        (f"{LOGISTICS}{ACME}timeout_seconds = 1", "ACCOUNTS__ACME__LOGISTICS__TIMEOUT_SECONDS"),
        (LOGISTICS.replace("planted", "other") + ACME, "LOGISTICS__TOKEN"),
    ],
)
def test_what_reloads(file: Path, content: str, name: str) -> None:
    before = LOGISTICS + ACME if "logistics" in content else ""
    source = source_of(file, before)

    assert changes(source, file, content) == ([name], [])
    assert changes(source, file, content) == ([], [])


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("port = 1", ["PORT"]),
        ("workers = 1", ["WORKERS"]),
        ('redis_url = "redis://127.0.0.1:1"', ["REDIS_URL"]),
        ('public_url = "https://a.example"', ["PUBLIC_URL"]),
        ("deadline_seconds = 1", ["DEADLINE_SECONDS"]),
        ("[cache]\ngrace = 1", ["CACHE__GRACE"]),
        ("[log]\nlevel = 'debug'", ["LOG__LEVEL"]),
        (LOGISTICS, ["LOGISTICS__TOKEN", "LOGISTICS__URL"]),
    ],
)
def test_what_needs_a_restart_and_is_named_until_then(file: Path, content: str, names: list[str]) -> None:
    source = source_of(file, "")
    before = source.settings

    assert changes(source, file, content) == ([], names)
    assert changes(source, file, content) == ([], names)
    assert source.settings == before
    assert changes(source, file, "") == ([], [])


def test_accounts_inherit_what_is_in_force_and_not_what_waits_for_a_restart(file: Path) -> None:
    source = source_of(file, LOGISTICS)
    elsewhere = LOGISTICS.replace(":1", ":2")

    assert changes(source, file, elsewhere + ACME) == (["ACCOUNTS__ACME__LOGISTICS__TOKEN"], ["LOGISTICS__URL"])

    acme = source.settings.accounts["acme"].logistics
    assert acme is not None
    assert acme.url == "http://127.0.0.1:1"


def test_an_upstream_that_goes_stays_until_the_restart(file: Path) -> None:
    source = source_of(file, LOGISTICS)

    assert changes(source, file, "") == ([], ["LOGISTICS__TOKEN", "LOGISTICS__URL"])
    assert source.settings.logistics is not None


def test_what_needs_a_restart_is_checked_as_well(file: Path) -> None:
    source = source_of(file, "")
    file.write_text("port = 99999999\n[limits]\ncost = 5\n")

    with pytest.raises(SettingsProblems, match="GATEWAY_PORT"):
        source.reread()

    assert source.settings.limits.cost == 300


def test_the_environment_wins_over_the_file_at_a_reload_too(file: Path) -> None:
    source = source_of(file, "", GATEWAY_LIMITS__COST="7")

    assert changes(source, file, "[limits]\ncost = 5\n") == ([], [])
    assert source.settings.limits.cost == 7
