"""Opens the answers of the logistics API: refusals, messages, pages of lists, and the envelopes around records.

The vendor's documents show no refusal. An array may be null if it is empty, and one task may stand in place of an array
of tasks, as the document of Create Draft Tasks shows it. Organizations and roles are decoded twice, for the fields that
are known and for the whole object, because both are in the record.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import msgspec

from resolvers.errors import NotAllowedNow, UpstreamBadAnswer
from resolvers.upstreams.answers import decode, in_own_words, names_a_failure, require_success, whole_or_none
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.error_body import ErrorBody, read_error_body
from resolvers.upstreams.fields import NonEmpty
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.logistics.account_records import Organization, OrganizationReference, Role
from resolvers.upstreams.logistics.task_records import LogisticsTask, TaskReference, UpdatedTask


def require_logistics_success(call: Call, answer: Answer) -> None:
    """Raise the error that an answer means; return if it is a success.

    Raises:
        NotAllowedNow: the status of the task forbids the operation.
        UpstreamError: the kind that fits the HTTP status.
    """
    # Of these two, because no document shows which of them a forbidden status is answered with.
    if answer.status in {409, 422}:
        error_body = read_error_body(answer.body)
        if _status_forbids(call.operation, answer.status, error_body):
            said = in_own_words(error_body.words, answer.status)
            raise NotAllowedNow(
                call.upstream,
                f"{call.upstream.name} refused to {call.purpose}, because the task's status forbids it. {said}",
            )
    require_success(call, answer, read_error_body)


def _status_forbids(operation: str, http_status: int, error_body: ErrorBody) -> bool:
    """Guess whether a 409 or 422 is about the status of a task: the vendor documents the rule and not its answer."""
    if error_body.code is not None and "status" in error_body.code.lower():
        return True
    # The only input of a cancel is the reason, so a refusal that does not mention it is about the status (Cancel Task).
    return operation == "cancel_task" and (http_status == 409 or "reason" not in (error_body.message or "").lower())


Record = TypeVar("Record")


class ListPage(msgspec.Struct, Generic[Record], frozen=True):
    """One page of a list. Lifetime: cache entry.

    Args:
        records: The records in the upstream's order.
        per_page: The page size that the upstream used, which may differ from the one asked for; None if it is unknown.
    """

    records: list[Record]
    per_page: int | None = None

    @property
    def total(self) -> None:
        """None: this API does not say how long a list is."""


class _Meta(msgspec.Struct, frozen=True):
    # From 1, because pages are counted by dividing by it.
    per_page: Annotated[int, msgspec.Meta(ge=1)] | None = None


def page_size(meta: Any) -> int | None:  # noqa: ANN401 - the documents show an empty object and name no field
    """Return the page size in a list's `meta`; None if it has none that can be read."""
    try:
        return msgspec.convert(meta, _Meta, strict=False).per_page
    except msgspec.ValidationError:
        return None


class _Message(msgspec.Struct, frozen=True):
    message: str
    # The documents show messages without a code, and `success` as the only code (price): both confirm.
    code: str = "success"


_MESSAGE: Final = msgspec.json.Decoder(_Message)


def message(call: Call, answer: Answer) -> str | None:
    """Return the message that a change without a record is answered with; None if the answer has none.

    Raises:
        UpstreamBadAnswer: it is an error under a status of success, or has a code other than `success`.
    """
    # Any other code is an error here, because there is no record to read that could show whether the change was made.
    answered = whole_or_none(_MESSAGE, call, answer)
    if answered is not None and not _is_success(answered):
        raise _undone(call, answered)
    return None if answered is None else answered.message


def confirmation(call: Call, answer: Answer) -> str | None:
    """Return the message of a change that the answer confirms; None if its code is unknown or it has no message.

    Raises:
        UpstreamBadAnswer: it is an error under a status of success.
    """
    answered = whole_or_none(_MESSAGE, call, answer)
    if answered is None or _is_success(answered):
        return None if answered is None else answered.message
    if names_a_failure(answered.code):
        raise _undone(call, answered)
    # Any other code leaves it open whether the change was made, which the record then shows.
    return None


