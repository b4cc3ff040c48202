"""The operation stack: the steps that every operation passes, over any transport.

Theory of operation
-------------------
Each step takes a request and returns a reply (`gateway/operations/request.py`). It calls the next step unless it has
the reply already, or it refuses the operation by a `GatewayError`. From the outside in::

    traced         records spans of operations whose trace is kept, where traces are wanted
    counted        counts outcomes, for the metrics
    logged         writes a line for sampled and refused operations, where the settings ask for it
    persisted      checks the sizes of the request, and finds the document that it names
    limited        bounds the estimates of all operations of a batch; other operations pass without this step
    uninterrupted  lets a mutation run to its end when its client leaves
    budgeted       charges the caller's budget the estimate, and puts the unused part back
    cached         returns the response from the cache, or from the same query in flight
    run            parses, validates, estimates, executes and encodes

The order is that of the list in `build_operation_stack`. A query that the cache answers passes the first six without
being parsed, so none of them may look into the document unless the request needs it; the budget's look finds the parsed
document and its remembered estimate. Subscriptions, which have many responses, pass `with_document` and
`admit_subscription` instead; `OperationStack` has what they share with the steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from graphql import GraphQLSchema, OperationDefinitionNode
from redis.asyncio import Redis

from gateway.auth.callers import Caller
from gateway.operations.batch_limits import BatchLimits
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
from gateway.operations.operation_log import NoteOperation, OperationLog, OperationLogConfig
from gateway.operations.request import GraphQLRequest, Operations
from gateway.operations.responses.encoding import ResponseWriter
from gateway.operations.responses.response_cache import CachedOperations, CachedOperationsConfig, ResponseCache
from gateway.operations.runner import (
    OperationRunner,
    Runner,
    RunnerConfig,
    RunningMutations,
    UninterruptedMutations,
    holds_mutation,
)
from gateway.settings.model import Settings
from resolvers.cache.records import RecordCache
from resolvers.errors import GatewayError
from resolvers.events.interface import Start
from resolvers.idempotency.keys import IdempotencyKeys
from resolvers.redis_times import RedisTimes
from resolvers.upstreams.transport.stack import loop_clock

RESPONSES_SHARE: Final = 4
"""Cached responses may take 1/4 of the bytes of the settings' cache limit, beside the records."""

Step = Callable[[Operations[Caller]], Operations[Caller]]
"""Wraps the steps that follow in one more step."""


@dataclass(frozen=True, slots=True)
class OperationSurroundings:
    """What a stack shares with other parts of the process; process lifetime.

    Args:
        redis: Shares budgets and persisted documents with other processes; None where each process has its own.
        records: The cache of records, whose invalidations drop cached responses.
        counts: Counts requests that are too large.
        spent: Counts refusals for spent budgets.
        counted: The step for the metrics; None for none.
        traced: Makes the outermost step, for traces, which asks documents for names; None for none.
        noted: Called with the fields of each operation that failed or was slow; None if nothing wants them.
        calls: The budgets of upstream calls in this process, used without Redis.
        sms: The quotas of SMS in this process, used without Redis.
        mutations: The mutations that are being executed.
        redis_times: Measures commands of Redis.
        keys: The callers' idempotency keys; None where none are kept.
    """

    redis: Redis | None
    records: RecordCache
    counts: RequestCounts
    spent: SpentCounts
    counted: Step | None = None
    traced: Callable[[Operations[Caller], Documents], Operations[Caller]] | None = None
    noted: NoteOperation | None = None
    # Here and not in the stack: with another stack, no caller gets a full budget again, and no mutation is left behind.
    calls: LocalBuckets = field(default_factory=lambda: LocalBuckets(loop_clock))
    sms: LocalBuckets = field(default_factory=lambda: LocalBuckets(loop_clock))
    mutations: RunningMutations = field(default_factory=RunningMutations)
    redis_times: RedisTimes = field(default_factory=RedisTimes)
    keys: IdempotencyKeys | None = None


