import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from gateway.settings.problems import ANY_NAME, CONFIG_NAME, Setting, all_settings, environment_name

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
ACCOUNTS = "GATEWAY_ACCOUNTS__<NAME>__<UPSTREAM>__<SETTING>"
_ROW = re.compile(r"^\| `(GATEWAY_[A-Z_<>]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def documented() -> dict[str, str]:
    """The default that the document gives, by setting."""
    return {name: default for name, default, _ in _ROW.findall(DOCUMENT.read_text(encoding="utf-8"))}


def own_settings() -> dict[str, Setting]:
    """All settings but those of accounts, whose rows would repeat the upstreams'."""
    settings = {environment_name(path): setting for path, setting in all_settings().items()}
    return {name: setting for name, setting in settings.items() if not name.startswith("GATEWAY_ACCOUNTS__")}


def shown(setting: Setting) -> str:
    if setting.default is PydanticUndefined and ANY_NAME not in setting.path:
        return "needed"
    if setting.default in (None, (), PydanticUndefined):
        return "none"
    if isinstance(setting.default, bool):
        return f"`{str(setting.default).lower()}`"
    return f"`{','.join(setting.default) if isinstance(setting.default, tuple) else setting.default}`"


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    assert documented().keys() == {*own_settings(), CONFIG_NAME, ACCOUNTS}


def test_accounts_have_the_upstreams_settings_as_the_document_says() -> None:
    accounts = {path[2:] for path in all_settings() if path[0] == "accounts"}

    assert accounts == {path for path in all_settings() if path[0] in ("deliveries", "sms", "logistics")}


def test_the_documented_defaults_are_those_that_hold() -> None:
    defaults = {name: shown(setting) for name, setting in own_settings().items()}

    assert {name: default for name, default in documented().items() if name in defaults} == defaults


def test_every_setting_says_in_the_model_what_it_means() -> None:
    assert [setting.path for setting in all_settings().values() if not setting.meaning] == []