def _undone(call: Call, answered: _Message) -> UpstreamBadAnswer:
    said = in_own_words(f"{answered.message} ({answered.code})", 200)
    return UpstreamBadAnswer(
        call.upstream,
        f"{call.upstream.name} was asked to {call.purpose}, and answered as if it had, but with an error. {said}",
        outcome_unknown=not call.repeatable,
    )


def _is_success(answered: _Message) -> bool:
    return answered.code.strip().lower() == "success"


class _Tasks(msgspec.Struct, frozen=True):
    # Required, null or not: an object without `tasks` is some other answer, and not one without tasks.
    tasks: list[LogisticsTask] | LogisticsTask | None


class _CreatedReference(msgspec.Struct, frozen=True):
    tasks: TaskReference


class _TaskPage(_Tasks, frozen=True):
    meta: Any = None


class _UpdatedTasks(msgspec.Struct, frozen=True):
    updated_tasks: list[UpdatedTask] | None


# Not strict, so that a number as text, or the other way round, needs no second and slower reading.
_TASK: Final = msgspec.json.Decoder(LogisticsTask, strict=False)
_TASKS: Final = msgspec.json.Decoder(_Tasks, strict=False)
_CREATED_REFERENCE: Final = msgspec.json.Decoder(_CreatedReference, strict=False)
_TASK_PAGE: Final = msgspec.json.Decoder(_TaskPage, strict=False)
_UPDATED_TASKS: Final = msgspec.json.Decoder(_UpdatedTasks, strict=False)


def one_task(call: Call, answer: Answer) -> LogisticsTask:
    """Return the task that an answer is."""
    return decode(_TASK, call, answer)


def changed_task(call: Call, answer: Answer) -> LogisticsTask | None:
    """Return the task that its change was answered with; None if the answer is not the whole task."""
    return whole_or_none(_TASK, call, answer)


def created_tasks(call: Call, answer: Answer) -> Sequence[LogisticsTask | TaskReference]:
    """Return the tasks that a creation was answered with, in its order; one that lacks even its id is left out."""
    whole = whole_or_none(_TASKS, call, answer)
    if whole is not None:
        known = [_task_or_reference(one) for one in _listed(whole)]
        return [one for one in known if one is not None]
    # One object with no more than an id, as Create Draft Tasks shows an object in place of the array.
    return [decode(_CREATED_REFERENCE, call, answer).tasks]


def page_of_tasks(call: Call, answer: Answer) -> ListPage[LogisticsTask]:
    """Return the page of the list of tasks that an answer is."""
    page = decode(_TASK_PAGE, call, answer)
    return ListPage(_listed(page), page_size(page.meta))


def updated_tasks(call: Call, answer: Answer) -> list[UpdatedTask] | None:
    """Return the tasks that were changed; those that were not are missing from the answer.

    Returns:
        None if the change was made and the answer does not name the tasks, or not all of them.
    """
    answered = whole_or_none(_UPDATED_TASKS, call, answer)
    if answered is None:
        return None
    # Null reads as empty: the answer then names no task that was changed, and each is reported as not changed.
    tasks = answered.updated_tasks or []
    # Without one name the list would show a changed task as unchanged, so the caller has to read the tasks.
    if any(isinstance(one, UnreadableRecord) and one.own_id is None for one in tasks):
        return None
    # Only the ids matter, because each changed task is read again.
    return [UpdatedTask(one.own_id or "") if isinstance(one, UnreadableRecord) else one for one in tasks]


def _task_or_reference(task: LogisticsTask) -> LogisticsTask | TaskReference | None:
    """Return a created task, or its id if the rest cannot be read; None if that cannot be read either."""
    if not isinstance(task, UnreadableRecord):
        return task
    return None if task.own_id is None else TaskReference(task.own_id)