@dataclass(frozen=True, slots=True)
class OperationStack:
    """The steps in their order, and what subscriptions use of them. Lifetime: until the settings of operations change.

    Args:
        operations: The first step.
        batched: The first step of operations of a batch.
        documents: Parses and validates documents.
        limits: Bounds the size of requests.
        persisted: Finds the documents that requests name.
        costs: Estimates operations.
        budgets: The callers' budgets; None where the settings limit none.
        mutations: The mutations that are being executed.
        writer: Encodes responses, up to its limit.
        log: The operation log; None where the settings ask for none.
        propagates: Whether any upstream gets the id and the trace of a request.
        retire: Drops the cached responses; called when another stack has taken the place of this one.
        responses: The cached responses; None where none are kept.
    """

    operations: Operations[Caller]
    batched: Operations[Caller]
    documents: Documents
    limits: RequestLimits
    persisted: Persisted
    costs: Costs
    budgets: Budgets | None
    mutations: RunningMutations
    writer: ResponseWriter
    log: OperationLog | None = None
    propagates: bool = False
    retire: Callable[[], None] = lambda: None
    responses: ResponseCache | None = None

    async def with_document(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return the request with its document in `query`.

        Raises:
            RequestTooLarge: A size of the request is above its limit.
            BadInput: The request names its document in an invalid form.
            PersistedQueryNotFound: The document is unknown.
            Forbidden: The document is not a trusted one.
        """
        self.limits.check(request)
        return await with_document(self.persisted, request)

    async def is_mutation(self, request: GraphQLRequest) -> bool:
        """Return whether the request is for a mutation, also by the name of a persisted document."""
        if not self.limits.admit(request):
            return False
        try:
            return holds_mutation(self.documents, await with_document(self.persisted, request))
        except GatewayError:
            # It will be refused for this, in its place.
            return False

    async def admit_subscription(
        self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest, caller: Caller
    ) -> Start | None:
        """Admit a subscription, and charge its caller for the start; the calls of its events are not charged.

        Returns:
            Collects the calls of the start, to put the unused part of the charge back; None where callers have no
            budgets.

        Raises:
            OperationTooExpensive: The estimate is above the limit.
            BudgetSpent: The caller has too few calls left.
        """
        estimate = self.costs.check(document, operation, request.variables)
        if self.budgets is None:
            return None
        # Settled at the end of the start, whose calls the subscription collects.
        return Start((await self.budgets.charge(caller.name, estimate)).settle)


def build_operation_stack(
    settings: Settings, schema: GraphQLSchema, execution: CompiledExecution, surroundings: OperationSurroundings
) -> OperationStack:
    """Build the operation stack for the settings.

    Args:
        settings: The gateway's settings.
        schema: Validates operations; its fields declare their prices.
        execution: Executes operations.
        surroundings: What the steps share with other parts of the process.

    Raises:
        ManifestProblem: The manifest of trusted documents has become invalid since the settings were read.
    """
    counts = surroundings.counts
    documents, costs = _documents(settings, schema), _costs(settings, schema, counts)
    limits = RequestLimits(settings.limits.document_bytes, settings.limits.variable_values, counts)
    persisted, budgets = _persisted(settings, surroundings), _budgets(settings, surroundings)
    mutations = surroundings.mutations
    writer = ResponseWriter(settings.limits.response_bytes, counts)
    quotas = _sms_quotas(settings, surroundings)
    running = RunnerConfig(settings.deadline_seconds, propagates=settings.propagates_traces)
    runner = Runner(documents, execution, costs, limits, running, writer, quotas=quotas, keys=surroundings.keys)
    log = _operation_log(settings, documents, surroundings.noted)
    logged: OperationRunner = runner if log is None else LoggedRunner(runner, log)
    traced = surroundings.traced
    outer: list[Step | None] = [
        (lambda operations: traced(operations, documents)) if traced is not None else None,
        surroundings.counted,
        (lambda operations: LoggedOperations(operations, log)) if log is not None else None,
        lambda operations: PersistedOperations(operations, persisted, limits),
    ]
    inner: list[Step | None] = [
        lambda operations: UninterruptedMutations(operations, documents, mutations),
        (lambda operations: BudgetedOperations(operations, documents, costs, budgets)) if budgets else None,
    ]
    cached = _cached(settings, surroundings.records, logged)
    admitted = _stacked(inner, cached or logged)
    stack = OperationStack(
        _stacked(outer, admitted),
        _stacked(outer, BatchLimits(admitted, documents, costs, counts)),
        documents,
        limits,
        persisted,
        costs,
        budgets,
        mutations,
        writer,
        log,
        settings.propagates_traces,
    )
    return stack if cached is None else replace(stack, retire=cached.retire, responses=cached.responses)


def operation_settings(settings: Settings) -> tuple[object, ...]:
    """Return what a stack is made of that may change while the process runs: stacks of equal ones are alike.

    Raises:
        ManifestProblem: The file of trusted documents is no manifest.
    """
    auth, file = settings.auth, settings.trusted_documents
    return (
        settings.limits,
        settings.introspection,
        # By its content: a file may change under the same name.
        None if file is None else read_manifest(file),
        (auth.calls_per_minute, auth.sms_per_minute, auth.sms_per_day),
        _most_centres(settings),
    )


def _stacked(steps: Sequence[Step | None], last: Operations[Caller]) -> Operations[Caller]:
    # From the inside out, so that the first of the list is outermost.
    for step in reversed(steps):
        if step is not None:
            last = step(last)
    return last


def _cached(settings: Settings, records: RecordCache, runner: OperationRunner) -> CachedOperations | None:
    # Neither kept nor shared is what the settings ask for, of records as of responses.
    if records.passes_through:
        return None
    cache = settings.cache
    config = CachedOperationsConfig(
        keep=cache.enabled, share=cache.coalesce, max_bytes=cache.max_bytes // RESPONSES_SHARE
    )
    return CachedOperations(runner, records.invalidations, config, records.clock)


def _operation_log(settings: Settings, documents: Documents, noted: NoteOperation | None) -> OperationLog | None:
    log = settings.log
    if not log.operations:
        # Without a sample, because an operation that is neither slow nor failed would be written nowhere.
        return None if noted is None else OperationLog(documents, _only_noted(log.slow_seconds), noted=noted)
    return OperationLog(documents, OperationLogConfig(log.operations_sample, log.slow_seconds), noted=noted)


def _only_noted(slow_seconds: float) -> OperationLogConfig:
    return OperationLogConfig(0.0, slow_seconds, writes=False)


def _documents(settings: Settings, schema: GraphQLSchema) -> Documents:
    limits = settings.limits
    return Documents(
        schema,
        DocumentLimits(limits.depth, limits.tokens, limits.aliases, limits.directives),
        # Not `answers_introspection`, because introspection in a manifest of trusted documents is deliberate.
        introspection=settings.introspection,
        suggestions=settings.answers_introspection,
    )


def _persisted(settings: Settings, surroundings: OperationSurroundings) -> Persisted:
    if settings.trusted_documents is not None:
        return TrustedDocuments(read_manifest(settings.trusted_documents))
    redis, times = surroundings.redis, surroundings.redis_times
    return AutomaticDocuments(SharedDocuments(redis, settings.redis_prefix, times) if redis else LocalDocuments())


def _costs(settings: Settings, schema: GraphQLSchema, counts: RequestCounts) -> Costs:
    config = CostConfig(settings.limits.cost, settings.limits.nodes, _most_centres(settings))
    return Costs(schema, config, counts=counts)


def _most_centres(settings: Settings) -> int:
    """The most SMS data centres of an account, each of which a read may have to ask."""
    # The estimate counts the account with the most data centres, because it is made without looking at the account.
    services = [settings.sms, *(account.sms for account in settings.accounts.values())]
    return max((len(one.urls) for one in services if one is not None), default=1)


def _sms_quotas(settings: Settings, surroundings: OperationSurroundings) -> SmsQuotas | None:
    auth = settings.auth
    if auth.sms_per_minute is None and auth.sms_per_day is None:
        return None
    buckets = _buckets(settings, surroundings, surroundings.sms, "sms-quota")
    return SmsQuotas(buckets, auth.sms_per_minute, auth.sms_per_day, surroundings.counts, surroundings.spent)


def _budgets(settings: Settings, surroundings: OperationSurroundings) -> Budgets | None:
    calls = settings.auth.calls_per_minute
    if calls is None:
        return None
    return Budgets(_buckets(settings, surroundings, surroundings.calls, "budget"), calls, surroundings.spent)


def _buckets(settings: Settings, surroundings: OperationSurroundings, local: LocalBuckets, purpose: str) -> Buckets:
    if surroundings.redis is None:
        return local
    return RedisBuckets(surroundings.redis, settings.redis_prefix, loop_clock, purpose, surroundings.redis_times)
