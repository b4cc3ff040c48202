from pathlib import Path
from typing import Final

import pytest
from graphql import (
    DangerousChangeType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

from schema.root import build_schema as build_served_schema
from tests.contract.elements import Element, elements

BESIDE_THE_CONTRACT: Final = (
    "ChangesFilter",
    "ChangesFilter.deliveries",
    "ChangesFilter.logisticsTasks",
    "ChangesFilter.smsJobs",
    "ListEvent",
    "ListEvent.cursor",
    "ListEvent.kind",
    "ListEvent.node",
    "ListEvent.nodeId",
    "ListEvent.nodes",
    "ListEvent.occurredAt",
    "ListEvent.previousRawStatus",
    "ListEvent.problem",
    "ListEvent.rawStatus",
    "ListEvent.source",
    "ListEventKind",
    "ListEventKind.CHANGED",
    "ListEventKind.ENTERED",
    "ListEventKind.GAP",
    "ListEventKind.LEFT",
    "ListEventKind.PROBLEM",
    "ListEventKind.SNAPSHOT",
    "ListOrder",
    "ListOrder.NEWEST_FIRST",
    "ListOrder.OLDEST_FIRST",
    "ListProblem",
    "ListProblem.code",
    "ListProblem.message",
    "ListProblem.retryable",
    "LogisticsTaskFilter",
    "LogisticsTaskFilter.groupTag",
    "LogisticsTaskFilter.organizationId",
    "LogisticsTaskFilter.pickupFrom",
    "LogisticsTaskFilter.pickupTo",
    "LogisticsTaskFilter.statuses",
    "LogisticsTaskFilter.trackingId",
    "LogisticsTaskFilter.updatedFrom",
    "LogisticsTaskFilter.updatedTo",
    "Query.deliveries(before:)",
    "Query.deliveries(last:)",
    "Query.deliveries(orderBy:)",
    "Query.logisticsTasks(before:)",
    "Query.logisticsTasks(filter:)",
    "Query.logisticsTasks(last:)",
    "Query.logisticsTasks(orderBy:)",
    "Query.organizations(before:)",
    "Query.organizations(last:)",
    "Query.recipients(before:)",
    "Query.recipients(last:)",
    "Query.smsJobs(before:)",
    "Query.smsJobs(last:)",
    "Query.smsJobs(orderBy:)",
    "SmsJob.recipients(before:)",
    "SmsJob.recipients(last:)",
    "Delivery.smsJobs",
    "Delivery.smsJobs(after:)",
    "Delivery.smsJobs(first:)",
    "LogisticsTask.smsJobs",
    "LogisticsTask.smsJobs(after:)",
    "LogisticsTask.smsJobs(first:)",
    "SmsJobSearch",
    "SmsJobSearch.nodes",
    "SmsJobSearch.pageInfo",
    "SmsJobSearch.searched",
    "CreateDeliveryInput.idempotencyKey",
    "IdempotencyUnavailable",
    "IdempotencyUnavailable.message",
    "IdempotencyUnavailable.retryable",
    "Mutation.broadcastLogisticsTasks(idempotencyKey:)",
    "Mutation.broadcastLogisticsTasksWithTracking(idempotencyKey:)",
    "Mutation.createLogisticsTasks(idempotencyKey:)",
    "Mutation.createOrganization(idempotencyKey:)",
    "Mutation.inviteUser(idempotencyKey:)",
    "SendSmsInput.idempotencyKey",
    "SmsJobFilter",
    "SmsJobFilter.open",
    "Subscription.changes",
    "Subscription.changes(after:)",
    "Subscription.changes(filter:)",
)


@pytest.fixture(scope="module")
def contract() -> GraphQLSchema:
    return build_schema((Path(__file__).parent / "contract.graphql").read_text())


@pytest.fixture(scope="module")
def served() -> GraphQLSchema:
    return build_schema(build_served_schema().as_str())


def test_nothing_that_the_contract_promises_is_broken(contract: GraphQLSchema, served: GraphQLSchema) -> None:
    assert find_breaking_changes(contract, served) == []
    # What is added may be left out: it changes no request of a client that does not know it.
    added = {DangerousChangeType.OPTIONAL_ARG_ADDED, DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED}
    assert [one for one in find_dangerous_changes(contract, served) if one.type not in added] == []


def test_what_stands_beside_the_contract_is_listed_here(contract: GraphQLSchema, served: GraphQLSchema) -> None:
    promised = {element.name for element in elements(contract)}

    beside = sorted(element.name for element in elements(served) if element.name not in promised)

    assert beside == sorted(BESIDE_THE_CONTRACT)


def test_every_type_argument_and_default_is_the_contracts_own(contract: GraphQLSchema, served: GraphQLSchema) -> None:
    ours = _by_name(served)

    differing = [
        (promised.name, promised.shape, ours[promised.name].shape)
        for promised in elements(contract)
        if promised.shape != ours[promised.name].shape
    ]

    assert differing == []


def test_every_type_field_argument_and_enum_value_is_described(served: GraphQLSchema) -> None:
    silent = [element.name for element in elements(served) if not (element.description or "").strip()]

    assert silent == []


def test_descriptions_say_what_the_contract_says(contract: GraphQLSchema, served: GraphQLSchema) -> None:
    ours = _by_name(served)

    unsaid = [
        promised.name
        for promised in elements(contract)
        if _one_line(promised.description) not in _one_line(ours[promised.name].description)
    ]

    assert unsaid == []


def _by_name(schema: GraphQLSchema) -> dict[str, Element]:
    return {element.name: element for element in elements(schema)}


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