def _listed(answer: _Tasks) -> list[LogisticsTask]:
    tasks = answer.tasks
    return [tasks] if isinstance(tasks, LogisticsTask) else tasks or []


class _OrganizationFields(msgspec.Struct, frozen=True):
    id: NonEmpty
    business_name: str | None = None


class _RoleFields(msgspec.Struct, frozen=True):
    id: NonEmpty
    name: str | None = None


class _OneOrganization(msgspec.Struct, frozen=True):
    organization: _OrganizationFields


class _OneReference(msgspec.Struct, frozen=True):
    organization: OrganizationReference


class _OneObject(msgspec.Struct, frozen=True):
    organization: dict[str, Any]


class _Organizations(msgspec.Struct, frozen=True):
    organizations: list[_OrganizationFields] | None
    meta: Any = None


class _OrganizationObjects(msgspec.Struct, frozen=True):
    organizations: list[Any] | None


class _Roles(msgspec.Struct, frozen=True):
    roles: list[_RoleFields] | None


class _RoleObjects(msgspec.Struct, frozen=True):
    roles: list[Any] | None


_ONE_ORGANIZATION: Final = msgspec.json.Decoder(_OneOrganization)
_ONE_REFERENCE: Final = msgspec.json.Decoder(_OneReference)
_ONE_OBJECT: Final = msgspec.json.Decoder(_OneObject)
_ORGANIZATIONS: Final = msgspec.json.Decoder(_Organizations)
_ORGANIZATION_OBJECTS: Final = msgspec.json.Decoder(_OrganizationObjects)
_ROLES: Final = msgspec.json.Decoder(_Roles)
_ROLE_OBJECTS: Final = msgspec.json.Decoder(_RoleObjects)


def one_organization(call: Call, answer: Answer) -> Organization:
    """Return the organization in an answer."""
    return _with_attributes(decode(_ONE_ORGANIZATION, call, answer), call, answer)


def created_organization(call: Call, answer: Answer) -> Organization | OrganizationReference:
    """Return the organization that its creation was answered with, or a reference if there is no more than its id."""
    known = whole_or_none(_ONE_ORGANIZATION, call, answer)
    # Without a name it is not the whole object, which the caller then reads.
    if known is None or known.organization.business_name is None:
        return decode(_ONE_REFERENCE, call, answer).organization
    return _with_attributes(known, call, answer)


def page_of_organizations(call: Call, answer: Answer) -> ListPage[Organization]:
    """Return the page of the list of organizations that an answer is."""
    page = decode(_ORGANIZATIONS, call, answer)
    objects = decode(_ORGANIZATION_OBJECTS, call, answer).organizations or ()
    known = page.organizations or ()
    # Both decodings keep every element in its place, unreadable ones too, so that they pair.
    records = [_organization(own, one) for own, one in zip(known, objects, strict=True)]
    return ListPage(records, page_size(page.meta))


def many_roles(call: Call, answer: Answer) -> list[Role]:
    """Return the roles in an answer, in its order, without those that cannot be read."""
    known = decode(_ROLES, call, answer).roles or ()
    objects = decode(_ROLE_OBJECTS, call, answer).roles or ()
    roles = zip(known, objects, strict=True)
    # Left out, because the schema's list of roles holds no null that could stand for one.
    return [Role(own.id, own.name, one) for own, one in roles if not isinstance(own, UnreadableRecord)]


def _organization(known: _OrganizationFields, attributes: dict[str, Any]) -> Organization:
    if isinstance(known, UnreadableRecord):
        # It stays in the list, where `as_nodes` makes an error of it.
        return cast("Organization", known)
    return Organization(known.id, known.business_name, attributes)


def _with_attributes(known: _OneOrganization, call: Call, answer: Answer) -> Organization:
    own = known.organization
    return Organization(own.id, own.business_name, decode(_ONE_OBJECT, call, answer).organization)
