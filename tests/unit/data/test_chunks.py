"""Long documents are cut where they pause; nothing is lost, and chunks of one stay together."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from luthier.core.errors import DataError, RecipeError
from luthier.data.chunks import pieces
from luthier.data.load import Loaded, load
from luthier.recipe.schema import DataSection


def cut(text: str, size: int, overlap: int = 0) -> list[str]:
    return [text[start:end].strip() for start, end in pieces(text, size, overlap)]


def document(number: int, sentences: int = 40) -> str:
    words = [f"Sentence {at} of document {number} tells of wood." for at in range(sentences)]
    return f"# Document {number}\n\n" + " ".join(words)


def folder_of(folder: Path, number: int) -> Path:
    folder.mkdir()
    for each in range(number):
        (folder / f"{each:02}.md").write_text(document(each))
    return folder


def rows_of(loaded: Loaded) -> dict[str, list[str]]:
    return {name: [row.given() for row in getattr(loaded.splits, name)]
            for name in ("train", "validation", "test")}  # fmt: skip


# --- where texts are cut -------------------------------------------------------------------------


@given(st.text("ab .\n#`", max_size=400), st.integers(10, 80))
def test_chunks_are_the_text_but_for_white_space(text: str, size: int) -> None:
    found = list(pieces(text, size))
    assert all(end - start <= size for start, end in found)
    assert "".join("".join(text[start:end].split()) for start, end in found) == "".join(
        text.split()
    )


@given(st.text("ab .\n#`", max_size=400), st.integers(10, 80), st.integers(1, 39))
@example("a\n# b\n" + "c. " * 30, 20, 9)  # a heading early in the first chunk
@example("a" * 18 + " " * 60 + "b" * 30, 20, 6)  # a gap longer than a chunk
def test_chunks_that_overlap_cover_the_text_and_each_brings_more(
    text: str, size: int, overlap: int
) -> None:
    overlap = min(overlap, (size - 1) // 2)
    found = list(pieces(text, size, overlap))
    covered = {at for start, end in found for at in range(start, end)}
    assert all(at in covered or char.isspace() for at, char in enumerate(text))
    assert all(end - start <= size for start, end in found)
    least = (size - overlap) // 4
    for number, ((start, end), (begin, stop)) in enumerate(pairwise(found), start=2):
        assert begin >= start + (end - start) // 3
        assert end - begin <= overlap
        assert text[end:stop].strip()
        assert stop - end >= least or number == len(found)


@pytest.mark.parametrize("overlap", [0, 200, 300, 499])
def test_a_heading_within_what_is_repeated_is_cut_at_once(overlap: int) -> None:
    text = f"# Short\n\n{'Some words here. ' * 15}\n\n## Long\n\n{'More words there. ' * 200}"
    starts = [start for start, _ in pieces(text, 1000, overlap)]
    assert len(starts) <= 9
    assert all(later - start > 80 for start, later in pairwise(starts))


def test_sections_stay_whole_where_they_fit() -> None:
    sections = [f"## Part {name}\n\n{'Words. ' * 12}".strip() for name in "abc"]
    assert cut("\n\n".join(sections), 120) == sections


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One two. Three four.\n\nFive six seven. Eight nine ten.", "One two. Three four."),
        (
            "One two three four. Five six. Seven eight nine ten eleven",
            "One two three four. Five six.",
        ),
        ("one two three four\nfive six seven eight nine ten eleven", "one two three four"),
        ("one two three four five six seven eight nine ten", "one two three four five six"),
        ("x" * 60, "x" * 30),
        ("これは文です。これも文です。" * 4, "これは文です。これも文です。" * 2),
    ],
)
def test_a_text_is_cut_at_the_best_pause(text: str, first: str) -> None:
    assert cut(text, 30)[0] == first


def test_what_looks_like_a_heading_in_code_is_none() -> None:
    code = "```\n" + "a = 1\n" * 6 + "# note\n" + "b = 2\n" * 6 + "```"
    assert cut(f"Text before.\n\n{code}", 80)[0].endswith("b = 2")


def test_a_chunk_begins_with_a_sentence_of_the_one_before() -> None:
    found = cut("One is here. Two is here. Three is here. Four is here.", 30, 14)
    assert found[:2] == ["One is here. Two is here.", "Two is here. Three is here."]


# --- rows ----------------------------------------------------------------------------------------


def test_documents_are_cut_and_their_chunks_know_where_they_stood(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", 12)
    loaded = load(DataSection(train=str(folder), chunk=500), seed=0)
    rows = [row for name in ("train", "validation", "test") for row in getattr(loaded.splits, name)]
    assert all(len(row.given()) <= 500 for row in rows)
    assert len(rows) == loaded.ledger.rows_in == 12 * 4
    places = {str(row.origin): row.given() for row in rows}
    (place,) = (name for name in places if name.startswith(f"{folder}/03.md line 1, characters 1 "))
    assert place.endswith(f" to {len(places[place]) + 1}")  # with the space behind the sentence
    assert (
        f"{folder}: 12 of 12 documents cut into 48 chunks of at most 500 characters (data.chunk)"
        in (loaded.description)
    )


def test_chunks_of_one_document_stay_in_one_split(tmp_path: Path) -> None:
    section = DataSection(train=str(folder_of(tmp_path / "d", 30)), chunk=500, chunk_overlap=60)
    of = {name: {row.group for row in getattr(load(section, seed=0).splits, name)}
          for name in ("train", "validation", "test")}  # fmt: skip
    assert all(of.values())
    assert len(of["train"] | of["validation"] | of["test"]) == sum(map(len, of.values())) == 30


def test_documents_that_come_later_move_no_earlier_one(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", 30)
    before = rows_of(load(DataSection(train=str(folder), chunk=500), seed=0))
    (folder / "99.md").write_text(document(99))
    after = rows_of(load(DataSection(train=str(folder), chunk=500), seed=0))
    assert all(set(before[name]) <= set(after[name]) for name in before)


def test_one_document_is_split_by_its_chunks_which_is_said(tmp_path: Path) -> None:
    (tmp_path / "book.md").write_text(document(1, sentences=400))
    loaded = load(DataSection(train=str(tmp_path / "book.md"), chunk=500), seed=0)
    assert all(rows_of(loaded).values())
    assert any("1 document is too few to keep each in one split" in line
               for line in loaded.description)  # fmt: skip


def test_few_documents_may_not_overlap(tmp_path: Path) -> None:
    (tmp_path / "book.md").write_text(document(1, sentences=400))
    section = DataSection(train=str(tmp_path / "book.md"), chunk=500, chunk_overlap=50)
    with pytest.raises(DataError, match=r"chunk_overlap: 1 document is too few.*\n.*data\.test"):
        load(section, seed=0)


def test_texts_of_a_table_are_cut_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = [f'{{"text": "{" ".join(document(at).split())}"}}' for at in range(20)]
    path.write_text("\n".join(texts))
    assert load(DataSection(train=str(path)), seed=0).ledger.rows_in == 20
    assert load(DataSection(train=str(path), chunk=1000), seed=0).ledger.rows_in == 40
    folder = folder_of(tmp_path / "d", 20)
    assert load(DataSection(train=str(folder), chunk=0), seed=0).ledger.rows_in == 20


def test_labelled_documents_stay_whole(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "d" / label).mkdir(parents=True)
        for at in range(10):
            (tmp_path / "d" / label / f"{at}.txt").write_text(f"{label} {document(at, 200)}")
    assert load(DataSection(train=str(tmp_path / "d")), seed=0).ledger.rows_in == 20


def test_a_chunk_must_be_longer_than_what_it_repeats(tmp_path: Path) -> None:
    section = DataSection(train=str(folder_of(tmp_path / "d", 2)), chunk=500, chunk_overlap=250)
    with pytest.raises(DataError, match=r"chunk_overlap: got 250, expected less than half .* 500"):
        load(section, seed=0)
    with pytest.raises((RecipeError, ValueError), match="at least 100 characters, 0 or auto"):
        DataSection(train="a", chunk=5)
