"""One picture of a command: read, announced, dreamt on, kept on the way and saved, whatever happens."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import cli, images, pyramid, records
from stylegen.console import Console, Progress
from stylegen.deepdream.dream import open_dreamer
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.deepdream.options import MANNER, NOISE, PROGRAM, SUBJECT, parse_region, parsed
from stylegen.errors import UserError
from stylegen.inputs import Inputs, read_mask, refuse_inputs
from stylegen.workdir import Workdir

SAVE_SECONDS = 10  # between states kept in --workdir


@dataclass
class Session:
    """A dreamer that is open.

    Args:
        dreamer: Opened with the settings.
        settings: By flag, with the network and the layers that were settled on.
        note: One line that says which network it looks through.
        inputs: The guides, and the hashes of what was read.
        regions: The paths of the masks.
        record: Of the result that is made again, or None.
    """

    dreamer: Dreamer
    settings: dict[str, Any]
    note: str
    inputs: Inputs
    regions: list[str]
    record: dict[str, Any] | None

    @classmethod
    def open(cls, settings: dict[str, Any], record: dict[str, Any] | None = None) -> Session:
        """Reads the guides and opens the network."""
        inputs = Inputs()
        inputs.guides = [inputs.load(path).pixels for path in settings['guide']]
        regions = [parse_region(text) for text in settings['region']]
        dreamer, note = open_dreamer(
            network=settings['network'],
            weights=settings['weights'],
            layers=parsed(settings['layers'], 'layers'),
            classes=parsed(settings['classes'], 'classes'),
            guides=inputs.guides,
            guide_layers=parsed(settings['guide_layers'], 'guide_layers'),
            regions=[layers for _, layers in regions],
            precision=settings['precision'],
            **{name: settings[name] for name in MANNER},
        )
        subject = dreamer.subject
        settings = settings | {'network': dreamer.extractor.network}
        if subject.targets and not settings['classes']:
            layers = {str(target): weight for target, weight in subject.targets.items()}
            settings['layers'] = cli.format_weights(layers)
        if subject.guided:
            guided = {str(target): weight for target, weight in subject.guided.items()}
            settings['guide_layers'] = cli.format_weights(guided)
        return cls(dreamer, settings, note, inputs, [path for path, _ in regions], record)

    def about(self) -> list[str]:
        """Lines that say what is dreamt of, and through which network."""
        lines = [f'network  {self.note}']
        for name in SUBJECT:
            if value := self.settings[name]:
                lines.append(f'{name:<8} {value if isinstance(value, str) else ", ".join(value)}')
        return lines

    def fitted(self, picture: images.Picture) -> images.Picture:
        """The picture; one that is to repeat has its edges faded and its sides on the network's grid."""
        if not self.dreamer.wrap:
            return picture
        stride = max(self.dreamer.extractor.strides.values())
        tile = picture.pixels if picture.path == NOISE else images.seamless(picture.pixels)  # noise repeats already
        shape = tuple(max(1, round(side / stride)) * stride for side in tile.shape[:2])
        tile = np.clip(images.resize(tile, shape, wrap=True), 0, 1)
        return images.Picture(tile, None, picture.path, picture.sha256)

    def outlook(self, picture: images.Picture) -> list[str]:
        """Lines that say what a picture will take, also where that is more memory than is free."""
        height, width = picture.pixels.shape[:2]
        made = self.dreamer.plan((height, width))
        tiles = f', in tiles of up to {made.tile} pixels' if made.tile else ''
        lines = [
            f'picture  {picture.path}, {width} x {height}',
            f'sizes    {", ".join(f"{w} x {h}" for h, w in made.sizes)}; {self.dreamer.steps} steps each',
            f'memory   about {pyramid.format_memory(made.memory)} beside what TensorFlow takes to start{tiles}',
        ]
        free = pyramid.available_memory()
        if made.memory > free:
            lines.append(f'         only {pyramid.format_memory(free)} is free: give less in --max_memory')
        return lines


