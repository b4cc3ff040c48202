import json
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, parse

FRONTEND = Path(__file__).parents[2] / "frontend"
EXAMPLES = sorted((FRONTEND / "src" / "examples").glob("*.graphql"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_one_named_operation_under_a_comment(path: Path) -> None:
    text = path.read_text()

    (operation,) = parse(text).definitions

    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name is not None
    assert text.startswith("# ")


def test_the_examples_show_every_kind_of_operation() -> None:
    operations = [parse(path.read_text()).definitions[0] for path in EXAMPLES]

    kinds = {operation.operation.value for operation in operations if isinstance(operation, OperationDefinitionNode)}

    assert kinds == {"query", "mutation", "subscription"}


def test_the_lock_file_holds_no_download_addresses() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]

    assert not [name for name, package in packages.items() if "resolved" in package]
