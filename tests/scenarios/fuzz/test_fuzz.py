from tests.scenarios.fuzz.run import fuzz


async def test_generated_operations_are_all_answered_in_time_and_without_an_internal_error() -> None:
    findings = await fuzz(seed=7, count=300)

    assert findings.wrong == []
    assert findings.sent == 300
    assert {"none", "BAD_INPUT"} <= set(findings.codes)
