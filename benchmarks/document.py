"""Writes the run into docs/benchmarks.md, between two markers, and its plots beside it."""

import datetime as dt

from benchmarks import install, machine, plots, report
from benchmarks.result import FIGURES, Figure, Result, values

DOCUMENT = install.ROOT / "docs" / "benchmarks.md"
_PLOTS = "benchmarks"
"""The folder of the plots, beside the page."""
_BEGIN = "<!-- figures: begin (written by `make bench`) -->"
_END = "<!-- figures: end -->"


class MarkersMissing(Exception):
    """The page has no place for the table; rather stop than write over someone's words."""


def write_document(result: Result) -> None:
    page = DOCUMENT.read_text()
    inserted(page, "")  # before anything is written
    drawn = plots.write(result, DOCUMENT.parent / _PLOTS)
    pictures = "\n\n".join(f"![{title}]({_PLOTS}/{name})" for name, title in drawn)
    DOCUMENT.write_text(inserted(page, figures(result, pictures)))


def inserted(page: str, text: str) -> str:
    """The page with this text between its markers."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise MarkersMissing(f"{DOCUMENT.name} needs the lines {_BEGIN!r} and {_END!r}")
    return f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}"


def figures(result: Result, pictures: str) -> str:
    day = dt.datetime.now(dt.UTC).date().isoformat()
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items() if version)
    libraries = ", ".join(f"{name} {version}" for name, version in machine.libraries().items())
    parts = [
        f"{day}. {report.heading(result)}.",
        _table(result),
        *(_block(title, lines) for title, lines in report.blocks(result)),
        pictures,
        f"Measured: {versions}. The gateway runs on: {libraries}.",
        "What each did for a request:\n\n" + "\n".join(f"- **{peer.name}**: {peer.does}." for peer in result.peers),
    ]
    return "\n\n".join(part for part in parts if part)


def _block(title: str, lines: list[str]) -> str:
    listed = "\n".join(f"- {line}" for line in lines)
    return f"### {title}\n\n{listed}" if title else listed


def _table(result: Result) -> str:
    """One line a figure, one column a peer: fits a page, and a figure is read across. The spread stands in brackets."""
    lines = [
        "| | " + " | ".join(peer.name for peer in result.peers) + " |",
        "|---|" + "---:|" * len(result.peers),
    ]
    for figure in FIGURES:
        cells = (_cell(result, peer.name, figure) for peer in result.peers)
        lines.append(f"| {figure.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(result: Result, peer: str, figure: Figure) -> str:
    text = report.cell(result, peer, figure)
    several = values(result, peer, figure)
    if len(several) < 2 or min(several) == max(several):
        return text
    return f"{text} [{figure.form.format(min(several))} to {figure.form.format(max(several))}]"
