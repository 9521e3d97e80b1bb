"""Everything from the data section of a recipe to the rows of three splits, with the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from luthier.core.errors import DataError
from luthier.data.assisted import Helpers
from luthier.data.augment import augmenters_of
from luthier.data.chunks import FEWEST_DOCUMENTS, spread
from luthier.data.classes import check_classes, check_known, class_names, refuse_fractions
from luthier.data.clean import asked_for, cleaned, knowing
from luthier.data.corrections import corrected_splits, corrected_test, read_corrections
from luthier.data.find import digest, find
from luthier.data.formats.contract import Record, Shape
from luthier.data.kept import Keeps
from luthier.data.ledger import Ledger
from luthier.data.on_disk import OnDisk
from luthier.data.others import Others
from luthier.data.parse import Parsed, Reading, parse, together, weights_of
from luthier.data.parts import Parted, as_splits
from luthier.data.rows import Row, Splits
from luthier.data.splits.divide import divide, validation_share
from luthier.data.training_rows import training_rows
from luthier.recipe.data_section import DataSection, WeightedFile


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows of the three splits and the account of how they came about."""

    splits: Splits
    ledger: Ledger
    description: list[str]
    """What was recognised and why, per file; then how the rows were split."""
    files: dict[str, str]
    """File as the user named it -> SHA-256 of its bytes when it was read."""
    shape: Shape
    labels: tuple[str, ...] = ()
    """Names of the classes in train, sorted (whole numbers by value); empty without classes."""
    warnings: tuple[str, ...] = ()
    """What a user should look at, such as corrections that fit no row."""
    others: Callable[[Sequence[Row]], Sequence[Record]] = field(default=lambda _: (), compare=False)
    """How the columns of the files begin that rows of train do not hold, where checks ask."""


def load(section: DataSection, *, seed: int, wants: str = "auto", is_whole: bool = True) -> Loaded:
    """The rows a recipe asks for.

    Args: seed: of what is drawn for train alone: runs with other seeds are compared on the same
        test rows. wants: "auto", or the shape an objective needs: "chat", "text" or "labeled".
        is_whole: False: some files of the recipe are not read, so corrections may fit no row.
    Raises: DataError: with the place, what came, what was expected and what to do.
    """
    check_shares(section)
    augmenters_of(section.augment)  # refused before anything is read
    asked_for(section.clean)
    ledger, corrections = Ledger(), read_corrections(section.corrections)
    keeps: Keeps = "none" if section.on_finding == "off" else "short"
    parsed = parse_splits(section, ledger, wants=wants, keeps_others=keeps)
    others = Others(parsed["train"]).of
    description = [line for files in parsed.values() for one in files for line in one.description]
    weights = weights_of(parsed["train"])
    read_from = {one.name: one.sha256 for files in parsed.values() for one in files}
    corrected = corrected_splits(parsed, corrections, ledger, is_whole=is_whole)
    parsed, spreading = few_spread(corrected.parsed, section)
    description += [*corrected.said, *spreading]
    before = ledger.counts()
    parsed = cleaned_splits(parsed, section, ledger, is_whole=is_whole)
    description += ledger.since(before)
    shape = parsed["train"][0].shape
    if shape == "labeled":
        refuse_fractions(chain(*(one.rows for one in parsed["train"])))
    parts, how = divide(parsed, section, ledger)
    parts["train"], more = training_rows(parts, section, ledger, weights=weights, seed=seed)
    if shape == "labeled":
        check_classes(parts)
    for name, rows in parts.items():
        ledger.use(name, len(rows))
    ledger.check()
    return Loaded(
        Splits(**parts),
        ledger,
        [*description, *how, *more],
        {**read_from, **corrections.files},
        shape,
        class_names(parts["train"]),
        tuple(corrected.warnings),
        others,
    )


