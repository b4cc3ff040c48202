"""The operations of the soak: each number gives another document, and what its answer may hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

DOCUMENTS: Final = 2**18
"""How many documents there are."""

# Odd, so that it permutes the numbers below a power of two: neighbours have little in common.
_STRIDE: Final = 0x9E37_79B1

NEW_SHAPES: Final = 10
SHAPES: Final = 200
"""How many documents the other operations have, but for their literals: fewer than a process keeps."""

_STAMPED: Final = "stamp"
"""The alias of the field that every upstream answers with the name of the credentials that it was asked with."""

_FIELDS: Final[Mapping[str, str]] = {
    "logisticsTask": """invoiceNumber id progress final rawStatus trackingId groupTag distanceMeters urgent status
        cargoNetQuantity vehicleEmissionsType creationGroup clientTimezone organizationId platformId versionRev
        updatedAt taskId""",
    "delivery": """batchId id progress final rawStatus sendTaskId type status deliverable priority messageId sendDate
        sentOn sentAt packagedBy sentBy createdBy createdAt updatedAt""",
    "smsJob": """source id progress final rawStatus jobId encoding billcode statusRequested flash validityMinutes
        customerRef qos receivedAt finishedAt jobId id final progress""",
}
"""Of each root field, the field that shows the credentials, and 18 others of which each number chooses some."""

_OF_EACH: Final = 25
"""Records that are asked for: few, so that most are in the caches, and an operation is cheap."""

_ROOTS: Final = (("logisticsTask",), ("delivery",), ("delivery", "logisticsTask"), ("smsJob", "delivery"))

FOLLOW: Final = (
    "subscription ($ids: [ID!]!) { statusChanged(ids: $ids) "
    "{ kind problem { code } node { ... on LogisticsTask { stamp: invoiceNumber } } } }"
)
"""The document of the subscriptions."""

UPSTREAM_CODES: Final = frozenset(
    {
        "UPSTREAM_UNAVAILABLE",
        "UPSTREAM_TIMEOUT",
        "UPSTREAM_RATE_LIMITED",
        "UPSTREAM_AUTH",
        "UPSTREAM_BAD_ANSWER",
        "EVENTS_UNAVAILABLE",
        "NOT_FOUND",
    }
)
"""Codes of errors that injected faults may lead to: whatever else is answered is the gateway's own failure."""


@dataclass(frozen=True)
class RecordIds:
    """The ids of records that the upstreams have now; value."""

    tasks: Sequence[str]
    deliveries: Sequence[str]
    jobs: Sequence[str]

    def of(self, root: str, number: int) -> str:
        """Return one of the ids for a root field."""
        ids = {"logisticsTask": self.tasks, "delivery": self.deliveries, "smsJob": self.jobs}[root]
        return ids[number % min(_OF_EACH, len(ids))]


def operation(number: int, ids: RecordIds, *, logistics_only: bool) -> bytes:
    """Return the body of a request; those of different numbers below `DOCUMENTS` differ.

    One in `NEW_SHAPES` has a document that has to be parsed and validated. The others have the document of another one
    but for their literals, one of which is of a field that is skipped.

    Args:
        number: Decides fields, records, and whether ids are literals or variables.
        ids: The records to choose from.
        logistics_only: Whether the caller may ask for logistics tasks only.
    """
    chosen = (number % DOCUMENTS) * _STRIDE % DOCUMENTS
    shape, skipped = (chosen, "") if number % NEW_SHAPES == 0 else (number % SHAPES, f" {_skipped(chosen)}")
    roots = _ROOTS[0] if logistics_only else _ROOTS[shape % len(_ROOTS)]
    named = {root: ids.of(root, chosen >> 3) for root in roots}
    if shape % 2 or skipped:
        selections = [_selection(root, f'"{record_id}"', shape) for root, record_id in named.items()]
        return orjson.dumps({"query": f"query Q{shape} {{ {' '.join(selections)}{skipped} }}"})
    declared = ", ".join(f"${root}: ID!" for root in roots)
    selections = [_selection(root, f"${root}", shape) for root in roots]
    return orjson.dumps({"query": f"query Q{shape}({declared}) {{ {' '.join(selections)} }}", "variables": named})


def _skipped(number: int) -> str:
    return f'skipped: logisticsTask(id: "none-{number}") @skip(if: true) {{ id }}'


def _selection(root: str, argument: str, chosen: int) -> str:
    stamp, *optional = _FIELDS[root].split()
    fields = [name for place, name in enumerate(optional) if chosen >> place & 1]
    return f"{root}(id: {argument}) {{ {_STAMPED}: {stamp} {' '.join(fields)} }}"


def problems(status: int, body: bytes, stamp: str) -> Iterator[str]:
    """Yield what is wrong with an answer.

    Args:
        status: The HTTP status.
        body: The body.
        stamp: The name of the credentials that each record must have been read with.
    """
    answer = orjson.loads(body)
    codes = {error.get("extensions", {}).get("code") for error in answer.get("errors", ())}
    if codes - UPSTREAM_CODES or (status != 200 and not codes):
        yield f"status {status}, codes {sorted(map(str, codes))}"
    for found in stamps(answer.get("data")):
        if found != stamp:
            yield f"a record of {found} was answered to {stamp}"


def stamps(data: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield the stamp of each record in a response's data."""
    if isinstance(data, dict):
        if data.get(_STAMPED) is not None:
            yield data[_STAMPED]
        for value in data.values():
            yield from stamps(value)
