"""Documents: each is parsed and validated once, however often it is sent."""

from collections import OrderedDict
from collections.abc import Collection
from typing import Any, Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)

from resolvers.errors import BadInput

MAX_DOCUMENTS: Final = 5_000
MAX_CHARACTERS: Final = 8 * 1024 * 1024
"""Over all kept documents; a parsed one takes some 30 times its text."""

MAX_ERRORS: Final = 20


class Document:
    """A parsed document and what is wrong with it; lives as long as the cache keeps it.

    Args:
        node: Its syntax tree; None where it does not parse.
        errors: What keeps it from being executed.
    """

    def __init__(self, node: DocumentNode | None, errors: Collection[GraphQLError]) -> None:
        self.node = node
        self.errors = tuple(errors)
        definitions = () if node is None else node.definitions
        self._operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
        self.plans: dict[str | None, Any] = {}
        """What execution has worked out about each operation of the document, by its name."""

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation that a request means.

        Raises:
            BadInput: there is none of that name, or several and no name.
        """
        if name is None:
            if len(self._operations) == 1:
                return self._operations[0]
            raise BadInput("The document holds several operations; say which in `operationName`.")
        for operation in self._operations:
            if operation.name is not None and operation.name.value == name:
                return operation
        raise BadInput(f"The document holds no operation named {name[:100]!r}.")


class Documents:
    """The documents seen lately; lives as long as its process, bounded in number and in text.

    Args:
        schema: What they are validated against.
        rules: The validation rules, GraphQL's own and ours.
        max_tokens: How many tokens a document may have.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        rules: Collection[type[ASTValidationRule]] = specified_rules,
        *,
        max_tokens: int | None = None,
        max_documents: int = MAX_DOCUMENTS,
        max_characters: int = MAX_CHARACTERS,
    ) -> None:
        self._schema = schema
        self._rules = tuple(rules)
        self._max_tokens = max_tokens
        self._max_documents = max_documents
        self._max_characters = max_characters
        self._characters = 0
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def get(self, text: str) -> Document:
        """The document of a text; with its errors, which are kept as well."""
        document = self._kept.get(text)
        if document is None:
            document = self._read(text)
            self._keep(text, document)
        else:
            self._kept.move_to_end(text)
        return document

    def _read(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=self._max_tokens)
        except GraphQLSyntaxError as error:
            return Document(None, [error])
        except RecursionError:
            return Document(None, [GraphQLError("The document is nested too deeply to be read.")])
        try:
            return Document(node, validate(self._schema, node, self._rules, max_errors=MAX_ERRORS))
        except RecursionError:
            return Document(None, [GraphQLError("The document is nested too deeply to be validated.")])

    def _keep(self, text: str, document: Document) -> None:
        if len(text) > self._max_characters // 8:
            return
        self._kept[text] = document
        self._characters += len(text)
        while len(self._kept) > self._max_documents or self._characters > self._max_characters:
            oldest, _ = self._kept.popitem(last=False)
            self._characters -= len(oldest)
