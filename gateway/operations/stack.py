"""The stack that every operation passes, over whichever transport it comes.

Theory of operation
-------------------
Each step takes a request and returns a reply (`gateway/operations/request.py`), and calls the next unless it has the
reply already or refuses by raising a `GatewayError`. From the outside in::

    counted        what operations came to, for the metrics
    logged         a line for those that are sampled or refused, where the settings ask for it
    persisted      sizes of the request; the document that it names in place of a text
    uninterrupted  a mutation runs to its end when its client leaves
    budgeted       the estimate is taken from the caller's budget, and what was not used is put back
    cached         the response from the cache, or from the same query in flight
    run            parsed, validated, estimated, executed and encoded

The order is that of the list in `build_operation_stack`. A query that the cache answers passes the first five without
being parsed, so none of them may look into the document unless the request needs it. Subscriptions pass `with_document`
and `admit_subscription` instead, since they have many responses; `OperationStack` has what they share with the steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLSchema, OperationDefinitionNode
from redis.asyncio import Redis

from gateway.auth.callers import Caller
from gateway.operations.compiled.plan import CompiledExecution
from gateway.operations.cost.budget import Buckets, BudgetedOperations, Budgets, LocalBuckets, RedisBuckets, SpentCounts
from gateway.operations.cost.estimates import CostConfig, Costs
from gateway.operations.cost.sms_quotas import SmsQuotas
from gateway.operations.documents.documents import Document, Documents
from gateway.operations.documents.limits import DocumentLimits
from gateway.operations.documents.persisted import (
    AutomaticDocuments,
    LocalDocuments,
    Persisted,
    PersistedOperations,
    SharedDocuments,
    TrustedDocuments,
    read_manifest,
    with_document,
)
from gateway.operations.documents.request_limits import RequestCounts, RequestLimits
from gateway.operations.logged_operations import LoggedOperations, LoggedRunner
from gateway.operations.operation_log import OperationLog, OperationLogConfig
from gateway.operations.request import GraphQLRequest, Operations
from gateway.operations.responses.encoding import ResponseWriter
from gateway.operations.responses.response_cache import CachedOperations, CachedOperationsConfig
from gateway.operations.runner import OperationRunner, Runner, RunnerConfig, RunningMutations, UninterruptedMutations
from gateway.settings.model import Settings
from resolvers.cache.records import RecordCache
from resolvers.events.interface import Start
from resolvers.upstreams.transport.stack import loop_clock

RESPONSES_SHARE: Final = 4
"""Whole responses get this part of the cache's bytes, beside the records."""

Step = Callable[[Operations[Caller]], Operations[Caller]]
"""Puts one step around those that follow it."""


@dataclass(frozen=True, slots=True)
class OperationSurroundings:
    """What a stack works with beside the settings; process lifetime.

    Args:
        redis: Where budgets and persisted documents are shared with other processes, if anywhere.
        records: The cache of records, by which responses are forgotten.
        counts: Where requests are counted that are too large.
        spent: Where refusals for spent budgets are counted.
        counted: The outermost step.
    """

    redis: Redis | None
    records: RecordCache
    counts: RequestCounts
    spent: SpentCounts
    counted: Step | None = None


