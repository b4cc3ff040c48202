"""Redis URLs: an invalid part is refused before anything starts."""

from pathlib import Path

import pytest

from gateway.settings import SettingsProblems, load_settings

SECRET = "planted-secret"


def settings_with(url: str) -> dict[str, str]:
    return {"GATEWAY_AUTH__ANONYMOUS": "true", "GATEWAY_REDIS_URL": url}


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h/",
        "redis://h/0",
        "redis://h:65535/15",
        "redis://[::1]:6379/0",
        f"redis://user:{SECRET}@h:6379/0",
        f"redis://:{SECRET}%23%2F@h:6379/0",
        "rediss://h:6380/0?ssl_cert_reqs=none",
        "rediss://h/0?ssl_check_hostname=false&client_name=gateway",
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=3",
        "redis://h?db=3&health_check_interval=30",
        "redis+sentinel://h1:26379,h2:26380,h3/mymaster/0",
        "redis+sentinel://h/mymaster",
        f"rediss+sentinel://user:{SECRET}@h1,[::1]:26379/my.master/3?sentinel_username=s&sentinel_password={SECRET}",
        "redis+cluster://h1,h2:6380/",
        f"rediss+cluster://user:{SECRET}@h1?ssl_check_hostname=no",
    ],
)
def test_a_url_that_makes_sense_is_taken_as_it_is(url: str) -> None:
    settings = load_settings(settings_with(url))

    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("h:6379", "must be a URL such as redis://"),
        ("http://h:6379", "must be a URL such as redis://"),
        ("redis://", "must be a URL such as redis://"),
        ("redis:///0", "must be a URL such as redis://"),
        (f"redis://:{SECRET}@/0", "must be a URL such as redis://"),
        ("redis://h:99999", "ports from 1 to 65535"),
        ("redis://h:0/0", "ports from 1 to 65535"),
        ("redis://h:-1/0", "ports from 1 to 65535"),
        (f"redis://:{SECRET}@h:port/0", "ports from 1 to 65535"),
        ("redis://[::1/0", "ports from 1 to 65535"),
        (f"redis://:{SECRET}#@h/0", "as %23"),
        (f"redis://:{SECRET} @h/0", "as %23 and %20"),
        ("redis://h/abc", "the number of a database"),
        ("redis://h/-1", "the number of a database"),
        ("redis://h/1/2", "the number of a database"),
        ("redis://h/0/", "the number of a database"),
        ("redis://h/0?foo=bar", "has an option after ? that is not known; there are client_name, db,"),
        (f"redis://h/0?{SECRET}={SECRET}", "has an option after ? that is not known"),
        ("redis://h/0?socket_timeout=60", "has an option after ? that is not known"),
        ("redis://h/0?decode_responses=true", "has an option after ? that is not known"),
        ("redis://h?db=abc", "has a value that db cannot have"),
        ("redis://h?db=", "has a value that db cannot have"),
        ("rediss://h?ssl_cert_reqs=maybe", "has a value that ssl_cert_reqs cannot have"),
        ("rediss://h?ssl_ca_certs=/no/such/file", "names a file as ssl_ca_certs that is not there"),
        ("unix://", "must be a URL such as redis://"),
        ("unix://h", "must name a socket"),
        ("redis+sentinel://h1,h2", "must name the service after the sentinels"),
        ("redis+sentinel://h1,h2/0/mymaster", "must name the service after the sentinels"),
        (f"redis+sentinel://user:{SECRET}@h1,,h2/mymaster", "ports from 1 to 65535"),
        (f"redis+sentinel://user:{SECRET}@h1:0/mymaster", "ports from 1 to 65535"),
        (f"redis+sentinel://h1:{SECRET}/mymaster", "ports from 1 to 65535"),
        ("redis+sentinel://h1/mymaster?sentinel_password=", "has a value that sentinel_password cannot have"),
        (f"redis://h1?sentinel_password={SECRET}", "has an option after ? that is not known"),
        ("redis+cluster://h1,h2/1", "has only the database 0"),
        ("redis+cluster://h1?db=1", "has an option after ? that is not known"),
        ("redis+mesh://h1", "must be a URL such as redis://"),
    ],
)
def test_a_url_with_a_part_that_makes_no_sense_is_refused_without_its_secrets(url: str, said: str) -> None:
    with pytest.raises(SettingsProblems) as wrong:
        load_settings(settings_with(url))

    (problem,) = wrong.value.problems
    assert problem.startswith("GATEWAY_REDIS_URL: ")
    assert said in problem
    assert SECRET not in problem


def test_a_file_with_certificates_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")

    assert load_settings(settings_with(f"rediss://h?ssl_ca_certs={tmp_path}/ca.pem")).redis_url
