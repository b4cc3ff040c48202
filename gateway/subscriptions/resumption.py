"""`Last-Event-ID`: a subscription goes on after an event that the client names in a header, not in its document."""

from typing import Any, Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    NameNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)

RESUMING_ARGUMENT: Final = "after"


def resumed(schema: GraphQLSchema, document: DocumentNode, cursor: str) -> DocumentNode:
    """The document with the cursor as the argument `after` of every subscription field that has one.

    What a browser's EventSource sends when it reconnects is the same document and variables as before, and this
    header: it is the newer of the two, so it takes the place of any `after` given there.

    Args:
        schema: What the document was validated against.
        document: The client's; left as it is.
        cursor: The id of the last event that the client has received.
    """
    types = TypeInfo(schema)
    changed: DocumentNode = visit(document, TypeInfoVisitor(types, _Resuming(schema, types, cursor)))
    return changed


class _Resuming(Visitor):
    """Rewrites the fields at a subscription's root; lives as long as one visit."""

    def __init__(self, schema: GraphQLSchema, types: TypeInfo, cursor: str) -> None:
        super().__init__()
        self._root = schema.subscription_type
        self._types = types
        self._argument = ArgumentNode(
            name=NameNode(value=RESUMING_ARGUMENT), value=StringValueNode(value=cursor, block=False)
        )

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode | None:  # noqa: ANN401 - what graphql-core passes on
        definition = self._types.get_field_def()
        if self._types.get_parent_type() is not self._root or definition is None:
            return None
        if RESUMING_ARGUMENT not in definition.args:
            return None
        others = [one for one in node.arguments or () if one.name.value != RESUMING_ARGUMENT]
        return FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=(*others, self._argument),
            directives=node.directives,
            selection_set=node.selection_set,
        )
