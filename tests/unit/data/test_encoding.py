"""Bytes become text, or the message says which byte is wrong and what to do."""

import codecs
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.core.errors import DataError
from luthier.data import content as contents
from luthier.data.content import Content
from luthier.data.encoding import detect

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), min_size=1)
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def decode(data: bytes, *, encoding: str, where: str) -> tuple[str, str]:
    """The text of some bytes, and how they were read."""
    found = detect(lambda: io.BytesIO(data), encoding=encoding, where=where)
    content = Content(
        where, "", lambda: io.BytesIO(data), b"", codec=found.codec, skipped=found.skipped
    )
    with content.stream(newline="") as text:
        return text.read(), found.note


@pytest.fixture(autouse=True, params=[1 << 20, 1, 3], ids=lambda size: f"pieces of {size}")
def pieces(request: pytest.FixtureRequest) -> Iterator[None]:
    """The same whatever is held at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "PIECE_BYTES", request.param)
        yield


@given(TEXT, st.sampled_from(sorted(MARKED)))
def test_marked_text_comes_back_whole_and_without_its_mark(text: str, name: str) -> None:
    if name == "utf-16-le" and text.startswith("\0"):
        return  # FF FE 00 00 is UTF-32's mark: nobody can tell the two apart
    assert decode(MARKED[name] + text.encode(name), encoding="auto", where="f")[0] == text


@given(TEXT)
def test_utf8_comes_back_whole(text: str) -> None:
    data = text.encode()
    if data[0::2].count(0) or data[1::2].count(0):
        return  # zero bytes everywhere look like UTF-16 on purpose
    assert decode(data, encoding="auto", where="f") == (text, "")


def test_a_wholly_cp1252_file_is_read_and_said() -> None:
    text, note = decode("naïve café “quoted”\nok\n".encode("cp1252"), encoding="auto", where="f")
    assert text == "naïve café “quoted”\nok\n"
    assert "cp1252" in note
    assert "line 1" in note


def test_utf16_without_a_mark_is_recognised_by_its_zero_bytes() -> None:
    text, note = decode('{"text": "hello"}\n'.encode("utf-16-le"), encoding="auto", where="f")
    assert text == '{"text": "hello"}\n'
    assert "UTF-16-LE" in note


def test_a_file_half_utf8_half_cp1252_names_the_first_offending_line_and_byte() -> None:
    data = "café\r\nnaïve\r\n".encode() + "Übel\r\n".encode("cp1252")
    with pytest.raises(DataError) as caught:
        decode(data, encoding="auto", where="a.csv")
    message = str(caught.value)
    offset = len("café\r\nnaïve\r\n".encode())
    assert f"a.csv line 3 (byte {offset}): 0xdc" in message
    assert "mixes encodings" in message
    assert "data.encoding = cp1252" in message


def test_cp1252_text_with_a_pair_that_looks_like_utf8_is_still_cp1252() -> None:
    text = "é " * 40 + "CAFÉ’S"  # C9 92 is also a letter in UTF-8
    assert decode(text.encode("cp1252"), encoding="auto", where="f")[0] == text


@pytest.mark.parametrize("text", ["Grüße", "Über uns", "it’s", "Łódź", "5 €", "Привет", "😀"])
def test_a_few_lines_of_utf8_in_a_cp1252_file_are_named(text: str) -> None:
    data = "Maße für Größe\n".encode("cp1252") * 98 + f"{text}\n".encode() * 2
    with pytest.raises(DataError) as caught:
        decode(data, encoding="auto", where="a.csv")
    message = str(caught.value)
    assert "a.csv line 99 (byte" in message
    assert "mixes encodings" in message
    assert "the first in line 1" in message
    assert "data.encoding = cp1252" in message


@pytest.mark.parametrize("text", ["MAÇÃ”", "PÅ” ", "“café”…", "Spaß”", "VOILÀ…", "É\xa0»"])
def test_words_of_cp1252_that_could_be_utf8_stay_what_they_are(text: str) -> None:
    whole = "é " * 40 + text
    assert decode(whole.encode("cp1252"), encoding="auto", where="f")[0] == whole


def test_bytes_of_no_encoding_are_refused() -> None:
    with pytest.raises(DataError, match="neither UTF-8 nor cp1252"):
        decode(b"ok\n\x81\xff\n", encoding="auto", where="f")


def test_a_named_encoding_is_obeyed_and_an_unknown_one_refused() -> None:
    assert decode(b"\xe9", encoding="latin-1", where="f")[0] == "é"
    with pytest.raises(DataError, match="no known encoding"):
        decode(b"x", encoding="utf-9", where="f")
    with pytest.raises(DataError, match=r"f line 2 \(byte 3\): 0xe9 is not ascii"):
        decode(b"ab\n\xe9", encoding="ascii", where="f")


@pytest.mark.parametrize(
    ("data", "asked", "fits"),
    [
        (b"h\x80", "utf8", "cp1252"),
        (b"h\x81", "UTF-8", "latin-1"),
        ("h€".encode(), "ascii", "utf-8"),
        (b"h\x81", "cp1252", "latin-1"),
    ],
)
def test_a_refused_encoding_is_answered_with_one_that_fits(
    data: bytes, asked: str, fits: str
) -> None:
    with pytest.raises(DataError, match=rf"data\.encoding = {fits}$"):
        decode(data, encoding=asked, where="f")
