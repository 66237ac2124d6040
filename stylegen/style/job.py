"""One result of the command: its pictures read, the work announced, done and filmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.runs import jobs, layer_weights, records
from stylegen.runs.inputs import DEFAULT_SIZE, Inputs, read_mask, read_picture, refuse_inputs
from stylegen.runs.names import Output
from stylegen.runs.workdir import forget_state
from stylegen.style.film import Film
from stylegen.style.options import DEFAULT_CONTENT, PROGRAM, init_file, manner, parse_regions, parse_styles
from stylegen.style.setup import Styles
from stylegen.style.steps import Start, StyleStep
from stylegen.style.stylizer import Stylizer, check_style
from stylegen.style.transferring import open_stylizer
from stylegen.utils.console import Console
from stylegen.utils.files import remove_empty
from stylegen.utils.memory import AUTO, format_memory, parse_memory, shortage


@dataclass(frozen=True)
class Pictures:
    """All that is read for one result; `hashes` are sha256 by path, `sizes` are (height, width) of styles by path."""

    content: images.Picture
    styles: Styles
    regions: list[tuple[np.ndarray, Styles]]
    mask: np.ndarray | None
    init: np.ndarray | None
    hashes: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]

    @classmethod
    def read(cls, settings: Mapping[str, Any], say: Callable[[str], None]) -> Pictures:
        """Reads them; `say` is told of a content that is made smaller unasked, and of first frames."""
        inputs = Inputs(say=say)
        source = settings['content'][0] if settings['content'] else None
        content = read_picture(source, settings['size'], say, default=DEFAULT_CONTENT, default_size=DEFAULT_SIZE)
        shape = content.pixels.shape[:2]
        sizes: dict[str, tuple[int, int]] = {}

        def styles(texts: Sequence[str]) -> Styles:
            read = [(path, inputs.load(path).pixels, share) for path, share in parse_styles(texts)]
            sizes.update({path: (pixels.shape[0], pixels.shape[1]) for path, pixels, _ in read})
            return [(pixels, share) for _, pixels, share in read]

        regions = parse_regions(settings['region'])
        begin = init_file(settings['init'])
        return cls(
            content,
            styles(settings['style']),
            [(read_mask(inputs, mask, shape), styles(texts)) for mask, texts in regions.items()],
            read_mask(inputs, settings['mask'], shape) if settings['mask'] else None,
            _cropped(inputs.load(begin).pixels, shape) if begin else None,
            {content.path: content.sha256} | inputs.hashes,
            sizes,
        )


def _cropped(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The middle of a picture, as much of it as has the aspect of (height, width)."""
    height, width = picture.shape[:2]
    scale = min(height / shape[0], width / shape[1])
    sides = [max(1, min(side, round(other * scale))) for side, other in zip((height, width), shape, strict=True)]
    top, left = (height - sides[0]) // 2, (width - sides[1]) // 2
    return picture[top : top + sides[0], left : left + sides[1]]


