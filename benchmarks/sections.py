"""What the sections beside the rounds say, in sentences: two workers, many streams, long run, what is left out."""

import statistics
from collections.abc import Sequence

from benchmarks.long_run import Course
from benchmarks.result import Result
from benchmarks.rig import Figures
from benchmarks.sweep import Line
from benchmarks.workers import Workers

LINEAR_WITHIN = 0.10
FLAT_WITHIN = 0.05
SHARED = "Workers, mock and load share the two cores: requests/s is what was left over, CPU per request counts."


def workers(section: Workers | None) -> list[str]:
    if section is None:
        return []
    lines = [SHARED]
    lines += [line for line in (_count_line(section, count) for count in (1, 2)) if line]
    lines += _linear(section)
    lines += _streams(section.streams)
    return lines + [f"FAILED: {failure.splitlines()[0]}" for failure in section.failures]


def _count_line(section: Workers, count: int) -> str:
    cpu, rate = _median(section, count, "cpu_us_per_request"), _median(section, count, "requests_per_s")
    if cpu is None or rate is None:
        return ""
    errors = sum(each["errors"] for each in section.unary if each["workers"] == count)
    many = "1 worker" if count == 1 else f"{count} workers"
    return f"{many}: {rate:,.0f} requests/s, {cpu:.1f} µs CPU per request, {errors:.0f} errors."


def _linear(section: Workers) -> list[str]:
    one, two = (_median(section, count, "cpu_us_per_request") for count in (1, 2))
    if not one or not two:
        return ["Linear from one to two workers: NOT JUDGED, figures are missing."]
    growth = two / one - 1
    verdict = "met" if growth <= LINEAR_WITHIN else f"MISSED by {100 * (growth - LINEAR_WITHIN):.1f} points"
    return [
        f"Part 2, linear from one to two workers: CPU per request {100 * growth:+.1f} %, "
        f"target within {100 * LINEAR_WITHIN:.0f} %: {verdict}."
    ]


def _streams(figures: Figures | None) -> list[str]:
    if figures is None:
        return ["Part 2, many open streams: NOT JUDGED, the section brought no figures."]
    wrong = int(figures["errors"] + figures["unfinished"])
    lost, extra = int(figures["chunks_lost"]), int(figures["chunks_extra"])
    verdict = "MISSED" if wrong or lost or extra else "met"
    return [
        f"Part 2, {figures['streams']:,.0f} open streams over two workers, {figures['chunks_per_s']:,.0f} chunks/s: "
        f"{wrong:,} failed or unfinished, {lost:,} chunks lost, {extra:,} too many, "
        f"{figures.get('cpu_us_per_chunk', 0.0):.1f} µs CPU per chunk, "
        f"p99 {figures.get('late_p99_ms', 0.0):.0f} ms late, "
        f"{figures['pss_bytes_per_stream'] / 1e3:.1f} kB each: {verdict}."
    ]


def _median(section: Workers, count: int, name: str) -> float | None:
    several = [each[name] for each in section.unary if each["workers"] == count and name in each]
    return statistics.median(several) if several else None


def long_run(courses: Sequence[Course]) -> list[str]:
    return [_course(course) for course in courses]


def _course(course: Course) -> str:
    what = {"counted": "requests", "aborts": "aborted streams"}[course.kind]
    if course.failure or len(course.pss_bytes) < 2:
        return f"Part 2, flat memory over {what}: NOT JUDGED ({course.failure or 'too few looks'})."
    total = course.per_leg * (len(course.pss_bytes) - 1)
    flat = course.swing <= FLAT_WITHIN
    verdict = "met" if flat else f"MISSED by {100 * (course.swing - FLAT_WITHIN):.1f} points"
    megabytes = ", ".join(f"{look / 1e6:.1f}" for look in course.pss_bytes)
    return (
        f"Part 2, flat memory over {total:,} {what} after a warm-up of {course.per_leg:,}: worker's PSS {megabytes} "
        f"MB, at most {100 * course.swing:.1f} % from the first, target {100 * FLAT_WITHIN:.0f} %, "
        f"{course.errors:,} errors: {verdict}."
    )


def left_out(result: Result) -> list[str]:
    """What this run did not look at, though the benchmark could."""
    lines = _missing_points(result.sweep)
    if not result.long_run:
        lines.append("Left out: memory over a million requests and a hundred thousand aborted ones (`--long`).")
    if result.workers is None:
        lines.append("Left out: two workers, and many streams over them.")
    else:
        held_s = result.plan.many_window_s
        lines += [f"Streams were held open for {held_s:.0f} s, not 60 (`--long`)."] if held_s < 60 else []
        short = result.workers.streams and result.workers.streams["streams"] < 10_000
        lines += ["Fewer than 10,000 streams: the limit of open files, or a quick run."] if short else []
    if not result.sweep:
        lines.append("Left out: latency against rate.")
    plan = result.plan
    rounds = {peer.name: plan.rounds_of(peer.carries.rounds) for peer in result.peers}
    fewer = [f"{peer} {few}" for peer, few in rounds.items() if few < plan.rounds]
    return lines + ([f"Fewer rounds than the others' {plan.rounds}: {', '.join(fewer)}."] if fewer else [])


def _missing_points(sweep: Sequence[Line]) -> list[str]:
    failed = [f"Latency against rate, {line.peer}: {line.failure.splitlines()[0]}" for line in sweep if line.failure]
    return failed + [
        f"Latency against rate, {line.peer}: {point['rate_per_s']:,.0f} requests/s is not drawn, "
        f"{point['errors']:,.0f} of {point['requests']:,.0f} found no free connection or no answer."
        for line in sweep
        for point in line.drowned()
    ]
