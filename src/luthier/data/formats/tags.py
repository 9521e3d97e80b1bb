"""Words and one tag for each: CoNLL files, and lists of both in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import find
from luthier.data.formats import formats
from luthier.data.formats._schemes import as_bio, scheme_of
from luthier.data.formats._values import kind_of, shown, text_of, unpacked, whole_characters
from luthier.data.formats._writings import BEFORE, plainly, writing_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.rows import Row, Tagged

TOKENS = ("tokens", "words", "word_list")
TAGS = ("tags", "ner_tags", "bio_tags", "iob_tags", "ner", "tag_list", "slots", "labels", "tag")


@formats.add
class Tags:
    """Lists, or texts with a space between words. Tags in IOB1, IO, BIOES and BILOU become BIO,
    also where marks stand behind their type or alone; what breaks its scheme is refused. Columns
    `text` and `starts` may say what the words were cut from, and at which characters."""

    shape: ClassVar[Shape] = "tagged"
    canonical: ClassVar[tuple[str, ...]] = ("tokens", "tags", "text", "starts")
    rank: ClassVar[int] = 15
    about: ClassVar[About] = About(
        "words with a tag for each",
        "{tokens: NAME, tags: NAME}",
        targets=frozenset({"tags"}),
        names=frozenset({*TOKENS, "tags", "ner_tags"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        tokens = find(TOKENS, sample.columns)
        if not tokens:
            return None
        tags = find(TAGS, [column for column in sample.columns if column != tokens])
        if not tags:
            if sample.answered:
                return None
            return Match({"tokens": tokens}, f"column '{tokens}' holds words", weak=True)
        why = f"column '{tokens}' holds words and '{tags}' a tag for each"
        placed = {name: name for name in ("text", "starts") if "starts" in sample.columns}
        return Match({"tokens": tokens, "tags": tags, **placed}, why)

    def settled(self, match: Match, lines: Sequence[tuple[int, Record]]) -> Match:
        """With the scheme of the tags: the first sentences may hold no entity.

        Raises: DataError: some of the tags have marks, and most do not.
        """
        if "tags" not in match.columns:
            return match
        rows = [_peeked(record.get(match.columns["tags"])) for _, record in lines]
        different = dict.fromkeys(tag for row in rows for tag in row)
        writing = writing_of(different)
        scheme = scheme_of([plainly(tag, writing) for tag in row] for row in rows)
        said = {
            "BIO": "",
            "bare": ", types without B or I, read as BIO",
        }.get(scheme, f", in {scheme}, read as BIO")
        odd = next((tag for tag in different if plainly(tag, writing) != tag), "")
        said += f", '{odd}' as '{plainly(odd, writing)}'" if odd else ""
        how = {"scheme": scheme, "writing": writing}
        return replace(match, why=f"{match.why}{said}", how=how)

    def parse(self, record: Record, context: Context) -> Tagged:
        name = context.match.columns.get("tokens", "tokens")
        words = _words(record.get(name), where=f"{context.origin}, {name}")
        if not words:
            raise Unusable("no words")
        tags: list[str] = []
        if context.answered:
            column = context.match.columns.get("tags", "tags")
            where = f"{context.origin}, {column}"
            tags = [_joined(tag) for tag in _words(record.get(column), where=where)]
            if len(tags) != len(words):
                raise DataError(
                    f"{where}: {len(tags)} tags for {len(words)} words; expected one for each.\n"
                    f"    Words: {' '.join(words)[:60]!r}; tags: {' '.join(tags)[:60]!r}"
                )
            tags = [plainly(tag, context.match.how.get("writing", BEFORE)) for tag in tags]
            tags = as_bio(tags, context.match.how.get("scheme", "BIO"), words, where=where)
        text, starts = _placed(record, words, context)
        return Tagged(
            origin=context.origin,
            group=context.group(record),
            tokens=tuple(words),
            tags=tuple(tags),
            text=text,
            starts=starts,
        )

    def record(self, row: Row) -> dict[str, Any]:
        assert isinstance(row, Tagged)
        placed = {"text": row.text, "starts": list(row.starts)} if row.text else {}
        return {"tokens": list(row.tokens), "tags": list(row.tags), **placed}


def _placed(record: Record, words: Sequence[str], context: Context) -> tuple[str, tuple[int, ...]]:
    """What the words were cut from, and where each begins; nothing where that is not said.

    Raises: DataError: they do not stand there.
    """
    given = context.value(record, "starts") if "starts" in context.match.columns else None
    if given is None:
        return "", ()
    where = f"{context.origin}, {context.match.columns['starts']}"
    name = context.match.columns.get("text", "text")
    text = text_of(record.get(name), where=f"{context.origin}, {name}")
    found = unpacked(given, where=where)
    starts = cast("list[Any]", found) if isinstance(found, list) else []
    stand = [
        type(start) is int and start >= 0 and text.startswith(word, start)
        for start, word in zip(starts, words, strict=False)
    ]
    if len(starts) != len(words) or not all(stand):
        at = stand.index(False) if False in stand else min(len(stand), len(words) - 1)
        raise DataError(
            f"{where}: word {at + 1} of {len(words)}, {words[at]!r}, does not stand where the "
            "column says.\n    Give the first character of every word in the text, counted from 0, "
            "or leave the column out"
        )
    return text, tuple(starts)


def _peeked(value: Any) -> list[str]:
    """Tags as far as they are any, for looking at."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return value.split()
    items: Sequence[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    return [_joined(item) for item in items if isinstance(item, str)]


def _joined(tag: str) -> str:
    """Without white space, which parts the tags of a row from each other."""
    return "_".join(tag.split())


def _words(value: Any, *, where: str) -> list[str]:
    """Raises: DataError: no list of texts."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return value.split()
    items: Any = unpacked(value, where=where)
    if items is None:
        return []
    if not isinstance(items, list):
        raise DataError(f"{where}: got {shown(items)} ({kind_of(items)}), expected a list of texts")
    for place, item in enumerate(cast("list[Any]", items)):
        if not isinstance(item, str) or not item:
            raise DataError(
                f"{where}[{place}]: got {shown(item)} ({kind_of(item)}), expected text.\n"
                "    Numbers that stand for tags must be written as their names, such as 'B-PER'"
            )
    return [whole_characters(item) for item in cast("list[str]", items)]
