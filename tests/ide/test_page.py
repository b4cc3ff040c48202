import base64
import hashlib
import json
import re
from itertools import count
from pathlib import Path

import httpx
import pytest

from gateway.ide.page import Example, Ide, IdeEndpoint, IdePage

INDEX = "<!doctype html><html><head><title>IDE</title></head><body></body></html>"


@pytest.fixture
def built(tmp_path: Path) -> Ide:
    (tmp_path / "index.html").write_text(INDEX)
    return Ide(tmp_path)


@pytest.fixture
def unbuilt(tmp_path: Path) -> Ide:
    return Ide(tmp_path)


def policy_of(page: IdePage) -> dict[str, list[str]]:
    text = dict(page.headers)[b"content-security-policy"].decode()
    directives = [directive.split() for directive in text.split("; ")]
    return {name: sources for name, *sources in directives}


def examples_in(page: IdePage) -> object:
    found = re.search(rb'<script type="application/json" id="gateway-examples">(.*?)</script></head>', page.body)
    assert found is not None
    return json.loads(found[1])


def test_the_built_page_may_load_from_its_own_origin_alone(built: Ide) -> None:
    policy = policy_of(built.page())

    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }


@pytest.mark.parametrize("front_end", ["built", "unbuilt"])
def test_every_page_carries_the_security_headers(front_end: str, request: pytest.FixtureRequest) -> None:
    ide: Ide = request.getfixturevalue(front_end)

    page = ide.page()

    headers = dict(page.headers)
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert headers[b"content-length"] == b"%d" % len(page.body)
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert headers[b"vary"] == b"accept"
    assert headers[b"cache-control"] == b"no-cache"


def test_the_gateways_examples_reach_the_page_as_json(built: Ide) -> None:
    examples = [Example("Follow a task", variables={"ids": ["x"]}), Example("Versions", query="{ smsApiVersion }")]

    page = built.page(examples)

    assert examples_in(page) == [
        {"title": "Follow a task", "variables": {"ids": ["x"]}},
        {"title": "Versions", "query": "{ smsApiVersion }"},
    ]


async def test_each_page_has_the_examples_of_the_moment_it_is_loaded(built: Ide) -> None:
    numbers = count()
    endpoint = IdeEndpoint(built, lambda: [Example(f"Number {next(numbers)}")])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://gateway") as client:
        pages = [await client.get("/graphql") for _ in range(2)]

    assert ["Number 0" in pages[0].text, "Number 1" in pages[1].text] == [True, True]
    assert all(int(page.headers["content-length"]) == len(page.content) for page in pages)


def test_an_example_cannot_end_its_element(built: Ide) -> None:
    title = "</script><script>alert(1)</script><!--"

    page = built.page([Example(title)])

    assert examples_in(page) == [{"title": title}]
    assert page.body.count(b"</script>") == 1


def test_without_a_build_the_page_says_so_and_names_one_cdn_alone(unbuilt: Ide) -> None:
    page = unbuilt.page()

    hosts = set(re.findall(rb"https?://([^/\"' ]+)", page.body + dict(page.headers)[b"content-security-policy"]))
    assert not unbuilt.built
    assert hosts == {b"cdn.jsdelivr.net"}


def test_every_file_from_the_cdn_is_pinned_by_version_and_hash_and_allowed_by_its_full_address(unbuilt: Ide) -> None:
    page = unbuilt.page()

    elements = re.findall(r"<(?:script|link)[^>]*https:[^>]*>", page.body.decode())
    allowed = policy_of(page)["script-src"] + policy_of(page)["style-src"]
    assert len(elements) == 4
    for element in elements:
        url = re.search(r'(?:src|href)="([^"]+)"', element)
        assert url is not None
        assert url[1] in allowed
        assert re.search(r"@\d+\.\d+\.\d+/", url[1])
        assert re.search(r' integrity="sha384-[A-Za-z0-9+/]{64}" crossorigin="anonymous"', element)


def test_the_cdn_pages_own_script_is_allowed_by_its_hash_and_no_other_inline_script(unbuilt: Ide) -> None:
    page = unbuilt.page()

    (script,) = re.findall(rb"<script>(.*?)</script>", page.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    inline = [source for source in policy_of(page)["script-src"] if source.startswith("'")]
    assert inline == [f"'sha256-{digest}'"]