def few_spread(
    parsed: Mapping[str, list[Parsed]], section: DataSection, *, fewest: int = FEWEST_DOCUMENTS
) -> tuple[dict[str, list[Parsed]], list[str]]:
    """The files, chunks of few documents of train no longer tied to each other, and what is said.

    Args: fewest: documents of which whole ones are parted.
    Raises: DataError: these overlap, so that parts of train would be tested.
    """
    train = parsed["train"]
    number = sum(one.documents for one in train)
    is_split = not parsed["test"] or not (parsed["validation"] or not validation_share(section))
    if not is_split or section.group_by or not 0 < number < fewest:
        return dict(parsed), []
    few = f"{number} document{'s are' if number > 1 else ' is'} too few to keep each in one split"
    if section.chunk_overlap:
        raise DataError(
            f"data.chunk_overlap: {few}, and chunks that overlap would be learned and tested.\n"
            "    Leave it at 0, or give files of your own: data.validation and data.test"
        )
    freed = [replace(one, rows=spread(one.rows)) for one in train]
    return {**parsed, "train": freed}, [f"{few}, so chunks of one document stand in several"]


def parse_splits(
    section: DataSection, ledger: Ledger, *, wants: str = "auto", keeps_others: Keeps = "none"
) -> dict[str, list[Parsed]]:
    """The files of every split; none where it is to be split off train. Where `data.train` has
    parts that are splits, these are, but where the section names others, or none (`[]`).

    Raises: DataError: as `parse_files`.
    """
    reading = Reading.of(section, wants, keeps_others=keeps_others)
    parsed: dict[str, list[Parsed]] = {}
    asked = section
    try:
        parsed["train"] = parse_files(section.train, reading, ledger)
    except Parted as parted:
        section, line = as_splits(section, parted)
        first, *others = parse_files(section.train, reading, ledger)
        told = replace(first, description=[line, *first.description])
        parsed["train"] = [told, *others]
    reading = replace(reading, wants=parsed["train"][0].shape)  # what train holds
    for name, given in (("validation", section.validation), ("test", section.test)):
        try:
            is_named = given not in ("auto", [])
            parsed[name] = (
                parse_files(given, reading, ledger, setting=f"data.{name}") if is_named else []
            )
        except DataError as error:
            if given == getattr(asked, name):
                raise
            other = "test" if name == "validation" else "validation"
            kept = getattr(section, other)
            kept = "" if kept == getattr(asked, other) else f" data.{other}={kept}"
            raise DataError(
                f"{error}\n    It was taken for the {name} rows as a part of {asked.train_files}. "
                f"To leave it out: data.train={section.train}{kept}"
            ) from error
    return parsed


def load_test(section: DataSection, known: Loaded) -> Loaded:
    """The rows of `section.test` by themselves, for a model that learned the rows of `known`.

    Returns: no rows of other splits, and the shape and classes of `known`.
    Raises: DataError: as `load`.
    """
    ledger, corrections = Ledger(), read_corrections(section.corrections)
    reading = Reading.of(section, known.shape)
    parsed = parse_files(section.test, reading, ledger, setting="data.test")
    corrected = corrected_test(parsed, corrections, ledger, labels=known.labels)
    parsed, before = corrected.parsed["test"], ledger.counts()
    cleaners = asked_for(section.clean)
    cleaners = knowing(cleaners, [one.rows for one in parsed], known.labels)
    parsed = [replace(one, rows=cleaned(one.rows, cleaners, ledger, drops=False)) for one in parsed]
    changed = ledger.since(before)
    alone = section.model_copy(update={"validation_share": 0.0})
    parts, how = divide({"train": [], "validation": [], "test": parsed}, alone, ledger)
    left_out = how[:-1]  # the last line counts all splits
    if known.shape == "labeled":
        check_known(parts["test"], "test", known.labels)
    ledger.use("test", len(parts["test"]))
    ledger.check()
    return Loaded(
        Splits(test=parts["test"]),
        ledger,
        [
            *(line for one in parsed for line in one.description),
            *(*corrected.said, *changed, *left_out),
        ],
        {**{one.name: one.sha256 for one in parsed}, **corrections.files},
        known.shape,
        known.labels,
    )


