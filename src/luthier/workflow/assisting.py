"""Models that help while files are made of files: a writer, encoders and taggers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from luthier.core.errors import RecipeError
from luthier.data.assisted import Finder, Reply, Writer
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Chat, Message, Origin
from luthier.workflow.embedding import embedder_of, small_embedder
from luthier.workflow.people import finder_of
from luthier.workflow.said import Kept, open_kept
from luthier.workflow.stages import Listener, Stages
from luthier.workflow.teacher import Asking, Teacher, introduce


class Models:
    """Those at hand for one folder of files. What the writer says is kept in OUTPUT.part as it
    comes, and asked for once, however often the folder is begun."""

    def __init__(
        self, output: Path, *, teacher: Teacher | None, seed: int, on_event: Listener
    ) -> None:
        self._output, self._teacher, self._seed = output, teacher, seed
        self._stages = Stages(on_event)
        self._kept: Kept | None = None
        self._finders: dict[str, Finder] = {}
        self.is_writer_asked = False
        self.said: list[str] = []
        """What was noted, in order."""

    def writer(self) -> Writer:
        """The model that writes. Raises: RecipeError: none is named."""
        if self._teacher is None:
            raise RecipeError(
                "--by: missing, and rows in other words are asked for, which a model writes.\n"
                "    Name one of this machine, a run, or an OpenAI-compatible endpoint"
            )
        self._teacher.check()
        self.is_writer_asked = True
        return partial(self._replies, self._teacher)

    def _replies(self, teacher: Teacher, asked: Sequence[str]) -> Sequence[Reply]:
        kept = self._kept or open_kept(self._output, teacher.settings())
        self._kept = kept
        introduce(teacher, len(kept.found), "the rows are", self._stages)
        rows = [_chat(text) for text in asked]
        names = [f"{row.key()}:0" for row in rows]
        asking = Asking(teacher, kept, seed=self._seed)
        asking.ask(
            dict(zip(names, rows, strict=True)),
            lambda done, total: self._stages.progress("augmenting data", done, total, "calls"),
        )
        said = [kept.found[name] for name in names]
        if said and all(one.left_out == "refused" for one in said):
            raise RecipeError(
                f"{teacher.url}: refused all {len(said)} rows, so nothing was written: "
                f"{said[0].text}.\n    Change what it speaks of, such as --model"
            )
        self.note(f"replies by {teacher.model}{f' at {teacher.url}' if teacher.url else ''}")
        return [Reply(one.text, one.left_out) for one in said]

    def embedder(self, reference: str) -> Embedder:
        """Vectors by this encoder, opened when it is asked for its first one."""
        if reference == "auto":
            return small_embedder(self._stages)
        return embedder_of(reference, self._stages)

    def persons(self, reference: str) -> Finder:
        """Where persons are named, by this tagger, opened once."""
        if reference not in self._finders:
            self._finders[reference] = finder_of(reference)
            self.note(f"names of persons: by {reference}, which misses some (see docs/data.md)")
        return self._finders[reference]

    def note(self, text: str) -> None:
        self.said.append(text)
        self._stages.note(text)

    def progress(self, what: str, done: int, total: int) -> None:
        self._stages.progress(what, done, total, "rows")

    def done(self) -> None:
        """The files are there: what was kept is needed no more."""
        if self._kept:
            self._kept.drop()


def _chat(text: str) -> Chat:
    return Chat(origin=Origin("train", 0), messages=(Message("user", text),))