@dataclass(frozen=True, slots=True)
class OperationStack:
    """The steps in their order, and what subscriptions use of them; process lifetime.

    Args:
        operations: The first step.
        documents: Reads and validates documents.
        limits: How large a request may be.
        persisted: Finds the documents that requests name.
        costs: Estimates operations.
        budgets: Charges callers for them; None where callers have none.
        mutations: Those under way.
        writer: Encodes responses, up to its limit.
        log: Of operations; None where the settings ask for none.
    """

    operations: Operations[Caller]
    documents: Documents
    limits: RequestLimits
    persisted: Persisted
    costs: Costs
    budgets: Budgets | None
    mutations: RunningMutations
    writer: ResponseWriter
    log: OperationLog | None = None

    async def with_document(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return the request with its document in `query`.

        Raises:
            RequestTooLarge: It is larger than requests may be.
            BadInput: It names its document wrongly.
            PersistedQueryNotFound: The document is not known.
            Forbidden: It is not one of those that are accepted.
        """
        self.limits.check(request)
        return await with_document(self.persisted, request)

    async def admit_subscription(
        self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest, caller: Caller
    ) -> Start | None:
        """Let a subscription begin, and charge its caller for the start: the calls of its events are not charged.

        Returns:
            What is to be told of the start, so that what it did not use is put back; None where callers have no
            budgets.

        Raises:
            OperationTooExpensive: Its estimate is above the limit.
            BudgetSpent: The caller has used up its budget.
        """
        estimate = self.costs.check(document, operation, request.variables)
        if self.budgets is None:
            return None
        return Start((await self.budgets.charge(caller.name, estimate)).settle)


def build_operation_stack(
    settings: Settings, schema: GraphQLSchema, execution: CompiledExecution, surroundings: OperationSurroundings
) -> OperationStack:
    """Build the stack that the settings ask for.

    Args:
        settings: What the operator set.
        schema: What operations are validated against, and whose fields declare what they cost.
        execution: Executes them.
        surroundings: What the steps share with other parts of the process.

    Raises:
        ManifestProblem: The file of trusted documents is no manifest any more; it was one when the settings were read.
    """
    counts = surroundings.counts
    documents, costs = _documents(settings, schema), _costs(settings, schema, counts)
    limits = RequestLimits(settings.limits.document_bytes, settings.limits.variable_values, counts)
    persisted, budgets = _persisted(settings, surroundings.redis), _budgets(settings, surroundings)
    mutations = RunningMutations()
    writer = ResponseWriter(settings.limits.response_bytes, counts)
    quotas = _sms_quotas(settings, surroundings)
    running = RunnerConfig(settings.deadline_seconds)
    runner = Runner(documents, execution, costs, limits, running, writer, quotas=quotas)
    log = _operation_log(settings, documents)
    logged: OperationRunner = runner if log is None else LoggedRunner(runner, log)
    steps: list[Step | None] = [
        surroundings.counted,
        (lambda operations: LoggedOperations(operations, log)) if log is not None else None,
        lambda operations: PersistedOperations(operations, persisted, limits),
        lambda operations: UninterruptedMutations(operations, documents, mutations),
        (lambda operations: BudgetedOperations(operations, documents, costs, budgets)) if budgets else None,
    ]
    operations = _stacked(steps, _cached(settings, surroundings.records, logged))
    return OperationStack(operations, documents, limits, persisted, costs, budgets, mutations, writer, log)


def _stacked(steps: Sequence[Step | None], last: Operations[Caller]) -> Operations[Caller]:
    for step in reversed(steps):
        if step is not None:
            last = step(last)
    return last


def _cached(settings: Settings, records: RecordCache, runner: OperationRunner) -> Operations[Caller]:
    if records.passes_through:
        return runner
    cache = settings.cache
    config = CachedOperationsConfig(
        keep=cache.enabled, share=cache.coalesce, max_bytes=cache.max_bytes // RESPONSES_SHARE
    )
    return CachedOperations(runner, records.invalidations, config, records.clock)


def _operation_log(settings: Settings, documents: Documents) -> OperationLog | None:
    log = settings.log
    config = OperationLogConfig(log.operations_sample, log.slow_seconds)
    return OperationLog(documents, config) if log.operations else None


def _documents(settings: Settings, schema: GraphQLSchema) -> Documents:
    limits = settings.limits
    return Documents(
        schema,
        DocumentLimits(limits.depth, limits.tokens, limits.aliases, limits.directives),
        # What is in the manifest was put there on purpose, introspection included.
        introspection=settings.introspection,
        suggestions=settings.answers_introspection,
    )


def _persisted(settings: Settings, redis: Redis | None) -> Persisted:
    if settings.trusted_documents is not None:
        return TrustedDocuments(read_manifest(settings.trusted_documents))
    return AutomaticDocuments(SharedDocuments(redis, settings.redis_prefix) if redis else LocalDocuments())


def _costs(settings: Settings, schema: GraphQLSchema, counts: RequestCounts) -> Costs:
    services = [settings.sms, *(account.sms for account in settings.accounts.values())]
    centres = max((len(one.urls) for one in services if one is not None), default=1)
    return Costs(schema, CostConfig(settings.limits.cost, settings.limits.nodes, centres), counts=counts)


def _sms_quotas(settings: Settings, surroundings: OperationSurroundings) -> SmsQuotas | None:
    auth = settings.auth
    if auth.sms_per_minute is None and auth.sms_per_day is None:
        return None
    buckets = _buckets(settings, surroundings.redis)
    return SmsQuotas(buckets, auth.sms_per_minute, auth.sms_per_day, surroundings.counts, surroundings.spent)


def _budgets(settings: Settings, surroundings: OperationSurroundings) -> Budgets | None:
    calls = settings.auth.calls_per_minute
    return None if calls is None else Budgets(_buckets(settings, surroundings.redis), calls, surroundings.spent)


def _buckets(settings: Settings, redis: Redis | None) -> Buckets:
    return RedisBuckets(redis, settings.redis_prefix, loop_clock) if redis else LocalBuckets(loop_clock)