def cleaned_splits(
    parsed: Mapping[str, list[Parsed]],
    section: DataSection,
    ledger: Ledger,
    *,
    helpers: Helpers | None = None,
    is_whole: bool = True,
) -> dict[str, list[Parsed]]:
    """The files with their rows as `data.clean` leaves them. Of given validation and test files
    texts are changed, and no row is left out.

    Args: is_whole: as in `load`.
    Raises: DataError: nothing is left of train, or settings fit no row.
    """
    asked = asked_for(section.clean, helpers)
    if not asked:
        return dict(parsed)
    every = [one.rows for files in parsed.values() for one in files]
    asked = knowing(asked, every, None if is_whole else ())
    found: dict[str, list[Parsed]] = {}
    for name in ("test", "validation", "train"):
        held = [one.rows for files in found.values() for one in files]
        is_train = name == "train"
        beside = OnDisk(chain(*held)) if is_train else ()
        rows = cleaned(together(parsed[name]), asked, ledger, beside=beside, drops=is_train)
        found[name] = [replace(parsed[name][0], rows=rows)] if parsed[name] else []
        if is_train and not rows:
            raise DataError(
                "data.clean: not one row of train is left.\n    Ask for less: "
                + "; ".join(f"{reason} ({entry.count})" for reason, entry in ledger.dropped.items())
            )
    return {name: found[name] for name in parsed}


def changed_files(files: Mapping[str, str]) -> list[str]:
    """Names of the files whose content is no longer what was read, or which are gone; not of those
    elsewhere that nobody can look at now."""
    return [name for name, known in files.items() if digest(name) not in (known, None)]


def check_shares(section: DataSection) -> None:
    """Nothing, where something is left for train. Raises: DataError: otherwise."""
    if (share := validation_share(section)) + section.test_share >= 1:
        raise DataError(
            f"data.validation_share {share} and data.test_share "
            f"{section.test_share}: nothing is left for train; expected a sum below 1"
        )


def parse_files(
    given: str | Sequence[str | WeightedFile],
    reading: Reading,
    ledger: Ledger,
    *,
    setting: str = "data.train",
) -> list[Parsed]:
    """What every file holds that the given names stand for.

    Args: setting: for which they were given; empty: as arguments.
    Raises: DataError: as `find` and `parse`; a file twice, without a row that can be used, or with
        rows of another shape than the others.
    """
    items = [given] if isinstance(given, str) else given
    named = [item if isinstance(item, WeightedFile) else WeightedFile(path=item) for item in items]
    try:
        opened = [
            (one, item.weight)
            for item in named
            for one in find(item.path, encoding=reading.encoding)
        ]
    except Parted as parted:
        raise parted.given_for(setting) from None
    twice = [name for name, count in Counter(one.name for one, _ in opened).items() if count > 1]
    if twice or not named:
        problem = f"{twice[0]} is listed twice" if twice else "the list of files is empty"
        more = "; to train its rows more often, give it a weight of data.train" if twice else ""
        raise DataError(f"data: {problem}; expected each file once{more}")
    found = [replace(parse(one, reading, ledger), weight=weight) for one, weight in opened]
    shapes = {one.shape: one for one in found}
    if len(shapes) > 1:
        what = ", ".join(f"{one.name} holds {shape} rows" for shape, one in shapes.items())
        raise DataError(
            f"{what}; one run learns from one shape of rows.\n"
            "    Leave one of them out, or say how to read them: data.format"
        )
    for one in found:
        if not one.rows:
            raise _all_dropped(one, ledger)
    return found


def _all_dropped(parsed: Parsed, ledger: Ledger) -> DataError:
    reasons = [
        f"{reason} ({entry.count} rows, such as {entry.examples[0]})"
        for reason, entry in ledger.dropped.items()
    ]
    return DataError(
        f"{parsed.name}: not one row can be used: {'; '.join(reasons)}.\n"
        f"    It was read as {parsed.format}; if other columns are meant, name them: data.columns"
    )
