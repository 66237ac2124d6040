"""One picture of the command: announced, dreamt on and saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.deepdream.command_line import NOISE, PROGRAM, CommandLine
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.runs import jobs, records
from stylegen.runs.inputs import Inputs, read_mask
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.memory import format_memory, memory_advice


@dataclass(frozen=True)
class Session:
    """A dreamer that is open for a command line.

    Attributes:
        command: The command line, with the dreamer's settings.
        dreamer: Opened with its settings, guides and regions.
        inputs: The hashes of the files that were read.
    """

    command: CommandLine
    dreamer: Dreamer
    inputs: Inputs

    @classmethod
    def open(cls, command: CommandLine, say: Callable[[str], None] = lambda text: None) -> Session:
        """Reads the guides and opens the network. `say` gets a line about a guide with several frames."""
        inputs = Inputs(say=say)
        guides = [inputs.load(path).pixels for path in command.pictures.guide]
        regions = [layers for _, layers in command.pictures.region]
        dreamer = Dreamer(guides=guides, regions=regions, settings=command.dream)
        return cls(command.replace(dream=dreamer.settings), dreamer, inputs)

    def describe_subject(self) -> list[str]:
        """Lines that say through which network the dream is, and what it is of."""
        lines = [f'network  {self.dreamer.network_note}']
        settings = self.command.recorded()
        for name in ('layers', 'classes', 'guide', 'guide_layers', 'region'):
            if value := settings[name]:
                lines.append(f'{name:<8} {value if isinstance(value, str) else ", ".join(value)}')
        return lines

    def read_masks(self, shape: tuple[int, int]) -> tuple[np.ndarray | None, list[np.ndarray]]:
        """The mask, or None, and the masks of the regions, for pictures of (height, width)."""
        pictures = self.command.pictures
        mask = read_mask(self.inputs, pictures.mask, shape) if pictures.mask else None
        return mask, [read_mask(self.inputs, path, shape) for path, _ in pictures.region]

    def prepare(self, picture: images.Picture) -> images.Picture:
        """The picture. With --wrap its opposite edges are blended, and its sides are multiples of the stride."""
        if not self.dreamer.settings.wrap:
            return picture
        stride = max(self.dreamer.extractor.strides.values())
        tile = picture.pixels if picture.path == NOISE else images.seamless(picture.pixels)  # noise repeats already
        shape = tuple(max(1, round(side / stride)) * stride for side in tile.shape[:2])
        tile = np.clip(images.resize(tile, shape, wrap=True), 0, 1)
        return images.Picture(tile, None, picture.path, picture.sha256)

    def describe_plan(self, picture: images.Picture) -> list[str]:
        """Lines that say what sizes and how much memory a picture takes, and whether so much is free."""
        height, width = picture.pixels.shape[:2]
        plan = self.dreamer.plan((height, width))
        tiles = f', in tiles of up to {plan.tile} pixels' if plan.tile else ''
        lines = [
            f'picture  {picture.path}, {width} x {height}',
            f'sizes    {", ".join(f"{w} x {h}" for h, w in plan.sizes)}; {self.dreamer.settings.steps} steps each',
            f'memory   about {format_memory(plan.memory)} beside what TensorFlow takes to start{tiles}',
        ]
        return lines + memory_advice(plan.memory)

    def record(self, inputs: Mapping[str, str], console: Console) -> dict[str, Any]:
        """The record of a result. It is checked against that of the result that is made again, if there is one.

        Args:
            inputs: sha256 by path, of the files that were read beside the session's own.
            console: Gets a warning where the result may differ.

        Raises:
            UserError: An input is another file than it was.
        """
        weights, inputs = self.dreamer.extractor.source, {**inputs, **self.inputs.hashes}
        if self.command.replayed:
            records.check_replay(self.command.replayed, inputs, weights, console.warn)
        return records.record(PROGRAM, self.command.recorded(), inputs, weights)


class Job(jobs.Job):
    """One dream that is shown, kept in its workdir and saved.

    Args:
        session: The session whose dreamer dreams.
        picture: The picture that is dreamt on.
        target, console, workdir, unfinished: See `stylegen.runs.Job`.
    """

    def __init__(
        self,
        session: Session,
        picture: images.Picture,
        target: Output,
        console: Console,
        *,
        workdir: str | Path | None = None,
        unfinished: Path | None = None,
    ):
        self.session, self.pixels = session, picture.pixels
        height, width = picture.pixels.shape[:2]
        self.mask, self.regions = session.read_masks((height, width))
        super().__init__(
            target,
            session.record({picture.path: picture.sha256}, console),
            session.command.result,
            console,
            shape=picture.pixels.shape,
            alpha=picture.alpha,
            workdir=workdir,
            unfinished=unfinished,
        )

    def work(self, state: Mapping[str, np.ndarray] | None) -> np.ndarray:
        """Dreams from the beginning, or goes on from a state."""
        start, dreamer = None, self.session.dreamer
        if state is not None:
            start = Start(int(state['octave']), int(state['step']), state['image'], state['balance'])
            self.steps_done = start.octave * dreamer.settings.steps + start.step
            if self.workdir:
                self.console.say(f'going on from {self.workdir.folder}: octave {start.octave + 1}, step {start.step}')
        return dreamer(
            self.pixels,
            mask=self.mask,
            regions=self.regions,
            start=start,
            callback=self.on_step,
            steps_per_call=1 if self.session.command.result.save_every else None,
        )

    def progress_of(self, step: DreamStep) -> jobs.JobProgress:
        """How far a step is."""
        words = f'octave {step.octave + 1}/{step.octaves} step {step.step}/{step.steps}'
        number = step.octave * step.steps + step.step
        return jobs.JobProgress(step.work, step.all_work, number, words, sum(step.losses.values()))

    def state_arrays(self, step: DreamStep) -> dict[str, Any]:
        """The state after a step, as `work` reads it."""
        return {'octave': step.octave, 'step': step.step, 'image': step.image, 'balance': step.term_factors}

    def picture(self, step: DreamStep) -> np.ndarray:
        """The picture as it would be if the work ended with this step."""
        return step.picture()
