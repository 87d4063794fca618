"""Plots as SVG, written by hand: bars and lines on logarithmic scales. Knows nothing of benchmarks."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH = 720
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_INK, _PALE, _PAPER = "#24292f", "#d0d7de", "#ffffff"
_PLAIN, _OURS = "#8c959f", "#0969da"
_COLOURS = ("#8250df", "#bf8700", "#1a7f37", "#cf222e", "#57606a", "#0f766e")
_LABELS, _FIGURES, _ROW = 130, 80, 26

Point = tuple[float, float]


def bars(title: str, rows: Sequence[tuple[str, float]], ours: str, unit: str) -> str:
    """One bar a row, logarithmic, since the slowest is hundreds of times the fastest; the figure beside it."""
    positive = [(name, value) for name, value in rows if value > 0]
    height = 50 + _ROW * len(positive)
    if not positive:
        return _document(title, 50, [])
    lowest = min(value for _, value in positive) / 2
    span = math.log(max(value for _, value in positive) / lowest)
    room = _WIDTH - _LABELS - _FIGURES
    shapes: list[str] = []
    for index, (name, value) in enumerate(positive):
        y = 40 + _ROW * index
        width = room * math.log(value / lowest) / span
        colour = _OURS if name == ours else _PLAIN
        shapes.append(_text(_LABELS - 8, y + 15, name, anchor="end"))
        shapes.append(f'<rect x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_ROW - 6}" rx="2" fill="{colour}"/>')
        shapes.append(_text(_LABELS + width + 6, y + 15, f"{_short(value)} {unit}"))
    return _document(f"{title} (logarithmic scale)", height, shapes)


def lines(title: str, x_title: str, y_title: str, series: Mapping[str, Sequence[Point]], ours: str) -> str:
    """One line a name, both axes logarithmic; points that are not above zero are left out."""
    kept = {name: [(x, y) for x, y in points if x > 0 and y > 0] for name, points in series.items()}
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return _document(title, 50, [])
    frame = _Frame([point for points in kept.values() for point in points])
    shapes = frame.grid(x_title, y_title)
    colours = iter(_COLOURS * (1 + len(kept) // len(_COLOURS)))
    for index, (name, points) in enumerate(kept.items()):
        colour = _OURS if name == ours else next(colours)
        shapes += _line(frame, points, colour, wide=name == ours)
        y = 50 + 20 * index
        shapes.append(f'<rect x="{frame.right + 14}" y="{y - 9}" width="14" height="4" fill="{colour}"/>')
        shapes.append(_text(frame.right + 34, y, name))
    return _document(title, frame.height, shapes)


class _Frame:
    """Where a point lies on the paper."""

    left, top, right, bottom, height = 64, 40, _WIDTH - 150, 320, 370

    def __init__(self, points: Sequence[Point]) -> None:
        self._xs = sorted({x for x, _ in points})
        ys = [y for _, y in points]
        self._x = _Scale(self._xs[0], self._xs[-1], self.left + 16, self.right - 16)
        self._y = _Scale(min(ys) / 1.2, max(ys) * 1.2, self.bottom, self.top)
        self._y_range = min(ys) / 1.2, max(ys) * 1.2

    def place(self, point: Point) -> Point:
        return self._x.at(point[0]), self._y.at(point[1])

    def grid(self, x_title: str, y_title: str) -> list[str]:
        shapes = [_text(self.left - 54, self.top - 8, y_title)]
        shapes.append(_text((self.left + self.right) / 2, self.bottom + 42, x_title, anchor="middle"))
        for value in ticks(*self._y_range):
            y = self._y.at(value)
            shapes.append(f'<path d="M{self.left} {y:.1f}H{self.right}" stroke="{_PALE}"/>')
            shapes.append(_text(self.left - 8, y + 4, _short(value), anchor="end"))
        below = self.bottom + 20
        return shapes + [_text(self._x.at(value), below, _short(value), anchor="middle") for value in self._xs]


class _Scale:
    """A logarithmic scale from one stretch to another; a stretch of no length maps to its middle."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low = low
        self._span = math.log(high / low)
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = math.log(value / self._low) / self._span if self._span else 0.5
        return self._start + share * (self._end - self._start)


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten within the range."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    return [value for value in candidates if low <= value <= high]


def _line(frame: _Frame, points: Sequence[Point], colour: str, *, wide: bool) -> list[str]:
    placed = [frame.place(point) for point in points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
    shapes = [f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{3 if wide else 1.5}"/>']
    return shapes + [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}">{escape(words)}</text>'


def _short(value: float) -> str:
    """Three figures that count, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _document(title: str, height: int, shapes: Sequence[str]) -> str:
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    paper = f'<rect width="{_WIDTH}" height="{height}" fill="{_PAPER}"/>'  # readable on a dark page too
    heading = f'<text x="10" y="20" font-weight="600" fill="{_INK}">{escape(title)}</text>'
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_FONT}>'
    return "\n".join([opened, f"<title>{escape(title)}</title>", paper, heading, *shapes, "</svg>", ""])
