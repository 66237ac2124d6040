"""One result of the command: it is painted, shown, filmed, kept on the way and saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stylegen.runs import jobs, records
from stylegen.runs.inputs import refuse_overwriting_inputs
from stylegen.runs.names import Output
from stylegen.runs.workdir import remove_state
from stylegen.style.command import PROGRAM
from stylegen.style.film import Film
from stylegen.style.one_pass import ONE_PASS_WEIGHTS
from stylegen.style.options import PictureSettings, StyleResultSettings
from stylegen.style.pictures import Pictures
from stylegen.style.session import Session
from stylegen.style.steps import Start, StyleStep
from stylegen.utils.console import Console
from stylegen.utils.files import digest_of, remove_empty


def state_folder(output: Path) -> Path:
    """Where the state of a result is kept when no --workdir is given."""
    return output.with_name(f'{output.name}.state')


def preview_of(output: Path) -> Path:
    """Where the result of the first size goes with --preview."""
    return output.with_stem(f'{output.stem}-preview')


class Job(jobs.Job):
    """Paints one picture, shows how far it is, keeps the state and saves the result.

    Args:
        session: Its stylizer paints.
        sources: The paths of the pictures.
        pictures: The pictures themselves.
        target: Where the result goes.
        result: How the result is written.
        console: Prints.
        workdir: Where the state is kept. None: the state is kept when the work stops, beside the output.
        unfinished: Where the picture so far goes when the work stops, if not to the output.
    """

    result: StyleResultSettings

    def __init__(
        self,
        session: Session,
        sources: PictureSettings,
        pictures: Pictures,
        target: Output,
        result: StyleResultSettings,
        console: Console,
        *,
        workdir: str | Path | None = None,
        unfinished: Path | None = None,
    ):
        self.session, self.sources, self.pictures = session, sources, pictures
        self.stages = session.stylizer.plan(pictures.content.pixels.shape[:2]).stages
        weights = session.stylizer.extractor.source
        if session.replayed:
            records.check_replay(session.replayed, pictures.hashes, weights, console.warn)
        recorded = sources.recorded() | session.settings.recorded()
        record = records.record(PROGRAM, recorded, pictures.hashes, weights)
        if session.settings.init == 'one_pass':
            record['one_pass'] = digest_of(ONE_PASS_WEIGHTS)
            if session.replayed and session.replayed.get('one_pass', record['one_pass']) != record['one_pass']:
                console.warn('the one-pass network is not that of the result; the picture will differ')
        output = target.path
        super().__init__(
            target,
            record,
            result,
            console,
            shape=pictures.content.pixels.shape,
            alpha=pictures.content.alpha,
            workdir=workdir,
            fallback_workdir=state_folder,
            unfinished=unfinished,
        )
        self.preview = result.preview and len(self.stages) > 1  # whether a preview is still to be saved
        self.film: Film | None = None
        self.painted: np.ndarray | None = None
        self.film_path = Path(result.film) if result.film else None
        for path in (preview_of(output) if self.preview else None, unfinished):
            if path:
                refuse_overwriting_inputs(path, pictures.hashes)
        if self.film_path:
            refuse_overwriting_inputs(self.film_path, pictures.hashes, 'film')

    @property
    def resume_hint(self) -> str:
        """What to do to go on from the state."""
        if self.workdir:
            return 'the same command'
        return 'the same command with --resume' + (f' and --output={self.output}' if self.has_default_name else '')

    def clean_up(self) -> None:
        """Removes the empty folder that kept the default name from other runs."""
        if not self.workdir:
            remove_empty([state_folder(self.output)])

    def after_result(self) -> None:
        """Saves the film, and removes the state of an earlier run with this output."""
        if self.film and self.painted is not None:
            self.console.say(f'film     {self.film.save(self.painted, self.record if self.result.sidecar else None)}')
        if not self.result.workdir:
            remove_state(state_folder(self.output))

    def work(self, state: Mapping[str, np.ndarray] | None) -> np.ndarray:
        """Paints the picture, from the beginning or from a state on."""
        start = self._start(state) if state else None
        self.steps_done = self._number(start.stage, start.step) if start else 0
        if self.result.resume and self.workdir and not state:
            self.console.say(f'nothing is kept in {self.workdir.folder}: this is the beginning')
        if self.film_path:
            self.film = self._film(self.film_path)
            self.film.begin(self.steps_done)
        stride = self.film.stride if self.film else None
        self.painted = self.session.stylizer(
            self.pictures.content.pixels,
            self.pictures.styles,
            regions=self.pictures.regions,
            mask=self.pictures.mask,
            init=self.pictures.init,
            seed=self.sources.seed,
            start=start,
            callback=self.on_step,
            steps_per_call=1 if self.result.save_every else stride,
        )
        return self.painted

    def _film(self, path: Path) -> Film:
        """The film, whose frames are kept with the state."""
        if not self.workdir:
            self.reserve_name()
        folder = self.workdir.folder if self.workdir else state_folder(self.output)
        steps, alpha = sum(stage.steps for stage in self.stages), self.pictures.content.alpha
        return Film(path, folder / 'film', steps, alpha)

    def on_step(self, step: StyleStep) -> None:
        """Shows a step, and saves what is due: a frame, the picture, the state, the preview."""
        before = self.latest
        if self.film:  # first, so that the film has all frames up to the state that is kept
            self.film.add(self._number(step.stage, step.step), step.result)
        super().on_step(step)
        if self.preview:
            self._save_preview(before, step)

    def _save_preview(self, before: StyleStep | None, step: StyleStep) -> None:
        """Saves the result of the first size when that size is done. A run that goes on at a later size saves none."""
        if step.stage == 0 and step.step < step.steps:
            return
        done = before if step.stage else step  # patience may have ended the size before its last step
        if done:
            path = self.save_intermediate(done.result(), preview_of)
            if self.progress and not self.console.quiet:
                self.progress.say(f'preview  {path}')
        self.preview = False

    def progress_of(self, step: StyleStep) -> jobs.JobProgress:
        """How far a step is."""
        words = f'size {step.stage + 1}/{step.stages} step {step.step}/{step.steps}'
        number = self._number(step.stage, step.step)
        return jobs.JobProgress(step.work, step.all_work, number, words, sum(step.losses.values()))

    def state_arrays(self, step: StyleStep) -> dict[str, Any]:
        """The arrays of a state, which `_start` reads."""
        state = {f'state{number:02}': array for number, array in enumerate(step.state)}
        return {'stage': step.stage, 'step': step.step, 'image': step.image, **state}

    def picture(self, step: StyleStep) -> np.ndarray:
        """The result as it would be if the work ended with this step."""
        return step.result()

    def terms(self) -> list[str]:
        """A table of the losses of the last step; no lines where no step was made."""
        if self.latest is None:
            return []
        raw = self.latest.raw
        losses = {name: loss for name, loss in self.latest.losses.items() if loss or raw[name]}
        rows = [f'{name:<32} {raw[name]:>12.5g} {loss:>12.5g}' for name, loss in losses.items()]
        return [f'{"term":<32} {"raw":>12} {"weighted":>12}', *rows, f'{"all":<45} {sum(losses.values()):>12.5g}']

    def _start(self, state: Mapping[str, np.ndarray]) -> Start:
        """Where the run goes on, from the arrays of a state."""
        arrays = [state[name] for name in sorted(state) if name.startswith('state')]
        start = Start(int(state['stage']), int(state['step']), state['image'], arrays)
        if self.workdir:
            self.console.say(f'going on from {self.workdir.folder}: size {start.stage + 1}, step {start.step}')
        return start

    def _number(self, stage: int, step: int) -> int:
        """Steps since the first step of the first size."""
        return sum(one.steps for one in self.stages[:stage]) + step
