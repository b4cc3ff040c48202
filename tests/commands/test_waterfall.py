from typing import Any, Final

import msgspec
import pytest

from gateway.commands.waterfall import (
    WIDTH,
    ExplainedCall,
    ExplainedField,
    Explanation,
    Phase,
    PlannedCall,
    PlannedCost,
    PlannedNodes,
    StaleField,
    Style,
    UsedCost,
    draw,
    draw_errors,
    draw_plan,
)

RETRIED: Final = ExplainedCall(
    *("DELIVERIES", "deliveries", 200, 60.0, 20.0, "miss", 2),
    phases=(
        Phase("pacing", 10.0),
        Phase("connect", 10.0),
        Phase("wire", 10.0),
        Phase("pause", 10.0, 503),
        Phase("queue", 10.0),
        Phase("wire", 10.0),
    ),
)
COST: Final = UsedCost(1, 1, 2)


def calls(*made: ExplainedCall) -> Explanation:
    return Explanation(made, (), COST)


def drawn(explanation: Explanation, style: Style | None = None) -> list[str]:
    return list(draw("Name", 0.1, explanation, style or Style()))


def test_each_phase_is_drawn_where_it_was() -> None:
    explanation = calls(RETRIED, ExplainedCall("SMS", "version", 200, 80.0, 0.0, "miss", 1, (Phase("wire", 80.0),)))

    lines = drawn(explanation)

    (bar,) = [line for line in lines if line.startswith("  DELIVERIES deliveries")]
    assert bar == "  DELIVERIES deliveries           60.0 ms" + " " * 11 + "░░░░░▓▓▓▓█████·····▒▒▒▒█████"
    waits = "pacing 10.0 ms, connect 10.0 ms, wire 10.0 ms, pause 10.0 ms after 503, queue 10.0 ms, wire 10.0 ms"
    assert waits in " ".join(" ".join(lines).split())
    assert lines[-1] == "  █ wire  ▓ connect  ▒ queue  ░ pacing  · pause"


def test_only_the_slowest_of_many_calls_are_drawn_and_every_failed_one() -> None:
    many = [ExplainedCall("SMS", "job_report", 200, float(number), 0.0, "miss", 1) for number in range(20)]

    lines = drawn(calls(*many, ExplainedCall("SMS", "job_report", 404, 0.5, 0.0, "miss", 1)))

    assert len([line for line in lines if line.startswith("  SMS job_report")]) == 6
    assert "    ended with 404" in lines
    assert "  and 15 more of SMS job_report, none of them slower" in lines
    assert "Slowest call: SMS job_report, 19.0 ms" in lines


def test_what_came_from_the_cache_is_counted_and_what_is_stale_is_named() -> None:
    found = [ExplainedCall("SMS", "job", None, 0.0, 0.0, cache, 0) for cache in ("hit", "hit", "stale", "shared")]
    stale = (StaleField(("jobs", 0, "summary"), 1.0), StaleField(("jobs", 1, "summary"), 2.0))

    lines = drawn(Explanation(tuple(found), (), COST, stale))

    assert "  SMS job: 2 from the cache, 1 stale from the cache, 1 joined to calls of others" in lines
    assert "  jobs.summary: 2, up to 2.0 s old" in lines
    assert "Calls" not in lines


def test_the_wait_for_a_call_of_another_process_is_drawn() -> None:
    waited = ExplainedCall("SMS", "job", None, 40.0, 0.0, "shared", 0, (Phase("lease", 40.0),))

    lines = drawn(calls(waited))

    assert any(line.startswith("  SMS job") and line.endswith("┄" * 35) for line in lines)
    assert "    lease 40.0 ms" in lines
    assert "  SMS job: 1 joined to calls of others" in lines
    assert not any("no answer" in line or line.startswith("Slowest") for line in lines)


def test_fields_have_the_number_of_their_values() -> None:
    lines = drawn(Explanation((), (ExplainedField(("list", "nodes", "product"), 5.0, 5.0, 10),), COST))

    assert "  list.nodes.product x10           5.0 ms" + " " * 20 + "━" * 19 in lines


@pytest.mark.parametrize("style", [Style(), Style(blocks=False)], ids=["blocks", "ascii"])
def test_no_line_is_wider_than_a_terminal(style: Style) -> None:
    name = "a_very_long_name_of_an_operation"
    call = msgspec.structs.replace(RETRIED, upstream="AN_UPSTREAM", operation=name, records=50, status=503)
    fields = (ExplainedField(("field",) * 20, 0.0, 123_456_789.0, 1000),)

    lines = drawn(Explanation((call,), fields, COST), style)

    assert [line for line in lines if len(line) > WIDTH] == []
    assert "".join(lines).isascii() is not style.blocks


def test_colours_are_written_only_where_they_are_shown() -> None:
    assert "\x1b" not in "".join(drawn(calls(RETRIED)))
    assert "\x1b[35m░░░░░\x1b[0m\x1b[36m▓▓▓▓\x1b[0m" in "".join(drawn(calls(RETRIED), Style(colour=True)))


def test_text_of_others_cannot_command_the_terminal() -> None:
    errors: list[dict[str, Any]] = [
        {"message": "a\x1b[2Jb", "path": ["x", 0], "extensions": {"code": "BAD"}},
        {"message": "c"},
    ]

    assert list(draw_errors(errors)) == ["x.0: BAD: a?[2Jb", "c"]
    assert "\x1b" not in "".join(drawn(calls(msgspec.structs.replace(RETRIED, operation="a\x1bb"))))


def test_a_phase_of_a_newer_gateway_is_drawn_as_well() -> None:
    newer = msgspec.structs.replace(RETRIED, phases=(Phase("thinking", 60.0),))

    assert any(line.endswith("????") for line in drawn(calls(newer)))


def test_a_plan_has_its_limits_and_its_calls_by_number() -> None:
    planned = (PlannedCall("SMS", "jobs", 1), PlannedCall("SMS", "job", 20))
    lines = list(draw_plan("Name", PlannedCost(21, 300, planned, PlannedNodes(41, 50_000)), Style()))

    assert lines[:3] == [
        "Plan of Name",
        "  calls         21 of at most 300",
        "  objects       41 of at most 50,000",
    ]
    assert [line.split()[1] for line in lines[3:5]] == ["job", "jobs"]
