"""Tracing as the standard variables of OpenTelemetry ask for it."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from math import inf
from typing import Final

from opentelemetry import trace

from gateway.settings import SettingsProblems
from gateway.telemetry.sampling import Sampling
from gateway.telemetry.spans_exported import ExportedSpans
from gateway.telemetry.traces import Tracing

TRACER: Final = "graphql-rest-gateway"
"""The instrumentation scope of all spans."""

EXPORTER: Final = "OTEL_TRACES_EXPORTER"
SAMPLER: Final = "OTEL_TRACES_SAMPLER"
SAMPLER_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
DISABLED: Final = "OTEL_SDK_DISABLED"
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
COUNTS: Final = (
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
)
TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
SUPPORTED_PROTOCOL: Final = "http/protobuf"

_ALWAYS: Final = {"always_on": 1.0, "always_off": 0.0}
_PARENT_BASED: Final = "parentbased_"
_RATIO: Final = "traceidratio"


def build_tracing(environment: Mapping[str, str], exported: ExportedSpans) -> Tracing | None:
    """Return what traces operations; None where nothing asks for it.

    A provider that the program around the gateway has set up is used as it is, with its own sampler.

    Args:
        environment: The process's, with the `OTEL_*` variables.
        exported: Counts spans.

    Raises:
        SettingsProblems: A variable has a value that is not supported, or the SDK is not installed.
    """
    # By the specification every other value means false.
    if environment.get(DISABLED, "").lower() == "true":
        return None
    provider = trace.get_tracer_provider()
    # The first is what the API has before anybody sets a provider, and the second records nothing.
    if not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return Tracing(provider.get_tracer(TRACER), Sampling())
    if not _is_wanted(environment):
        return None
    problems = [*_exporter_problems(environment), *_sampler_problems(environment), *_number_problems(environment)]
    if problems:
        raise SettingsProblems(problems)
    try:
        # Imported only here, because the SDK takes a fifth of a second that a gateway without traces need not wait.
        provider = import_module("gateway.telemetry.sdk").build_provider(environment, exported)
    except (ValueError, OSError) as wrong:
        # Each release has further variables of its own, which it reads at its import or when its parts are made.
        raise SettingsProblems([f"OTEL_*: the SDK of OpenTelemetry refuses the value of a variable: {wrong}"]) from None
    return Tracing(provider.get_tracer(TRACER), _sampling(environment), provider.shutdown)


def _is_wanted(environment: Mapping[str, str]) -> bool:
    exporter = environment.get(EXPORTER, "")
    if exporter:
        return exporter != "none"
    # The specification's default, otlp to this machine, would send spans where nobody has asked for any.
    return any(environment.get(name) for name in ENDPOINTS)


def _exporter_problems(environment: Mapping[str, str]) -> list[str]:
    exporter = environment.get(EXPORTER) or "otlp"
    if exporter not in {"otlp", "console"}:
        return [f"{EXPORTER}: must be otlp, console or none, not {exporter!r}"]
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), SUPPORTED_PROTOCOL)
    if exporter == "otlp" and protocol != SUPPORTED_PROTOCOL:
        return [f"{PROTOCOLS[1]}: must be {SUPPORTED_PROTOCOL}, for which collectors have port 4318, not {protocol!r}"]
    if find_spec("opentelemetry.sdk") is None:
        return [f"{EXPORTER}: traces need the packages of the extra `otel`: pip install 'graphql-rest-gateway[otel]'"]
    return []


def _sampler_problems(environment: Mapping[str, str]) -> list[str]:
    name = environment.get(SAMPLER) or f"{_PARENT_BASED}always_on"
    kind = name.removeprefix(_PARENT_BASED)
    if kind not in {*_ALWAYS, _RATIO}:
        kinds = ", ".join([*_ALWAYS, _RATIO])
        return [f"{SAMPLER}: must be one of {kinds}, each also with {_PARENT_BASED} before it, not {name!r}"]
    argument = environment.get(SAMPLER_ARGUMENT, "")
    if kind == _RATIO and argument and not _is_share(argument):
        return [f"{SAMPLER_ARGUMENT}: must be a number from 0 to 1, not {argument!r}"]
    return []


def _number_problems(environment: Mapping[str, str]) -> list[str]:
    # The SDK would take its default for some, with a trace in the log, and for others end with one.
    given = {name: environment[name] for name in (*COUNTS, *TIMEOUTS) if environment.get(name)}
    return [
        f"{name}: must be {'a whole number of 1 or more' if name in COUNTS else 'a number of seconds'}, not {value!r}"
        for name, value in given.items()
        if not (_is_count(value) if name in COUNTS else _is_duration(value))
    ]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def _is_duration(text: str) -> bool:
    try:
        return 0 < float(text) < inf
    except ValueError:
        return False


def _is_share(argument: str) -> bool:
    try:
        return 0 <= float(argument) <= 1
    except ValueError:
        return False


def _sampling(environment: Mapping[str, str]) -> Sampling:
    name = environment.get(SAMPLER) or f"{_PARENT_BASED}always_on"
    kind = name.removeprefix(_PARENT_BASED)
    # The defaults are those of the specification: parentbased_always_on, and a share of 1.
    ratio = _ALWAYS.get(kind)
    if ratio is None:
        ratio = float(environment.get(SAMPLER_ARGUMENT) or 1.0)
    return Sampling(ratio, follows_client=name.startswith(_PARENT_BASED))
