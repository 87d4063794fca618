"""Writes the run's table into docs/benchmarks.md, between two markers; the words around them are written by people."""

import datetime as dt

from benchmarks import install, machine, report, targets

DOCUMENT = install.ROOT / "docs" / "benchmarks.md"
_BEGIN = "<!-- figures: begin (written by `make bench`) -->"
_END = "<!-- figures: end -->"


class MarkersMissing(Exception):
    """The page has no place for the table; rather stop than write over someone's words."""


def write_document(result: report.Result) -> None:
    page = DOCUMENT.read_text()
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise MarkersMissing(f"{DOCUMENT.name} needs the lines {_BEGIN!r} and {_END!r}")
    DOCUMENT.write_text(f"{before}{_BEGIN}\n\n{_figures(result)}\n\n{_END}{after}")


def _figures(result: report.Result) -> str:
    day = dt.datetime.now(dt.UTC).date().isoformat()
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items() if version)
    libraries = ", ".join(f"{name} {version}" for name, version in machine.libraries().items())
    parts = [
        f"{day}. {report.heading(result)}.",
        _table(result),
        "\n".join(f"- {line}" for line in report.remarks(result)),
        "\n".join(f"- {line}" for line in targets.told(report.medians(result).get("headrace", {}))),
        f"Measured: {versions}. The gateway runs on: {libraries}.",
        "What each did for a request:\n\n" + "\n".join(f"- **{peer.name}**: {peer.does}." for peer in result.peers),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(result: report.Result) -> str:
    """One line a figure, one column a peer: fits a page, and a figure is read across. The spread stands in brackets."""
    lines = [
        "| | " + " | ".join(peer.name for peer in result.peers) + " |",
        "|---|" + "---:|" * len(result.peers),
    ]
    for figure in report.FIGURES:
        cells = (_cell(result, peer.name, figure) for peer in result.peers)
        lines.append(f"| {figure.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(result: report.Result, peer: str, figure: report.Figure) -> str:
    text = report.cell(result, peer, figure)
    several = report.values(result, peer, figure)
    if len(several) < 2 or min(several) == max(several):
        return text
    return f"{text} [{figure.form.format(min(several))} to {figure.form.format(max(several))}]"
