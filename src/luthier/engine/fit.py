"""The training loop: one generator, one fixed order of operations.

evaluate due? save due? stop? fetch one update's rows, update, report
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from luthier.core.errors import Diverged, Interrupted, LuthierError, RunError
from luthier.core.events import Event, Finished, Notice, Saved, Skipped, Updated, Validated
from luthier.data.features import Features
from luthier.engine import checkpoint, guards, keepers
from luthier.engine.accumulate import Measured, accumulate
from luthier.engine.experience import Supply, supply
from luthier.engine.frozen import keep_states
from luthier.engine.horizon import per_epoch, steps_of
from luthier.engine.job import Job
from luthier.engine.memory import peak_bytes
from luthier.engine.optimizer import Optimizer, device_of, open_optimizer
from luthier.engine.progress import Progress
from luthier.engine.relief import OutOfMemory, recompute, relieve
from luthier.engine.resume import resume, state_of
from luthier.engine.schedule import rate_share
from luthier.engine.validate import validate
from luthier.objectives import updates_per_exploration
from luthier.run.figures import of_bytes


def fit(job: Job) -> Iterator[Event]:
    """Train `job` to its end, or on from its newest checkpoint, saying everything as events.

    Raises: Diverged: too many updates in a row could not be taken. Interrupted: `should_stop` said
    so; everything is saved. RunError: the run cannot be continued, saved, or held in memory.
    """
    optimizer = open_optimizer(job)
    progress, notices = resume(job, optimizer)
    yield from notices
    if progress.gradient_checkpointing and job.plan.may_recompute:
        recompute(job)
    start = time.perf_counter()
    job.states = yield from keep_states(job)
    progress.wall_seconds += time.perf_counter() - start
    job.bundle.model.train()
    total, limit = steps_of(job)
    rows = supply(job, start=progress.step, stop=total)
    loop = _Loop(job, optimizer, progress, rows, total, limit, saved_step=progress.step or -1)
    while True:
        if loop.is_evaluation_due():
            with keepers.shown(job):
                yield from loop.evaluate()
        is_asked = job.should_stop()
        if is_asked or loop.is_save_due():
            yield from loop.save()
        if why := loop.reason_to_end():
            break
        if is_asked:
            raise Interrupted(
                f"Stopped after step {progress.step} of {loop.num_steps}; everything is saved. The "
                "same command continues it."
            )
        yield from loop.update()
    peak = peak_bytes(device_of(job))
    kept_step = progress.best_step if progress.best_step >= 0 else progress.step
    yield Finished(progress.step, why, kept_step, progress.seconds, peak)


@dataclass(slots=True)
class _Loop:
    """The operations of the loop, over one progress."""

    job: Job
    optimizer: Optimizer
    progress: Progress
    rows: Supply
    num_steps: int
    last_limit: str
    saved_step: int
    mark: float = 0.0
    """Until when `progress.wall_seconds` counts."""
    is_time_up: bool = False
    """Found after an update, so that a last validation and save follow."""

    def __post_init__(self) -> None:
        self.mark = time.perf_counter()
        self._count_time(until=self.mark)
        self.is_time_up = self.is_time_up and self.progress.step > 0  # one update at the least

    def _count_time(self, *, until: float) -> None:
        self.progress.wall_seconds += until - self.mark
        self.mark = until
        self.is_time_up = 0 < self.job.plan.max_seconds <= self.progress.wall_seconds

    def reason_to_end(self) -> str:
        """Name of the limit that is reached; empty to go on."""
        plan, progress = self.job.plan, self.progress
        if progress.step >= self.num_steps:
            return self.last_limit
        if self.is_time_up:
            return "max_seconds"
        # tokens that the model writes are known once they were trained; others are in num_steps
        explores = updates_per_exploration(self.job.objective) > 0
        if explores and 0 < plan.max_tokens <= progress.total_tokens:
            return "max_tokens"
        patience = plan.early_stopping_patience
        return "early_stopping" if patience and progress.num_worse >= patience else ""

    def is_evaluation_due(self) -> bool:
        step = self.progress.step
        if not self.job.validation or self.progress.validated_step == step or not step:
            return False
        every = self.job.plan.evaluate_every
        return bool(self.reason_to_end()) or (every > 0 and step % every == 0)

    def is_save_due(self) -> bool:
        step, every = self.progress.step, self.job.plan.save_every
        if self.saved_step == step:
            return False
        is_period = every > 0 and step > 0 and step % every == 0
        # while updates are refused the weights may be spoilt: the checkpoint before is worth more
        return bool(self.reason_to_end()) or (is_period and not self.progress.num_skipped)

    def evaluate(self) -> Iterator[Event]:
        """Score the validation rows; keep the weights when they are the best so far."""
        job, progress = self.job, self.progress
        found = yield from self._within_memory(
            lambda tokens: validate(job, job.validation, max_tokens=tokens),
            where=f"validation after step {progress.step}",
        )
        is_first = progress.best_step < 0
        by = job.plan.best_by
        metric = found.metrics[by] if by else 0.0
        is_ahead = (metric, -found.loss) > (progress.best_metric, -progress.best_loss)
        is_better = math.isfinite(found.loss) and (is_first or is_ahead)
        says_little = found.count < job.plan.fewest_targets
        is_kept = is_better or (says_little and math.isfinite(found.loss))
        if says_little and is_first:
            yield Notice(
                f"validation has only {found.count:g} targets, too few to choose a step or to "
                "stop by: the last weights are kept"
            )
        progress.validated_step = progress.step
        progress.num_worse = 0 if is_better or says_little else progress.num_worse + 1
        if is_kept:
            progress.best_step, progress.best_metric = progress.step, metric
            progress.best_loss = found.loss
            self._write(checkpoint.best_folder(job.checkpoints, progress.step), full=False)
            checkpoint.prune_best(job.checkpoints)
        is_best = is_better and not says_little
        yield Validated(progress.step, found.loss, found.count, is_kept, is_best, found.metrics, by)

    def save(self) -> Iterator[Event]:
        """Write a checkpoint, then remove those that are no longer needed."""
        step, folder = self.progress.step, self.job.checkpoints
        if self.saved_step == step:
            return
        start = time.perf_counter()
        path = checkpoint.step_folder(folder, step)
        size = self._write(path, full=True)
        self.saved_step = step
        checkpoint.prune(folder, self.job.plan.keep_checkpoints)
        yield Saved(step, str(path), size, time.perf_counter() - start)

    def update(self) -> Iterator[Event]:
        """Take one optimizer step, or say why not.

        Raises: Diverged: too many in a row were not taken.
        """
        start, progress, plan = time.perf_counter(), self.progress, self.job.plan
        features = yield from self._rows()
        measured = yield from self._within_memory(
            lambda tokens: accumulate(
                self.job, self.optimizer, features, step=progress.step, max_tokens=tokens
            ),
            where=f"step {progress.step}",
        )
        reason = guards.objection(measured, progress, spike_factor=guards.spike_factor(self.job))
        share = rate_share(
            progress.step,
            num_steps=self.num_steps,
            warmup_steps=plan.warmup_steps,
            shape=plan.lr_scheduler_type,
        )
        if guards.is_empty(self.job, measured):
            self.optimizer.clear()
            progress.passed()
            yield from guards.nothing_learned(self.job, progress)
        elif reason:
            yield self._skip(reason, features)
        else:
            clip = min(1.0, plan.max_grad_norm / (measured.gradient_norm + 1e-6))
            self.optimizer.update(rate_share=share, gradient_share=clip / measured.count)
            keepers.updated(self.job)
            progress.taken(measured.loss, measured.gradient_norm)
        progress.total_tokens += sum(item.num_tokens for item in features)
        progress.seconds += time.perf_counter() - start
        self._count_time(until=time.perf_counter())
        if not reason:
            yield self._report(measured, features, share * plan.learning_rate)
        elif progress.num_skipped >= plan.max_skipped:
            raise Diverged(guards.diverged_message(self.job, progress, reason, self.last_saved()))

    def _rows(self) -> Generator[Event, None, list[Features]]:
        """Rows of the update. Where there are none, because a grader failed, what was learned
        until then is saved before that is raised."""
        try:
            return (yield from self.rows.rows(self.progress.step))
        except Exception as error:
            if self.progress.step and not self.progress.num_skipped:
                yield from self._save_after(error)
            raise

    def _save_after(self, error: Exception) -> Iterator[Event]:
        """Save what was learned before `error`. Where that fails too, both are told: a fault of
        ours keeps its own type and trace."""
        try:
            yield from self.save()
        except RunError as failed:
            if isinstance(error, LuthierError):
                raise RunError(f"{error}\n{failed}") from error
            error.add_note(str(failed))

    def last_saved(self) -> str:
        """Name of the newest checkpoint; empty for none."""
        return f"{checkpoint.STEP}{self.saved_step:06d}" if self.saved_step >= 0 else ""

    def _within_memory(
        self, attempt: Callable[[int], Measured], *, where: str
    ) -> Generator[Event, None, Measured]:
        """What `attempt` gives back, in smaller micro-batches if memory runs out."""
        progress = self.progress
        while True:
            try:
                return attempt(progress.micro_batch_tokens)
            except OutOfMemory as error:
                shortage = error.shortage
            self.optimizer.clear()
            progress.micro_batch_tokens, words = relieve(
                self.job, shortage, tokens=progress.micro_batch_tokens, where=where
            )
            progress.gradient_checkpointing = self.job.plan.gradient_checkpointing
            yield Notice(words, "warning")

    def _skip(self, reason: str, features: Sequence[Features]) -> Skipped:
        progress = self.progress
        tensors = guards.blame_tensors(self.optimizer)
        rows = guards.blame_rows(self.job, self.optimizer, features, step=progress.step)
        self.optimizer.clear()
        progress.skipped()
        return Skipped(progress.step, reason, rows, tensors)

    def _report(self, measured: Measured, features: Sequence[Features], rate: float) -> Updated:
        progress, job = self.progress, self.job
        exploring = updates_per_exploration(job.objective)
        size = job.plan.batch_size
        each = per_epoch(len(job.train), batch_size=size, exploring=exploring)
        return Updated(
            step=progress.step,
            num_steps=self.num_steps,
            epoch=progress.step / each,
            loss=measured.loss,
            gradient_norm=measured.gradient_norm,
            learning_rate=rate,
            tokens=sum(item.num_tokens for item in features),
            trained_tokens=sum(item.num_trained for item in features),
            seconds=progress.seconds,
            total_tokens=progress.total_tokens,
            memory_bytes=peak_bytes(device_of(job)),
            metrics={**self.rows.metrics, **measured.metrics},
        )

    def _write(self, folder: checkpoint.Path, *, full: bool) -> int:
        job, progress = self.job, self.progress
        tensors = {checkpoint.WEIGHTS: job.tuner.state(job.bundle.model)}
        if full:
            tensors[checkpoint.OPTIMIZER] = self.optimizer.state()
            tensors |= {**self.rows.state(progress.step), **keepers.state(job)}
        try:
            return checkpoint.write(folder, progress.step, tensors, state_of(job, progress))
        except OSError as error:
            size = sum(
                t.numel() * t.element_size() for part in tensors.values() for t in part.values()
            )
            kept = checkpoint.standing(job.checkpoints)
            before = f"What was saved before stands ({', '.join(kept)})" if kept else ""
            raise RunError(
                f"{folder}: could not be written ({error.strerror or error}); it needs "
                f"{of_bytes(size)}. {before or 'Nothing was saved before'}; the same command "
                "continues the run once there is room."
            ) from error
