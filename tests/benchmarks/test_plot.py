"""Plots are whole XML, keep their figures on the paper, and leave out what a logarithm can't show."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks import plot

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}text")]


def widths(svg: str) -> list[float]:
    drawn = [each for each in ET.fromstring(svg).iter(f"{SVG}rect") if each.get("x")]
    return [float(each.get("width", "0")) for each in drawn]


def test_bars_name_every_row_and_its_figure() -> None:
    svg = plot.bars("Cost", [("nginx", 25.0), ("headrace", 52.04), ("litellm", 12_100.0)], "headrace", "µs")
    assert {"nginx", "headrace", "litellm", "25 µs", "52 µs", "12,100 µs"} <= set(texts(svg))
    assert widths(svg) == sorted(widths(svg))
    assert widths(svg)[-1] <= 720


def test_our_bar_has_a_colour_of_its_own() -> None:
    svg = plot.bars("Cost", [("nginx", 1.0), ("headrace", 2.0), ("x", 3.0)], "headrace", "µs")
    colours = [each.get("fill") for each in ET.fromstring(svg).iter(f"{SVG}rect") if each.get("x")]
    assert colours[0] == colours[2] != colours[1]


def test_names_are_escaped() -> None:
    assert "a<b&c" in texts(plot.bars("a<b&c", [("x", 1.0)], "", "µs"))[0]


def test_lines_stay_on_the_paper() -> None:
    series = {"direct": [(500.0, 0.2), (4_000.0, 0.4)], "headrace": [(500.0, 0.5), (4_000.0, 90.0)]}
    root = ET.fromstring(plot.lines("Latency", "requests per second", "ms", series, "headrace"))
    circles = list(root.iter(f"{SVG}circle"))
    assert len(circles) == 4
    assert all(0 <= float(each.get("cx", "-1")) <= 720 and 0 <= float(each.get("cy", "-1")) <= 370 for each in circles)


def test_what_a_logarithm_cannot_show_is_left_out() -> None:
    series = {"a": [(500.0, 0.0), (1_000.0, 1.0)], "b": [(500.0, 0.0)]}
    root = ET.fromstring(plot.lines("Latency", "x", "y", series, "a"))
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert "b" not in texts(ET.tostring(root, encoding="unicode"))


@pytest.mark.parametrize("svg", [plot.bars("Nothing", [], "", "µs"), plot.lines("Nothing", "x", "y", {}, "")])
def test_a_plot_of_nothing_has_its_title_alone(svg: str) -> None:
    assert texts(svg)[0].startswith("Nothing")


def test_a_single_row_is_drawn() -> None:
    assert widths(plot.bars("One", [("x", 3.0)], "", "µs"))[0] > 0


def test_ticks_are_round_numbers_within_the_range() -> None:
    assert plot.ticks(0.3, 12.0) == pytest.approx([0.5, 1, 2, 5, 10])
