"""Forms are read where they lie; what two readers might read differently is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.multipart import MOST_PARTS, BadForm, boundary_of, content_type_for, read_parts


def form(*parts: tuple[str, bytes], boundary: str = "b0und") -> bytes:
    """`parts`: header lines, content."""
    body = b"".join(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), h.encode(), c) for h, c in parts)
    return body + b"--%b--\r\n" % boundary.encode()


FIELD = 'Content-Disposition: form-data; name="model"'
FILE = 'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav'


def test_the_parts_of_a_form_and_where_they_lie() -> None:
    sound = b"RIFF\r\n--b0un\r\n--\r\n\r\n\0\xff"
    body = form((FIELD, b"whisper"), (FILE, sound), ("content-disposition: form-data;name=empty", b""))
    model, file, empty = read_parts(body, "b0und")
    assert (model.name, model.filename, body[model.start : model.end]) == ("model", None, b"whisper")
    assert (file.name, file.filename, file.content_type) == ("file", "a.wav", "audio/wav")
    assert body[file.start : file.end] == sound
    assert (empty.name, body[empty.start : empty.end]) == ("empty", b"")


def test_a_preamble_an_epilogue_and_blanks_behind_a_boundary_are_passed_over() -> None:
    body = b"ignored\r\n" + form((FIELD, b"m")).replace(b"--b0und\r\n", b"--b0und \t\r\n", 1) + b"ignored too"
    assert [part.name for part in read_parts(body, "b0und")] == ["model"]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=200).filter(lambda content: b"\r\n--b0und" not in content), max_size=6))
def test_whatever_is_put_in_comes_out(contents: list[bytes]) -> None:
    body = form(*((f'Content-Disposition: form-data; name="p{at}"', content) for at, content in enumerate(contents)))
    assert [body[part.start : part.end] for part in read_parts(body, "b0und")] == contents


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 200))
def test_no_bytes_make_it_anything_but_a_form_or_none(junk: bytes, cut: int, at: int) -> None:
    body = form((FIELD, b"m"), (FILE, b"sound"))
    damaged = body[:at] + junk + body[cut:]
    try:
        parts = read_parts(damaged, "b0und")
    except BadForm:
        return
    assert all(0 <= part.start <= part.end <= len(damaged) for part in parts)


def test_a_quoted_name_may_hold_what_looks_like_a_parameter() -> None:
    disposition = 'Content-Disposition: form-data; filename="; name=\\"model\\".wav"; name="file"'
    (part,) = read_parts(form((disposition, b"x")), "b0und")
    assert (part.name, part.filename) == ("file", '; name="model".wav')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b0und",
        b"--b0und\r\n",
        b"--b0und--"[:-1],
        form((FIELD, b"m"))[:-12],
        b"--b0undX" + form((FIELD, b"m"))[7:],
        form(("Content-Type: text/plain", b"nameless")),
        form(('Content-Disposition: attachment; name="model"', b"m")),
        form(('Content-Disposition: form-data; name="model"; name="file"', b"m")),
        form(('Content-Disposition: form-data; name="model', b"m")),
        form((FIELD + "\r\n" + FIELD, b"m")),
        form((FIELD + "\r\nno colon", b"m")),
        form((FIELD + "\r\nContent-Transfer-Encoding: base64", b"bQ==")),
        form((FIELD + "\r\nX-Long: " + "x" * 9000, b"m")),
        form(*[(FIELD, b"m")] * (MOST_PARTS + 1)),
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadForm):
        read_parts(body, "b0und")


def test_boundaries() -> None:
    assert boundary_of("Multipart/Form-Data; charset=utf-8; boundary=abc") == "abc"
    assert boundary_of('multipart/form-data; boundary="a b:c"') == "a b:c"
    assert content_type_for("abc") == "multipart/form-data; boundary=abc"
    assert boundary_of(content_type_for("a b:c")) == "a b:c"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="a\r\nx: y"',
        "multipart/form-data; boundary=a; boundary=b",
        'multipart/form-data; boundary="' + "x" * 300 + '"',
        'multipart/form-data; boundary="ends with a blank "',
        "multipart/mixed; boundary=abc",
    ],
)
def test_a_header_without_a_fit_boundary_is_refused(header: str) -> None:
    with pytest.raises(BadForm):
        boundary_of(header)
