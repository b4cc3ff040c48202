import pytest

from gateway.settings import SettingsProblems
from gateway.telemetry.spans_exported import ExportedSpans
from gateway.telemetry.tracing_setup import build_tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_SERVICE_NAME": "mine"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_traced_unless_it_is_asked_for(environment: dict[str, str]) -> None:
    assert build_tracing(environment, ExportedSpans()) is None


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: must be otlp, console or none, not 'zipkin'"),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf, for which collectors have port 4318, not 'grpc'",
        ),
        (
            {**ENDPOINT, "OTEL_TRACES_SAMPLER": "jaeger_remote"},
            (
                "OTEL_TRACES_SAMPLER: must be one of always_on, always_off, traceidratio, each also with "
                "parentbased_ before it, not 'jaeger_remote'"
            ),
        ),
        (
            {**ENDPOINT, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"},
            "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1, not '2'",
        ),
        *(
            ({**ENDPOINT, name: value}, f"{name}: must be a whole number of 1 or more, not {value!r}")
            for name in (
                "OTEL_BSP_MAX_QUEUE_SIZE",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                "OTEL_BSP_SCHEDULE_DELAY",
                "OTEL_BSP_EXPORT_TIMEOUT",
            )
            for value in ("many", "0", "-1", "1.5")
        ),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"},
            "OTEL_EXPORTER_OTLP_TIMEOUT: must be a number of seconds, not '10s'",
        ),
    ],
)
def test_a_wrong_variable_is_one_line(environment: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsProblems) as raised:
        build_tracing(environment, ExportedSpans())

    assert str(raised.value) == problem


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"},
    ],
)
def test_what_the_sdk_refuses_is_one_line(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    # The SDK reads the process's.
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsProblems) as raised:
        build_tracing({**ENDPOINT, **variables}, ExportedSpans())

    assert str(raised.value).startswith("OTEL_*: the SDK of OpenTelemetry refuses the value of a variable: ")
    assert "\n" not in str(raised.value)
