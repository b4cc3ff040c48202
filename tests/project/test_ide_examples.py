import json
from pathlib import Path

import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, parse, validate
from graphql.execution.values import get_variable_values

from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.project.tree import ROOT

EXAMPLES = sorted((ROOT / "frontend" / "src" / "examples").glob("*.graphql"))
VARIABLES_OF = {"across-all": "logistics"}


@pytest.fixture(scope="module")
def served() -> GraphQLSchema:
    return core_schema(build_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid(path: Path, served: GraphQLSchema) -> None:
    assert validate(served, parse(path.read_text())) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_examples_variables_fit_it(path: Path, served: GraphQLSchema) -> None:
    (operation,) = parse(path.read_text()).definitions
    assert isinstance(operation, OperationDefinitionNode)
    variables = path.with_name(f"{VARIABLES_OF.get(path.stem, path.stem)}.json")
    given = json.loads(variables.read_text()) if variables.exists() else {}

    coerced = get_variable_values(served, operation.variable_definitions or (), given)

    assert not isinstance(coerced, list), coerced