class Job:
    """One dream that is shown, kept in its workdir and saved.

    Args:
        workdir: Where the state is kept, or None.
        unfinished: Where the dream so far goes when it is stopped or fails, if not to the output.
    """

    def __init__(
        self,
        session: Session,
        picture: images.Picture,
        output: Path,
        flags,
        console: Console,
        *,
        workdir: str | Path | None = None,
        unfinished: Path | None = None,
    ):
        self.session, self.picture, self.output, self.flags, self.console = session, picture, output, flags, console
        self.unfinished = unfinished or output
        shape = picture.pixels.shape[:2]
        mask = session.settings['mask']
        self.mask = read_mask(session.inputs, mask, shape) if mask else None
        self.regions = [read_mask(session.inputs, path, shape) for path in session.regions]
        inputs = {picture.path: picture.sha256} | session.inputs.hashes
        weights = session.dreamer.extractor.source
        if session.record:
            records.check_replay(session.record, inputs, weights, console.warn)
        refuse_inputs(output, inputs)
        if flags.save_every:
            numbers = [re.fullmatch(rf'{re.escape(output.stem)}-(\d{{4,}})', Path(path).stem) for path in inputs]
            for number in filter(None, numbers):
                refuse_inputs(self._on_the_way(int(number[1])), inputs)
        self.run = records.record(PROGRAM, session.settings, inputs, weights)
        self.workdir = Workdir(workdir, self.run) if workdir else None
        self.latest: DreamStep | None = None
        self.kept = time.monotonic()
        self.progress: Progress | None = None

    def dream(self) -> Path:
        """Runs to the end and saves; when it is stopped or fails, saves the dream so far."""
        start = self._start()
        began = time.monotonic()
        save = lambda pixels: self._save(pixels, self.unfinished)
        try:
            with cli.rescued(save, self._so_far, self.console.say):
                result = self.session.dreamer(
                    self.picture.pixels,
                    mask=self.mask,
                    regions=self.regions,
                    seed=self.session.settings['seed'],
                    start=start,
                    callback=self._follow,
                    steps_per_call=1 if self.flags.save_every else None,
                )
        finally:
            if self.progress:
                self.progress.close()
        path = self._save(result)
        if self.workdir:
            self.workdir.clear()
        self.console.say(f'result   {path} ({time.monotonic() - began:.1f} s)')
        return path

    def _start(self) -> Start | None:
        state = self.workdir.load() if self.workdir else None
        if state is None:
            return None
        start = Start(int(state['octave']), int(state['step']), state['image'], state['balance'])
        self.console.say(f'going on from {self.workdir.folder}: octave {start.octave + 1}, step {start.step}')
        return start

    def _so_far(self) -> np.ndarray | None:
        """The dream as it is, whose state is kept too; None before the first step."""
        self._keep()
        return self.latest.picture() if self.latest else None

    def _follow(self, step: DreamStep) -> None:
        if self.progress is None:
            done = step.work if step.octave or step.step > 1 else 0
            self.progress = self.console.progress(step.all_work, initial=done)
        self.latest = step
        where = f'octave {step.octave + 1}/{step.octaves} step {step.step}/{step.steps}'
        self.progress.to(step.work, where, loss=sum(step.losses.values()))
        if self.flags.save_every and step.step % self.flags.save_every == 0:
            number = step.octave * step.steps + step.step
            self._save(step.picture(), self._on_the_way(number))
        if time.monotonic() - self.kept > SAVE_SECONDS:
            self._keep()

    def _on_the_way(self, number: int) -> Path:
        """Where --save_every puts the dream as it is after so many steps of all octaves."""
        return self.output.with_stem(f'{self.output.stem}-{number:04}')

    def _keep(self) -> None:
        self.kept = time.monotonic()
        if self.workdir is None or self.latest is None:
            return
        latest = self.latest
        try:
            with cli.uninterrupted():
                self.workdir.save(octave=latest.octave, step=latest.step, image=latest.image, balance=latest.balance)
        except (OSError, UserError) as error:  # the dream itself goes on
            self.console.warn(f'the state could not be kept: {error}')

    def _save(self, pixels: np.ndarray, output: Path | None = None) -> Path:
        def write(path: Path) -> Path:
            return images.save_image(
                path, pixels, alpha=self.picture.alpha, settings=self.run, sidecar=self.flags.sidecar
            )

        with cli.uninterrupted():
            return cli.save_somewhere(write, output or self.output)
