"""Which variables a part of a document names."""

from graphql import Node, VariableNode, Visitor, visit


def variables_in(node: Node) -> frozenset[str]:
    """The names of the variables anywhere in a node."""
    search = _Search()
    visit(node, search)
    return frozenset(search.names)


class _Search(Visitor):
    """Collects names; lives as long as one search."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)
