"""The catalogue: every type of record that has a global id, with all that the gateway derives from it.

Each type is described once, in `resolvers/kinds/`. Derived from the description are: the form of its global ids, the
loader that fetches it, the scope that reading it requires, what is invalidated when it changes, whether its status can
be followed, how the record of an event is decoded, and the operation that its cost is counted as.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from resolvers.cache.kind import CachedKind
from resolvers.errors import BadInput
from resolvers.ids import IdForm, not_of_form
from resolvers.quoting import quoted
from resolvers.upstreams.names import UpstreamName


@dataclass(frozen=True, eq=False)
class RecordType:
    """A type of record with a global id. Making one adds it to the catalogue. Lifetime: process.

    Args:
        form: The form of the upstream's own ids; it has the type's name.
        kind: The kind that a record is fetched and kept as.
        tracked: The class of the records, if their status can be followed; None if they have no status.
        part: Finds the record by its id in a value of the kind, for kinds whose values contain several records. The
            own id of such a record is the id of the value, a slash, and the id within it.
        subject: Whether an SMS job can be sent about such a record.
        internal: Whether only the gateway follows such records, as boards: they have no global id for clients.

    Raises:
        ValueError: Another type has this name.
    """

    form: IdForm
    kind: CachedKind[Any]
    _: KW_ONLY
    tracked: type | None = None
    part: Callable[[Any, str], Any] | None = None
    subject: bool = False
    internal: bool = False

    _types: ClassVar[dict[str, "RecordType"]] = {}
    _internal: ClassVar[dict[str, "RecordType"]] = {}

    def __post_init__(self) -> None:
        """Add the type to the catalogue."""
        if self.name in {**self._types, **self._internal}:
            raise ValueError(f"There are two types of record with the name {self.name}: give the second another one.")
        # By being made, so that no list of types has to be kept, nor extended for upstreams from outside.
        (self._internal if self.internal else self._types)[self.name] = self

    @property
    def name(self) -> str:
        """The GraphQL type, which stands before the colon of a global id."""
        return self.form.type_name

    @property
    def upstream(self) -> UpstreamName:
        """The upstream of its records."""
        return self.kind.upstream

    def kept_id(self, own_id: str) -> str:
        """Return the id by which the kind keeps a record; for a part, that of the value that contains it."""
        return own_id if self.part is None else own_id.partition("/")[0]

    def __repr__(self) -> str:
        return f"<RecordType {self.name}>"


def record_types() -> Mapping[str, RecordType]:
    """Return every type of record by its name."""
    return RecordType._types  # noqa: SLF001 - of this module


def followed_type(name: str) -> RecordType:
    """Return a type of record that events can be about, also one that is internal.

    Raises:
        KeyError: There is no such type.
    """
    found = RecordType._types.get(name)  # noqa: SLF001 - of this module
    return RecordType._internal[name] if found is None else found  # noqa: SLF001 - of this module


def tracked_types() -> list[str]:
    """Return the names of the types whose status can be followed, in alphabetical order."""
    return sorted(name for name, one in record_types().items() if one.tracked is not None)


def split_global_id(value: str) -> tuple[RecordType, str] | None:
    """Return the type and the upstream's own id; None if the value is no global ID of this gateway."""
    name, separator, own_id = value.partition(":")
    found = record_types().get(name)
    if not separator or found is None or not found.form.fits(own_id):
        return None
    return found, own_id


def require_global_id(value: str, path: tuple[str | int, ...]) -> tuple[RecordType, str]:
    """Return the type and the upstream's own id in an argument that takes only a global ID.

    Args:
        value: The argument as the client sent it.
        path: The path of the argument.

    Raises:
        BadInput: The value is no global ID.
    """
    found = split_global_id(value)
    if found is not None:
        return found
    name, separator, _ = value.partition(":")
    known = record_types().get(name)
    if separator and known is not None:
        # Its kind is right, so the message is about the form of its id.
        raise not_of_form(known.form, value, path)
    names = ", ".join(sorted(record_types()))
    raise BadInput(
        f"{quoted(value)} is no global id: it reads Kind:id, such as Delivery:4711. Kinds are {names}.", path=path
    )


def local_id(form: IdForm, value: str, path: tuple[str | int, ...]) -> str:
    """Return the upstream's own id in an argument that takes a global ID or the upstream's own id.

    Args:
        form: The form of the ids of the type that the argument takes.
        value: The argument as the client sent it.
        path: The path of the argument.

    Raises:
        BadInput: The value cannot be an id of that type.
    """
    named, separator, rest = value.partition(":")
    own_id = value
    if separator and named in record_types():
        if named != form.type_name:
            raise BadInput(f"{quoted(value)} is an id of the kind {named}, not {form.type_name}.", path=path)
        own_id = rest
    if not form.fits(own_id):
        raise not_of_form(form, value, path, is_global=form.type_name in record_types())
    return own_id
