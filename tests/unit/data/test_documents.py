"""Pages, PDFs, documents of Word and Markdown become their text, alone and in folders."""

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.written import LOCKED_PDF, docx, pdf

from luthier.core.errors import DataError, MissingExtra
from luthier.data.find import digest, find, find_one
from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file

PAGE = """<!DOCTYPE html>
<html><head><title>Shop</title><style>p { color: red }</style></head>
<body><header><nav><a href="/">Home</a> <a href="/b">Basket</a></nav></header>
<main><h1>Returns &amp; refunds</h1>
<p>Send it <b>back</b> with<a href="/x"> the form</a>.</p><script>track("p")</script>
<table><tr><th>days</th><th>money</th></tr><tr><td>14</td><td>all</td></tr></table>
<pre><code>if x:
    y()
</code></pre></main><footer>Imprint</footer></body></html>"""
PAGE_TEXT = """# Returns & refunds

Send it **back** with the form.

| days | money |
| --- | --- |
| 14 | all |

```
if x:
    y()
```"""


def text_of(folder: Path, name: str, content: bytes | str) -> tuple[str, str]:
    """The text of a file, and how it was read."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    opened = find_one(str(path), encoding="auto")
    ((line, record),) = opened.records
    assert (line, set(record)) == (1, {"text"})
    return record["text"], ", ".join(opened.notes)


def folder_of(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return folder


# --- web pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.html", "a.php", "a"])
def test_a_page_is_its_main_text_under_any_name(tmp_path: Path, name: str) -> None:
    text, how = text_of(tmp_path, name, PAGE)
    assert text == PAGE_TEXT
    assert "HTML, its main text, 2 blocks of menus and the like left out" in how


def test_a_list_of_nothing_but_links_is_a_menu_and_one_with_words_is_not(tmp_path: Path) -> None:
    items = "<li><a>one</a><li><a>two</a><li><a>three</a>"
    page = f"<html><body><ul>{items}</ul><ol>{items} and more</ol><p>end</p></body></html>"
    assert text_of(tmp_path, "a.html", page)[0] == "1. one\n2. two\n3. three and more\n\nend"


def test_a_page_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    page = '<html><head><meta charset="shift_jis"></head><body><p>日本語の文</p></body></html>'
    text, how = text_of(tmp_path, "a.html", page.encode("shift_jis"))
    assert (text, "read as shift_jis, as the page says of itself" in how) == ("日本語の文", True)


def test_a_page_that_names_the_wrong_encoding_is_still_utf_8(tmp_path: Path) -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body><p>zwölf</p></body></html>'
    assert text_of(tmp_path, "a.html", page)[0] == "zwölf"


def test_a_page_without_text_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.html: is a web page without text.\n.*Save it in a br"):
        text_of(tmp_path, "a.html", "<html><body><script>draw()</script></body></html>")


def test_a_page_nested_deeper_than_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.html: elements are nested too deep"):
        text_of(tmp_path, "a.html", f"<html><body>{'<b>' * 20_000}x</body></html>")


# --- PDF -----------------------------------------------------------------------------------------


def test_the_pages_of_a_pdf_are_one_text(tmp_path: Path) -> None:
    data = pdf(["Guitars are (mostly)", "made of wood."], [], ["Zwölf strings."])
    text, how = text_of(tmp_path, "a.pdf", data)
    assert text == "Guitars are (mostly) made of wood.\n\nZwölf strings."
    assert "PDF of 3 pages, 1 of them without text (page 2; pictures are not read)" in how


def test_a_pdf_of_pictures_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.pdf: is a PDF without text.\n.*OCR"):
        text_of(tmp_path, "a.pdf", pdf([]))


def test_a_pdf_with_a_password_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.pdf: opens with a password only.\n.*Save it without"):
        text_of(tmp_path, "a.pdf", LOCKED_PDF)


@pytest.mark.parametrize("data", [b"%PDF-1.7 and nothing", b"no PDF", pdf(["x"])[:200]])
def test_a_damaged_pdf_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.pdf: not a readable PDF .*\n.*copy it again"):
        text_of(tmp_path, "a.pdf", data)


# --- Word ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.docx", "a"])
def test_a_document_of_word_keeps_headings_and_tables(tmp_path: Path, name: str) -> None:
    data = docx("# Wood", "Spruce &amp; cedar.", table=[["part", "wood"], ["top", "spruce"]])
    text, how = text_of(tmp_path, name, data)
    assert text == "# Wood\n\nSpruce & cedar.\n\n| part | wood |\n| --- | --- |\n| top | spruce |"
    assert "document of Word" in how


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (docx(), r"is a document of Word without text.\n.*pictures of pages"),
        (docx("x")[:300], r"not a readable document of Word .*\n.*save it again"),
        (b"PK\x03\x04\x14\x00", r"not a readable document of Word"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"needs a password, or .*\n.*save it as \.docx"),
    ],
)
def test_a_document_of_word_that_gives_no_text_is_refused(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    with pytest.raises(DataError, match=rf"a\.docx: {problem}"):
        text_of(tmp_path, "a.docx", data)


# --- Markdown ------------------------------------------------------------------------------------


def test_markdown_is_one_document_with_its_code_and_without_front_matter(tmp_path: Path) -> None:
    text = "# Notes\n\nSome text.\n\n```python\n# no heading\n\nx = 1\n```\n"
    front = "---\ntitle: Notes\ntags:\n  - a\n---\n"
    read, how = text_of(tmp_path, "a.md", front + text)
    assert (read, "Markdown, its front matter left out" in how) == (text.strip(), True)
    assert text_of(tmp_path, "b.md", text.replace("\n", "\r\n"))[0] == text.strip()


def test_a_line_at_the_beginning_is_no_front_matter(tmp_path: Path) -> None:
    text = "---\n\nIt is said: once. And then more.\n\n---\n\nEnd."
    assert text_of(tmp_path, "a.md", text)[0] == text


def test_text_without_marks_is_plain_though_it_is_called_markdown(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("one\ntwo\n")
    opened = find_one(str(tmp_path / "a.md"), encoding="auto")
    assert [record for _, record in opened.records] == [{"text": "one"}, {"text": "two"}]
    assert not opened.documents


# --- folders -------------------------------------------------------------------------------------

MIXED = {
    "a.html": PAGE,
    "b.pdf": pdf(["Made of wood."]),
    "c.docx": docx("# Wood"),
    "in/d.md": "---\na: b\n---\n# Notes\n\nText.",
    "in/e.txt": "plain",
    "f.pdf": pdf([]),
    "g.pdf": LOCKED_PDF,
    "h.html": "",
    "i.bin": b"\0\1",
}


def test_a_folder_of_mixed_documents_is_read_and_what_gave_nothing_is_counted(
    tmp_path: Path,
) -> None:
    folder, ledger = folder_of(tmp_path / "docs", MIXED), Ledger()
    parsed = parse_file(str(folder), Reading(), ledger)
    places = {str(row.origin): row.given() for row in parsed.rows}
    assert places == {
        f"{folder}/a.html line 1": PAGE_TEXT,
        f"{folder}/b.pdf line 1": "Made of wood.",
        f"{folder}/c.docx line 1": "# Wood",
        f"{folder}/in/d.md line 1": "# Notes\n\nText.",
        f"{folder}/in/e.txt line 1": "plain",
    }
    assert {why: entry.count for why, entry in ledger.dropped.items()} == {
        "a PDF without text": 1,
        "a PDF with a password": 1,
        "empty file": 1,
    }
    assert "folder of 8 texts; 1 other file in it is not read" in parsed.description[0]


def test_documents_in_folders_of_their_own_are_labelled_by_these(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {"pos/1.html": PAGE, "neg/1.pdf": pdf(["Bad."])})
    (one,) = find(str(folder), encoding="auto")
    assert [(r["text"][:4], r["label"]) for _, r in one.records] == [
        ("Bad.", "neg"),
        ("# Re", "pos"),
    ]


def test_a_damaged_document_in_a_folder_stops_the_run_by_its_name(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {"a.txt": "x", "b.pdf": b"%PDF-"})
    with pytest.raises(DataError, match=r"d/b\.pdf: not a readable PDF"):
        parse_file(str(folder), Reading(), Ledger())


def test_a_folder_of_documents_has_a_hash_of_all_of_them(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {"a.txt": "x", "b.pdf": pdf(["x"])})
    before = digest(str(folder))
    (folder / "b.pdf").write_bytes(pdf(["y"]))
    assert before != digest(str(folder))


@pytest.mark.parametrize(
    ("name", "content", "package"),
    [("a.html", PAGE, "bs4"), ("a.pdf", pdf(["x"]), "pypdfium2"), ("a.docx", docx("x"), "mammoth")],
)
def test_an_absent_package_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: Any, package: str
) -> None:
    found = builtins.__import__

    def absent(module: str, *args: Any, **named: Any) -> Any:
        if module == package:
            raise ImportError(module)
        return found(module, *args, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtra, match=r"pip install 'luthier\[documents\]'"):
        text_of(tmp_path, name, content)
