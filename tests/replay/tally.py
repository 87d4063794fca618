"""How many of a folder's recordings pass, by provider, and what the others lack: for docs/conformance.md."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conformance.cells import dialects_spoken
from tests.conformance.upstream_table import UPSTREAMS
from tests.replay.comparing import differences, is_played
from tests.replay.explained import EXPLAINED, EXPLAINED_REQUESTS
from tests.replay.product import adapter_of
from tests.replay.recordings import Recording, read_folder
from tests.replay.requests.translating import CALLERS, asks_otherwise
from tests.replay.returning import lost_on_return
from tests.replay.speaking import told_differently


class Outcome(NamedTuple):
    """One recording's."""

    recording: Recording
    found: list[str]
    played: bool


def replay(folder: Path) -> Iterator[Outcome]:
    """Each recording, read, passed through, cut, truncated, and told in every dialect."""
    for recording in read_folder(folder):
        adapter = adapter_of(recording)
        found = differences(recording, adapter)
        if recording.status == 200 and not found:
            for dialect in dialects_spoken().values():
                found += told_differently(recording, dialect) + lost_on_return(recording, dialect)
        yield Outcome(recording, found, is_played(recording, adapter))


class Renderings(NamedTuple):
    """Recorded requests, each rendered for every protocol."""

    requests: int
    wrong: list[tuple[str, str]]
    """Which, and what is wrong."""


def render(folder: Path) -> Renderings:
    """Each request that a provider took, and that one of our dialects reads."""
    count, wrong = 0, []
    for recording in read_folder(folder):
        spoken = CALLERS.get(recording.api)
        if spoken is None or not isinstance(recording.request, dict) or recording.status != 200:
            continue
        count += 1
        for upstream, found in asks_otherwise(recording, dialects_spoken()[spoken[0]]).items():
            why = EXPLAINED_REQUESTS.get(recording.id) or f"**not explained**: {found[0][:200]}"
            wrong.append((f"`{recording.id}` to {upstream}", why))
    return Renderings(count, wrong)


def report(folder: Path, date: str) -> str:
    """The section of the page."""
    outcomes = list(replay(folder))
    every: Counter[tuple[str, str]] = Counter((each.recording.provider, each.recording.api) for each in outcomes)
    streams = Counter((e.recording.provider, e.recording.api) for e in outcomes if e.recording.stream)
    errors = Counter((e.recording.provider, e.recording.api) for e in outcomes if e.recording.status != 200)
    played = Counter((e.recording.provider, e.recording.api) for e in outcomes if e.played)
    passed = Counter((e.recording.provider, e.recording.api) for e in outcomes if e.played and not e.found)
    lines = [
        f"Last replay: {date}. {len(outcomes)} recorded exchanges, {sum(played.values())} played,"
        f" {sum(passed.values())} pass. Not played are answers in a format that reaches no caller of ours from that"
        " provider: Bedrock's InvokeModel (Converse is spoken there), and responses where only chat is spoken.",
        "",
        "| provider | API | recordings | of them streams | of them errors | played | pass |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in sorted(every):
        provider, api = key
        counts = (every[key], streams[key], errors[key], played[key], passed[key])
        lines.append(f"| {provider} | {api} | {' | '.join(map(str, counts))} |")
    failures = [each for each in outcomes if each.found]
    if failures:
        lines += ["", "Those that do not pass:", ""]
    for outcome in failures:
        why = EXPLAINED.get(outcome.recording.id) or f"**not explained**: {outcome.found[0][:300]}"
        lines.append(f"- `{outcome.recording.id}` ({outcome.recording.api}): {why}")
    rendered = render(folder)
    lines += [
        "",
        f"{rendered.requests} recorded requests were rendered for each of {len(UPSTREAMS)} upstreams, or refused in"
        f" words; {len(rendered.wrong)} renderings ask otherwise, or in a form that the provider refuses.",
        *(["", *(f"- {which}: {why}" for which, why in rendered.wrong)] if rendered.wrong else []),
    ]
    return "\n".join(lines) + "\n"
