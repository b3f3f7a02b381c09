from __future__ import annotations

import pytest

from conformance.harness.bench import Bench
from conformance.harness.series import Series
from conformance.peers import PEERS
from conformance.subject import meet


@pytest.mark.parametrize("batch", [1, 16])
def test_thousands_pass_through_a_small_table_under_churn(batch: int) -> None:
    """5000 through 40 slots, while a thread opens and closes: all, in order, none leaked."""
    if "peek" not in meet(PEERS["fdpass"], 1).survivals():
        pytest.skip("only a receiver that peeks withstands threads that take the slots")
    bench = Bench(PEERS["fdpass"], survival="peek")
    try:
        first, second = bench.join(batch=batch)
        series = Series(bench, first)
        second.limit(40)
        second.fill(leave=batch + 8)
        second.churn()

        for _ in range(100):
            series.send_many(50)
            series.receive_and_close(second, 50)

        assert series.arrived == 5000
        assert series.wrong() == ""
        second.churn(on=False)
        bench.finish()  # audits both tables
    finally:
        bench.close()
