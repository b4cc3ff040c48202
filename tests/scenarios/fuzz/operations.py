"""Generated operations over the whole schema: valid ones, invalid ones, and broken texts."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from graphql import GraphQLSchema, print_schema
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis_graphql import Mode, from_schema, nodes

BROKEN: Final = 0.4
"""The share of texts that are made of generated ones by breaking them."""

BATCH: Final = 60
"""Operations that are generated for a root field at a time."""

SCALARS: Final = {
    "DateTime": st.datetimes().map(lambda value: nodes.String(f"{value.isoformat()}Z")),
    "Date": st.dates().map(lambda value: nodes.String(value.isoformat())),
    "Decimal": st.decimals(allow_nan=False, allow_infinity=False).map(lambda value: nodes.String(str(value))),
    "JSON": st.text(max_size=20).map(nodes.String) | st.integers().map(nodes.Int),
}

IDS: Final = (
    *("1", "Delivery:1", "Product:1", "DspUploadIdentification:1", "SmsJob:x", "Recipient:a/b", "LogisticsTask:1"),
    *(
        "Organization:1",
        "../../etc",
        "a\\u0000b",
        "a\\r\\nX: y",
        "%2e%2e",
        "x" * 300,
        "\U0001f600",
        "",
        ".",
        "Nothing:1",
    ),
)
"""What ids are replaced by: those of real things, and hostile ones."""

TOKENS: Final = (
    *("{", "}", "(", ")", "[", "]", ":", "!", "$", "@", "...", "|", "=", "&", "#", '"', '"""', "\\", ",", "\x00", "é"),
    *("null", "true", "1e999", "-", "query", "mutation", "subscription", "fragment", "on", "__typename", "__schema"),
    *("@skip(if: true)", "@include(if: $x)", "@defer", "@stream", "99999999999999999999", "id", "nodes", "edges"),
)

VARIABLES: Final[tuple[dict[str, Any] | None, ...]] = (
    *(None, None, {}, {"x": True}, {"x": None}, {"x": 10**40}, {"x": -(10**400)}, {"x": 1e308}, {"x": -0.0}),
    *({"": ""}, {"literal 0": "2"}, {"x": "\x00\u2028\U0001f600"}, {"x": [[[{"y": []}]]]}, {"x": "x" * 10_000}),
)
"""What is sent beside documents, most of which have no variables."""


def operations(schema: GraphQLSchema, seed_number: int, count: int) -> Iterator[str]:
    """Documents, the same for the same seed.

    Args:
        schema: What they are about.
        seed_number: Any number.
        count: How many.
    """
    random = Random(seed_number)  # noqa: S311 - fuzzing is no cryptography
    roots = [root for root in (schema.query_type, schema.mutation_type) if root is not None]
    fields = [name for root in roots for name in root.fields]
    text = print_schema(schema)
    made = 0
    while made < count:
        field, mode = random.choice(fields), random.choice((Mode.POSITIVE, Mode.NEGATIVE))
        try:
            batch = _generated(text, field, mode, random.randrange(2**32), min(BATCH, count - made))
        except InvalidArgument:
            # A field without arguments has nothing that could be invalid.
            continue
        for one in batch:
            yield _with_ids(_broken(one, random) if random.random() < BROKEN else one, random)
        made += len(batch)


def _generated(schema: str, field: str, mode: Mode, seed_number: int, count: int) -> list[str]:
    found: list[str] = []

    @seed(seed_number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(from_schema(schema, fields=[field], custom_scalars=SCALARS, mode=mode))
    def generate(document: str) -> None:
        found.append(document)

    generate()
    return found[:count]


def _with_ids(document: str, random: Random) -> str:
    """With other values in the places of some empty strings, where ids most often are."""
    pieces = document.split('""')
    quoted = [f'"{random.choice(IDS)}"' if random.random() < 0.7 else '""' for _ in pieces[1:]]
    return pieces[0] + "".join(quote + piece for quote, piece in zip(quoted, pieces[1:], strict=True))


def _broken(document: str, random: Random) -> str:
    for _ in range(random.randint(1, 4)):
        start = random.randrange(len(document) + 1)
        end = min(len(document), start + random.randint(0, 30))
        match random.randrange(4):
            case 0:
                document = document[:start] + document[end:]
            case 1:
                document = document[:start] + random.choice(TOKENS) + document[start:]
            case 2:
                document = document[:start] + document[start:end] * random.randint(2, 20) + document[end:]
            case _:
                document = document[:start] + random.choice(TOKENS) + document[end:]
    return document
