"""From raw rounds to medians, a table and sentences. The rounds here are made up."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import document, plots, record, report, sections
from benchmarks.long_run import Course, swing
from benchmarks.measure import Round
from benchmarks.peers.direct import Direct
from benchmarks.peers.headrace import Headrace
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.peer import Peer
from benchmarks.plan import Plan
from benchmarks.result import FIGURES, Result, by_round, medians
from benchmarks.sweep import Line
from benchmarks.workers import Workers

MACHINE: dict[str, str | int | float] = {
    "processor": "A processor",
    "cores": 2,
    "kernel": "6.1",
    "python": "3.11",
    "load_average_at_start": 0.1,
}
BY_KEY = {figure.key: figure for figure in FIGURES}
STREAMS = {
    "streams": 10_000.0,
    "chunks_per_s": 9_990.0,
    "cpu_us_per_chunk": 25.0,
    "late_p99_ms": 4.0,
    "pss_bytes_per_stream": 30_000.0,
    "errors": 0.0,
    "unfinished": 0.0,
    "chunks_lost": 0.0,
    "chunks_extra": 0.0,
}


def measured(peer: str, number: int, cpu: float, p50: float, *, share: float = 1.0, errors: float = 0.0) -> Round:
    unary = {"requests_per_s": 1e6 / cpu, "cpu_us_per_request": cpu, "cpu_share": share, "errors": errors}
    return Round(peer, number, {"unary": unary, "rate": {"latency_p50_ms": p50, "latency_p99_ms": 2 * p50}})


@pytest.fixture
def result() -> Result:
    rounds = [
        measured("direct", 1, 1.0, 0.2),
        measured("nginx", 1, 20.0, 0.3),
        measured("headrace", 1, 50.0, 0.5),
        measured("direct", 2, 1.0, 0.4),
        Round("nginx", 2, {}, failure="it ended\nwith a long log"),
        measured("headrace", 2, 70.0, 0.6, errors=3),
    ]
    return Result(Plan(rounds=2), MACHINE, {"nginx": "1.22"}, {"portkey": "no node"}, PEERS, rounds)


PEERS: list[Peer] = [Direct(), Nginx(), Headrace()]


def test_medians_are_of_the_rounds_that_came_to_an_end(result: Result) -> None:
    table = medians(result)
    assert table["headrace"]["cpu_us_per_request"] == 60
    assert table["nginx"]["cpu_us_per_request"] == 20


def test_added_latency_is_against_the_bare_upstream_of_the_same_round(result: Result) -> None:
    assert by_round(result)["headrace"]["added_p50_ms"] == pytest.approx({1: 0.3, 2: 0.2})


def test_no_added_latency_where_the_bare_upstream_failed(result: Result) -> None:
    lame = replace(result, rounds=[each for each in result.rounds if (each.peer, each.number) != ("direct", 1)])
    assert list(by_round(lame)["headrace"]["added_p50_ms"]) == [2]


def test_the_bare_upstream_costs_nothing(result: Result) -> None:
    assert "cpu_us_per_request" not in medians(result)["direct"]


def test_errors_of_all_parts_are_summed(result: Result) -> None:
    assert by_round(result)["headrace"]["errors"] == {1: 0, 2: 3}


def test_a_figure_that_is_missing_is_a_dash(result: Result) -> None:
    assert report.cell(result, "nginx", BY_KEY["kb_per_stream"]) == "-"


def test_a_peer_with_its_core_to_spare_is_marked(result: Result) -> None:
    spare = replace(result, rounds=[measured("headrace", 1, 50.0, 0.5, share=0.5)])
    assert report.cell(spare, "headrace", BY_KEY["requests_per_s"]) == "≥ 20,000"
    assert any("50 % busy" in line for line in report.told_targets(spare))
    assert report.cell(result, "headrace", BY_KEY["requests_per_s"]).startswith("17,")


def test_failures_skips_and_a_busy_machine_are_said(result: Result) -> None:
    busy = replace(result, machine={**MACHINE, "load_average_at_start": 3.0})
    lines = report.remarks(busy)
    assert "portkey: skipped (no node)" in lines
    assert "nginx, round 2: failed (it ended)" in lines
    assert any("do not quote" in line for line in lines)
    assert not any("do not quote" in line for line in report.remarks(result))


def test_what_a_run_left_out_is_said(result: Result) -> None:
    lines = sections.left_out(result)
    assert any("--long" in line for line in lines)
    assert any("two workers" in line for line in lines)
    assert any("latency against rate" in line for line in lines)


def unary(count: int, cpu: float) -> dict[str, float]:
    return {"workers": count, "round": 1, "cpu_us_per_request": cpu, "requests_per_s": 1e6 / cpu, "errors": 0.0}


def test_linear_is_judged_on_cpu_time_per_request() -> None:
    lines = sections.workers(Workers((unary(1, 50.0), unary(2, 54.0)), STREAMS))
    assert any("CPU per request +8.0 %, target within 10 %: met." in line for line in lines)
    lines = sections.workers(Workers((unary(1, 50.0), unary(2, 60.0)), STREAMS))
    assert any("+20.0 %, target within 10 %: MISSED by 10.0 points." in line for line in lines)


def test_one_lost_chunk_is_a_miss() -> None:
    (line,) = [line for line in sections.workers(Workers((), STREAMS)) if "open streams" in line]
    assert line.endswith(
        "0 failed or unfinished, 0 chunks lost, 0 too many, 25.0 µs CPU per chunk, p99 4 ms late, 30.0 kB each: met."
    )
    (line,) = [
        line for line in sections.workers(Workers((), {**STREAMS, "chunks_lost": 1.0})) if "streams over" in line
    ]
    assert line.endswith("MISSED.")


def test_a_section_without_figures_is_not_judged() -> None:
    lines = sections.workers(Workers(failures=("2 workers, round 1: it ended\nlog",)))
    assert sum("NOT JUDGED" in line for line in lines) == 2
    assert "FAILED: 2 workers, round 1: it ended" in lines


def test_memory_swings_from_the_first_look() -> None:
    assert swing([100.0, 104.0, 97.0]) == pytest.approx(0.04)
    assert swing([100.0]) == 0


def test_memory_that_grows_is_a_miss() -> None:
    (flat,) = sections.long_run([Course("counted", 100, (100, 104, 103), 0)])
    assert "over 200 requests after a warm-up of 100" in flat
    assert flat.endswith("met.")
    (grown,) = sections.long_run([Course("aborts", 10, (100, 105, 111), 0)])
    assert grown.endswith("MISSED by 6.0 points.")
    (broken,) = sections.long_run([Course("aborts", 10, (100,), 0, "no end after 60 s")])
    assert "NOT JUDGED (no end after 60 s)" in broken


def test_the_record_keeps_every_round_and_section(result: Result, tmp_path: Path) -> None:
    line = Line("nginx", ({"rate_per_s": 500.0, "errors": 0.0, "latency_p50_ms": 0.3},))
    whole = replace(result, sweep=[line], workers=Workers((unary(1, 50.0),)), long_run=[Course("aborts", 1, (1, 1), 0)])
    record.write(whole, tmp_path / "results.json")
    kept = json.loads((tmp_path / "results.json").read_text())
    assert [(each["peer"], each["round"]) for each in kept["rounds"]] == [
        (each.peer, each.number) for each in result.rounds
    ]
    assert kept["rounds"][0]["unary"]["cpu_us_per_request"] == 1.0
    assert kept["latency_against_rate"][0]["points"] == [{"rate_per_s": 500.0, "errors": 0.0, "latency_p50_ms": 0.3}]
    assert kept["workers"]["unary"][0]["workers"] == 1
    assert kept["long_run"][0]["pss_bytes"] == [1, 1]


def test_plots_are_drawn_of_what_was_measured(result: Result) -> None:
    assert set(plots.draw(result)) == {"request-cost.svg"}
    swept = replace(
        result,
        sweep=[Line("nginx", ({"rate_per_s": 500.0, "errors": 0.0, "latency_p50_ms": 0.3, "latency_p99_ms": 1.0},))],
    )
    assert set(plots.draw(swept)) == {"request-cost.svg", "latency-p50.svg", "latency-p99.svg"}


def test_a_rate_that_drowned_a_peer_is_told_and_not_drawn(result: Result) -> None:
    drowned = {"rate_per_s": 4_000.0, "requests": 6_000.0, "errors": 741.0, "latency_p50_ms": 86.0}
    swept = replace(result, sweep=[Line("nginx", (drowned,))])
    assert "latency-p50.svg" not in plots.draw(swept) or "<circle" not in plots.draw(swept)["latency-p50.svg"][1]
    assert any("4,000 requests/s is not drawn, 741 of 6,000" in line for line in sections.left_out(swept))


def test_the_page_keeps_the_words_around_the_figures() -> None:
    page = document.DOCUMENT.read_text()
    written = document.inserted(page, "FIGURES")
    assert "\n\nFIGURES\n\n" in written
    assert written.partition("<!-- figures")[0] == page.partition("<!-- figures")[0]
    assert document.inserted(written, "FIGURES") == written


def test_a_page_without_its_markers_is_left_alone() -> None:
    with pytest.raises(document.MarkersMissing):
        document.inserted("# A page", "FIGURES")


def test_the_page_shows_the_table_the_spread_and_the_plots(result: Result) -> None:
    text = document.figures(result, "![cost](benchmarks/request-cost.svg)")
    assert "| CPU µs/request | - | 20 | 60 [50 to 70] |" in text
    assert "### Targets" in text
    assert "### Not in this run" in text
    assert "![cost]" in text
    assert "- **nginx**: relays; no key" in text


def test_plots_are_written_beside_the_page(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(document.DOCUMENT.read_text())
    monkeypatch.setattr(document, "DOCUMENT", page)
    document.write_document(result)
    assert "![CPU time per unary request of 1 kB](benchmarks/request-cost.svg)" in page.read_text()
    assert (tmp_path / "benchmarks" / "request-cost.svg").read_text().startswith("<svg")