@dataclass
class Session:
    """A stylizer that is open.

    Args:
        stylizer: Opened with the settings.
        settings: By flag, with the network, the layers and the memory that were settled on.
        note: One line that says which network it looks through.
        record: Of the result that is made again, or None.
    """

    stylizer: Stylizer
    settings: dict[str, Any]
    note: str
    record: dict[str, Any] | None

    @classmethod
    def open(cls, settings: dict[str, Any], record: dict[str, Any] | None, workdir: str | Path | None) -> Session:
        """Opens the network, and settles what is 'auto': the precision, and the memory that a state was made with."""
        from stylegen.utils.backend import fast_precision

        settings = settings | {'max_memory': jobs.settled_memory(settings['max_memory'], workdir)}
        if settings['precision'] == AUTO:
            settings['precision'] = fast_precision()
        stylizer, note = open_stylizer(**manner(settings))
        settings |= {
            'network': stylizer.extractor.network,
            'style_layers': layer_weights.format_weights(stylizer.style_layers),
            'content_layers': layer_weights.format_weights(stylizer.content_layers),
        }
        return cls(stylizer, settings, note, record)

    def about(self) -> list[str]:
        """Lines that say which network looks, and at what."""
        lines = [f'network  {self.note}']
        for part in ('style', 'content'):
            lines.append(f'layers   of {part}: {self.settings[f"{part}_layers"]}')
        return lines

    def outlook(self, settings: Mapping[str, Any], pictures: Pictures) -> list[str]:
        """Lines that say what a result is made of and what it will take, also where that is more than there is.

        Raises:
            UserError: A style is too small for the network, or the content.
        """
        for path, size in pictures.sizes.items():
            check_style(f'the style {path}', size, self.stylizer.extractor.min_size)
        height, width = pictures.content.pixels.shape[:2]
        plan = self.stylizer.plan((height, width))
        lines = [f'content  {pictures.content.path}, {width} x {height}']
        shown = [f'{path}:{share:g}' if share != 1 else path for path, share in parse_styles(settings['style'])]
        lines.append(f'style    {", ".join(shown) or "none"}')
        lines += [f'region   {mask}: {", ".join(styles)}' for mask, styles in parse_regions(settings['region']).items()]
        sizes = [f'{s.size[1]} x {s.size[0]} ({s.steps})' for s in plan.stages]
        lines.append(f'sizes    and steps: {", ".join(sizes)}')
        cut = [stage for stage in plan.stages if stage.core]
        windows = f', in windows of up to {cut[-1].core} pixels from {max(cut[0].size)} on' if cut else ''
        allowed = format_memory(parse_memory(self.settings['max_memory']))
        needed = f'about {format_memory(plan.memory)} of {allowed} allowed'
        lines.append(f'memory   {needed}, beside what TensorFlow takes to start{windows}')
        return lines + shortage(plan.memory)


def state_folder(output: Path) -> Path:
    """Where the state of a result is kept when no --workdir is given."""
    return output.with_name(f'{output.name}.state')


def preview_of(output: Path) -> Path:
    """Where the result of the first size goes with --preview."""
    return output.with_stem(f'{output.stem}-preview')


