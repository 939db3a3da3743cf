import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import Problem
from aubier.ground.rows import Request
from aubier.portals.frame.forms import MAX_FILE, read_form

KIND = {"content-type": "multipart/form-data; boundary=XX"}


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


def post(body: bytes, headers: dict[str, str]) -> Request:
    return Request("POST", "/x", headers=headers, body=body)


def test_fields_and_a_file() -> None:
    body = part("title", "Été".encode()) + part("file", b"%PDF-1.4\r\n\x00\xff", "a.pdf") + b"--XX--\r\n"
    form = read_form(post(body, KIND))
    assert form.get("title") == "Été"
    assert form.uploads["file"].data == b"%PDF-1.4\r\n\x00\xff"
    assert form.uploads["file"].name == "a.pdf"


def test_an_empty_file_field_is_no_file() -> None:
    form = read_form(post(part("file", b"", "") + b"--XX--\r\n", KIND))
    assert not form.uploads


def test_urlencoded_from_the_body_or_already_read() -> None:
    form = read_form(post(b"a=1&b=%C3%A9+x", {"content-type": "application/x-www-form-urlencoded"}))
    assert (form.get("a"), form.get("b")) == ("1", "é x")
    assert read_form(Request("POST", "/x", form=(("a", " 2 "),))).get("a") == "2"


def test_bounds() -> None:
    with pytest.raises(Problem) as refused:
        read_form(post(b"x" * (MAX_FILE + 200_000), KIND))
    assert refused.value.kind == "too-long"
    with pytest.raises(Problem):
        read_form(post("&".join(f"a{n}=1" for n in range(500)).encode(), {}))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_a_refusal(body: bytes) -> None:
    for headers in (KIND, {}):
        try:
            form = read_form(post(body, headers))
        except Problem as refused:
            assert refused.kind in ("invalid", "too-long")
        else:
            assert all(isinstance(v, str) for v in form.values.values())
