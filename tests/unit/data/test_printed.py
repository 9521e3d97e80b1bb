"""Pages of PDFs become running text: paragraphs, headings, columns, code; heads and feet go."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.written import Put, laid_out

from luthier.core.errors import DataError
from luthier.data.find import find_one
from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file

FIRST = ["Guitars are made of spruce, of cedar, and of some woods that",
         "grow far away. The top is the part that gives most of it its",
         "sound, and the back gives the rest."]  # fmt: skip
SECOND = ["Strings are made of gut, or of nylon, or of steel, and each of",
          "these wants another top."]  # fmt: skip


def put(lines: Sequence[str], base: float, *, left: float = 72, **look: object) -> list[Put]:
    return [
        Put(text, left, base - 12 * at, **look)  # pyright: ignore[reportArgumentType]
        for at, text in enumerate(lines)
    ]


def read(folder: Path, *pages: Sequence[Put]) -> tuple[str, str]:
    """The text, and how it was read."""
    (folder / "a.pdf").write_bytes(laid_out(*pages))
    opened = find_one(str(folder / "a.pdf"), encoding="auto")
    ((_, record),) = opened.records
    return record["text"], opened.notes[0]


# --- paragraphs ----------------------------------------------------------------------------------


def test_lines_become_paragraphs_where_a_gap_parts_them(tmp_path: Path) -> None:
    text, _ = read(tmp_path, [*put(FIRST, 700), *put(SECOND, 654)])
    assert text == f"{' '.join(FIRST)}\n\n{' '.join(SECOND)}"


def test_a_line_that_is_indented_after_a_sentence_begins_a_paragraph(tmp_path: Path) -> None:
    second = ["Strings are made of gut, or of nylon, and each of these", "wants another top."]
    indented = [*put(second[:1], 664, left=92), *put(second[1:], 652)]
    text, _ = read(tmp_path, [*put(FIRST, 700), *indented])
    assert text == f"{' '.join(FIRST)}\n\n{' '.join(second)}"


def test_lines_that_end_on_purpose_stay_lines(tmp_path: Path) -> None:
    lines = ["Ana Kovac", "12 Street of the Luthiers by the River", "Paris", "France"]
    text, _ = read(tmp_path, put(lines, 700))
    assert text == "Ana Kovac\n12 Street of the Luthiers by the River Paris\nFrance"


def test_items_are_written_as_a_list(tmp_path: Path) -> None:
    items = [*put(["• " + FIRST[0]], 700), *put(FIRST[1:], 688, left=80), *put(["• Nylon."], 664)]
    text, _ = read(tmp_path, items)
    assert text == f"- {' '.join(FIRST)}\n\n- Nylon."


def test_a_paragraph_goes_on_on_the_next_page_past_notes(tmp_path: Path) -> None:
    note = Put("1 Others use maple for it.", 72, 60, 7)
    text, _ = read(tmp_path, [*put(FIRST[:2], 120), note], [*put(FIRST[2:], 700)])
    assert text == f"{' '.join(FIRST)}\n\n1 Others use maple for it."


def test_a_paragraph_that_ended_does_not_go_on_on_the_next_page(tmp_path: Path) -> None:
    text, _ = read(tmp_path, put(FIRST, 120), put(SECOND, 700))
    assert text == f"{' '.join(FIRST)}\n\n{' '.join(SECOND)}"


def test_words_broken_at_line_ends_are_joined_where_the_document_shows_how(tmp_path: Path) -> None:
    lines = [
        "An identifier is a well-",
        "known iden-",
        "tifier. It is known well,",
        "self-",
        "Made.",
    ]
    text, how = read(tmp_path, put(lines, 700))
    assert text == "An identifier is a well-known identifier. It is known well, self-Made."
    assert "words broken at line ends: 1 joined, 2 with their hyphen" in how


def test_a_word_broken_at_the_foot_of_a_page_is_joined(tmp_path: Path) -> None:
    last = "grow far away, and some of it gives the instru-"
    text, _ = read(tmp_path, put([FIRST[0], last], 120), put(["ment its sound."], 700))
    assert text.endswith("gives the instrument its sound.")


def test_indices_and_marks_of_notes_stay_in_their_line(tmp_path: Path) -> None:
    line = [Put("Water is H", 72, 700), Put("2", 122, 697, 6), Put("O, as it seems.", 127, 700)]
    text, _ = read(tmp_path, line)
    assert text.split() == ["Water", "is", "H", "2", "O,", "as", "it", "seems."]
    assert "\n" not in text


def test_text_that_is_turned_is_read_like_any_other(tmp_path: Path) -> None:
    lines = [Put(text, 300 + 12 * at, 100, turned=True) for at, text in enumerate(FIRST)]
    assert read(tmp_path, lines)[0] == " ".join(FIRST)


# --- headings ------------------------------------------------------------------------------------

BOOK = [
    Put("The guitar", 72, 740, 24),
    Put("1 Wood", 72, 700, 16, "bold"),
    *put(FIRST, 680),
    Put("Where it comes from", 72, 630, 10, "bold"),
    *put(FIRST, 610),
    Put("2 Strings and what", 72, 550, 16, "bold"),
    Put("they are made of", 72, 532, 16, "bold"),
    *put(SECOND, 510),
]


def test_lines_set_larger_or_bold_are_headings_with_levels(tmp_path: Path) -> None:
    text, how = read(tmp_path, BOOK)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# The guitar",
        "## 1 Wood",
        "### Where it comes from",
        "## 2 Strings and what they are made of",
    ]
    assert "4 headings" in how


@pytest.mark.parametrize(
    "line",
    [
        Put("Note that it is only a sentence.", 72, 600, 10, "bold"),
        Put("Careful:", 72, 600, 10, "bold"),
        Put("1 Wood . . . . . . . . . . . . . . . . . 7", 72, 600, 16, "bold"),
        Put("3,000", 72, 600, 16),
    ],
)
def test_sentences_lists_of_contents_and_numbers_are_no_headings(tmp_path: Path, line: Put) -> None:
    text, _ = read(tmp_path, [*put(FIRST, 680), line, *put(FIRST, 560)])
    assert "#" not in text


def test_a_text_that_is_bold_from_end_to_end_has_no_headings(tmp_path: Path) -> None:
    lines = [*put(FIRST, 680, font="bold"), *put(["It ends here"], 600, font="bold")]
    assert "#" not in read(tmp_path, lines)[0]


def test_the_numbers_of_pages_in_a_list_of_contents_keep_few_dots(tmp_path: Path) -> None:
    contents = [f"{at} Wood {'. ' * 30}{at + 6}" for at in range(1, 4)]
    text, _ = read(tmp_path, [*put(contents, 700), *put(FIRST, 600)])
    assert text.startswith("1 Wood ... 7\n2 Wood ... 8\n3 Wood ... 9\n\n")


def test_chunks_of_a_pdf_begin_at_its_headings(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(laid_out(BOOK))
    parsed = parse_file(str(tmp_path / "a.pdf"), Reading(chunk=300), Ledger())
    starts = [row.given().splitlines()[0] for row in parsed.rows]
    assert starts == ["# The guitar", "### Where it comes from", "## 2 Strings and what they are "
                      "made of"]  # fmt: skip


# --- code ----------------------------------------------------------------------------------------


def test_code_keeps_its_lines_and_is_not_taken_for_headings(tmp_path: Path) -> None:
    code = [Put(text, left, base, 10, "fixed") for text, left, base in [
        ("# tune it", 72, 640), ("for string in strings:", 72, 628), ("tune(string)", 96, 616),
        ("done()", 72, 592)]]  # fmt: skip
    text, _ = read(tmp_path, [*put(FIRST, 700), *code, *put(SECOND, 560)])
    block = "```\n# tune it\nfor string in strings:\n    tune(string)\n\ndone()\n```"
    assert text == f"{' '.join(FIRST)}\n\n{block}\n\n{' '.join(SECOND)}"


def test_a_line_of_text_that_begins_like_a_heading_is_none(tmp_path: Path) -> None:
    text, _ = read(tmp_path, [*put(["# 12 of them"], 720), *put(FIRST, 690)])
    assert text.startswith("\\# 12 of them\n\n")


def test_a_document_in_letters_of_one_width_is_no_code(tmp_path: Path) -> None:
    assert read(tmp_path, put(FIRST, 700, font="fixed"))[0] == " ".join(FIRST)


# --- columns -------------------------------------------------------------------------------------

LEFT = [f"left {at} has words that fill a column of it" for at in range(10)]
RIGHT = [f"right {at} has words that fill a column too" for at in range(10)]


@pytest.mark.parametrize("lower", [0, 3])
def test_columns_written_line_by_line_are_read_one_after_the_other(
    tmp_path: Path, lower: float
) -> None:
    title = Put("A title that stands across both of the columns of this page", 72, 740, 16)
    both = [
        one
        for at in range(10)
        for one in (
            Put(LEFT[at], 72, 700 - 12 * at),
            Put(RIGHT[at], 320, 700 - lower - 12 * at),
        )
    ]
    text, _ = read(tmp_path, [title, *both])
    assert text == f"# {title.text}\n\n{' '.join([*LEFT, *RIGHT])}"


def test_a_table_is_not_read_column_by_column(tmp_path: Path) -> None:
    cells = [one for at in range(10)
             for one in (Put(f"item {at}", 72, 700 - 12 * at), Put(f"{at} EUR", 320, 700 - 12 * at))
             ]  # fmt: skip
    text, _ = read(tmp_path, cells)
    assert text.splitlines()[:2] == ["item 0 0 EUR", "item 1 1 EUR"]


# --- heads and feet ------------------------------------------------------------------------------


def body(page: int) -> list[str]:
    return [line.replace(" ", f"{'abcdefghi'[page]} ", 1) for line in FIRST]


def test_heads_and_feet_are_left_out_and_counted_but_for_the_title(tmp_path: Path) -> None:
    heads = ["The manual"] * 4 + ["Chapter two"] * 3 + ["A short one"]
    text, how = read(
        tmp_path,
        *(
            [Put(head, 72, 760), *put(body(at), 700), Put(f"Page {at} of 9", 280, 40)]
            for at, head in enumerate(heads)
        ),
    )
    assert text == "\n\n".join(["The manual", *(" ".join(body(at)) for at in range(8))])
    assert "15 lines at heads and feet of pages left out" in how


def test_numbers_of_the_romans_are_numbers_of_pages(tmp_path: Path) -> None:
    numbers = enumerate(["i", "ii", "iii", "iv"])
    text, _ = read(tmp_path, *([*put(body(at), 700), Put(no, 300, 40)] for at, no in numbers))
    assert text == "\n\n".join(" ".join(body(at)) for at in range(4))


def heads(folder: Path, heads: Sequence[str], size: float = 10) -> list[str]:
    """Those that are left, in order."""
    pages = ([Put(head, 72, 740, size), *put(body(at), 700)] for at, head in enumerate(heads))
    return [line.lstrip("# ") for line in read(folder, *pages)[0].splitlines() if line in heads
            or line.lstrip("# ") in heads]  # fmt: skip


@pytest.mark.parametrize("title", ["Chapter {}", "Chapter {}: of wood"])
def test_headings_that_count_their_chapters_stay(title: str, tmp_path: Path) -> None:
    each = [title.format(at) for at in range(1, 6)]
    assert heads(tmp_path, each, size=18) == each


def test_a_head_with_the_number_of_the_chapter_stays_where_the_chapter_begins(
    tmp_path: Path,
) -> None:
    pages = ["Chapter 1"] * 3 + ["Chapter 2"] * 2 + ["Chapter 3"] * 4
    assert heads(tmp_path, pages) == ["Chapter 1", "Chapter 2", "Chapter 3"]


def test_a_head_with_a_number_that_is_no_counter_is_the_title_once(tmp_path: Path) -> None:
    assert heads(tmp_path, ["Manual 2026"] * 5) == ["Manual 2026"]


@pytest.mark.parametrize(
    "head", ["The manual {}", "{} The manual", "Page {} of 9", "Chapter 2, page {}"]
)
def test_a_head_that_counts_with_the_pages_is_left_out(head: str, tmp_path: Path) -> None:
    assert heads(tmp_path, [head.format(at) for at in range(1, 8)]) == []


def test_a_large_number_of_the_page_is_left_out(tmp_path: Path) -> None:
    assert heads(tmp_path, [str(at) for at in range(1, 8)], size=18) == []


def test_headings_at_the_head_of_some_pages_stay(tmp_path: Path) -> None:
    heads = [Put("Summary", 72, 740, 20)] * 3 + [Put("More", 72, 740, 20)] * 5
    text, _ = read(tmp_path, *([head, *put(body(at), 700)] for at, head in enumerate(heads)))
    assert text.count("# Summary") == 3


def test_a_line_that_begins_few_of_many_pages_stays(tmp_path: Path) -> None:
    pages = [put([f"{word} begins this page of it.", *SECOND], 700)
             for word in [*"abcdefghijklmnopqrstuvwxyz" * 4, *["Wood"] * 4]]  # fmt: skip
    assert read(tmp_path, *pages)[0].count("Wood begins") == 4


# --- what cannot be read -------------------------------------------------------------------------


def test_pages_without_text_are_named(tmp_path: Path) -> None:
    _, how = read(tmp_path, [], put(FIRST, 700), *[[]] * 9)
    assert "10 of them without text (page 1, 3, 4, 5, 6, 7, 8, 9, ...; pictures are not" in how


def test_a_page_that_is_damaged_is_named(tmp_path: Path) -> None:
    data = laid_out(put(FIRST, 700), put(FIRST, 700), put(FIRST, 700))
    second = data.index(b"/Type /Page ", data.index(b"/Type /Page ") + 1)
    (tmp_path / "a.pdf").write_bytes(data[:second] + b"/Type /Gape " + data[second + 12 :])
    with pytest.raises(DataError, match=r"a\.pdf, page 2: not a readable PDF .*\n.*copy it again"):
        find_one(str(tmp_path / "a.pdf"), encoding="auto")