class Job(jobs.Job):
    """One style transfer that is shown, kept and saved.

    Args:
        session: That does it.
        settings: Those of the session, with this result's content and styles.
        pictures: That were read for it.
        workdir: Where the state is kept, or None: then it is only kept when the work stops, beside the output.
        unfinished: See `stylegen.runs.Job`.
    """

    def __init__(
        self,
        session: Session,
        settings: dict[str, Any],
        pictures: Pictures,
        target: Output,
        flags: FlagValues,
        console: Console,
        *,
        workdir: str | Path | None = None,
        unfinished: Path | None = None,
    ):
        self.session, self.pictures, self.seed = session, pictures, settings['seed']
        self.stages = session.stylizer.plan(pictures.content.pixels.shape[:2]).stages
        weights = session.stylizer.extractor.source
        if session.record:
            records.check_replay(session.record, pictures.hashes, weights, console.warn)
        record = records.record(PROGRAM, settings, pictures.hashes, weights)
        output = target.path
        super().__init__(
            target,
            record,
            flags,
            console,
            shape=pictures.content.pixels.shape,
            alpha=pictures.content.alpha,
            workdir=workdir,
            refuge=state_folder,
            unfinished=unfinished,
        )
        self.preview = flags.preview and len(self.stages) > 1  # whether it is still to be saved
        self.film: Film | None = None
        self.result: np.ndarray | None = None
        film = Path(flags.film) if flags.film else None
        for path in (preview_of(output) if self.preview else None, unfinished, film):
            if path:
                refuse_inputs(path, pictures.hashes)

    @property
    def again(self) -> str:
        """What to do to go on from the state."""
        if self.workdir:
            return 'the same command'
        return 'the same command with --resume' + (f' and --output={self.output}' if self.default else '')

    def run(self) -> Path:
        """Works to the end and saves picture and film; when it is stopped or fails, saves the picture so far."""
        try:
            path = super().run()
        finally:
            if not self.workdir:
                remove_empty([state_folder(self.output)])  # that a default name was claimed by
        if self.film and self.result is not None:
            self.console.say(f'film     {self.film.save(self.result, self.record if self.flags.sidecar else None)}')
        if not self.flags.workdir:
            forget_state(state_folder(self.output))  # one that was not gone on from
        return path

    def work(self, state: Mapping[str, np.ndarray] | None) -> np.ndarray:
        """Makes the picture, from the beginning or from a state on."""
        start = self._start(state) if state else None
        self.number = self._number(start.stage, start.step) if start else 0
        if self.flags.resume and self.workdir and not state:
            self.console.say(f'nothing is kept in {self.workdir.folder}: this is the beginning')
        if self.flags.film:
            self.film = self._film()
            self.film.begin(self.number)
        calls = self.film.stride if self.film else None
        result = self.session.stylizer(
            self.pictures.content.pixels,
            self.pictures.styles,
            regions=self.pictures.regions,
            mask=self.pictures.mask,
            init=self.pictures.init,
            seed=self.seed,
            start=start,
            callback=self.follow,
            steps_per_call=1 if self.flags.save_every else calls,
        )
        self.result = result
        return result

    def _film(self) -> Film:
        if not self.workdir:
            self.claim()
        folder = self.workdir.folder if self.workdir else state_folder(self.output)
        return Film(Path(self.flags.film), folder / 'film', sum(stage.steps for stage in self.stages))

    def follow(self, step: StyleStep) -> None:
        """Shows a step, saves and keeps what is due, the preview and the film among it."""
        before = self.latest
        if self.film:  # first, so that the film has all frames up to the state that is kept
            self.film.add(self._number(step.stage, step.step), step.result)
        super().follow(step)
        if self.preview:
            self._save_preview(before, step)

    def _save_preview(self, before: StyleStep | None, step: StyleStep) -> None:
        """Saves the result of the first size when that is done; a run that goes on after it has none."""
        if step.stage == 0 and step.step < step.steps:
            return
        done = before if step.stage else step  # patience may have ended the size before its last step
        if done:
            path = self.save_beside(done.result(), preview_of)
            if self.progress and not self.console.quiet:
                self.progress.say(f'preview  {path}')
        self.preview = False

    def place(self, step: StyleStep) -> jobs.Place:
        """Where a step is."""
        words = f'size {step.stage + 1}/{step.stages} step {step.step}/{step.steps}'
        number = self._number(step.stage, step.step)
        return jobs.Place(step.work, step.all_work, number, words, sum(step.losses.values()))

    def arrays(self, step: StyleStep) -> dict[str, Any]:
        """What `_start` reads."""
        remembered = {f'state{number:02}': array for number, array in enumerate(step.state)}
        return {'stage': step.stage, 'step': step.step, 'image': step.image, **remembered}

    def picture(self, step: StyleStep) -> np.ndarray:
        """The picture as it would be if the work ended with this step."""
        return step.result()

    def terms(self) -> list[str]:
        """The terms of the last step that count as a table; nothing where no step was made."""
        if self.latest is None:
            return []
        raw = self.latest.raw
        losses = {name: loss for name, loss in self.latest.losses.items() if loss or raw[name]}
        rows = [f'{name:<32} {raw[name]:>12.5g} {loss:>12.5g}' for name, loss in losses.items()]
        return [f'{"term":<32} {"raw":>12} {"weighted":>12}', *rows, f'{"all":<45} {sum(losses.values()):>12.5g}']

    def _start(self, state: Mapping[str, np.ndarray]) -> Start:
        remembered = [state[name] for name in sorted(state) if name.startswith('state')]
        start = Start(int(state['stage']), int(state['step']), state['image'], remembered)
        if self.workdir:
            self.console.say(f'going on from {self.workdir.folder}: size {start.stage + 1}, step {start.step}')
        return start

    def _number(self, stage: int, step: int) -> int:
        """Steps since the very first."""
        return sum(one.steps for one in self.stages[:stage]) + step
