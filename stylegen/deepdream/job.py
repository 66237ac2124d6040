"""One picture of the command: read, announced and dreamt on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images
from stylegen.deepdream import presets
from stylegen.deepdream.dreamer import Dreamer
from stylegen.deepdream.dreaming import open_dreamer
from stylegen.deepdream.octaves import DreamStep, Start
from stylegen.deepdream.options import MANNER, NOISE, PROGRAM, SUBJECT, parse_region, parsed
from stylegen.runs import jobs, layer_weights, records
from stylegen.runs.inputs import Inputs, read_mask
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.memory import format_memory, shortage


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
    def open(
        cls,
        settings: dict[str, Any],
        record: dict[str, Any] | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> Session:
        """Reads the guides and opens the network; `say` is told of pictures that only the first frame is used of."""
        inputs = Inputs(say=say)
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
        settings |= {name: getattr(dreamer, name) for name in presets.MANNER}  # by network, where they were not given
        if subject.targets and not settings['classes']:
            layers = {str(target): weight for target, weight in subject.targets.items()}
            settings['layers'] = layer_weights.format_weights(layers)
        if subject.guided:
            guided = {str(target): weight for target, weight in subject.guided.items()}
            settings['guide_layers'] = layer_weights.format_weights(guided)
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
            f'memory   about {format_memory(made.memory)} beside what TensorFlow takes to start{tiles}',
        ]
        return lines + shortage(made.memory)


class Job(jobs.Job):
    """One dream that is shown, kept in its workdir and saved.

    Args:
        session: That does it.
        picture: That is dreamt on.
        target, flags, console, workdir, unfinished: See `stylegen.runs.Job`.
    """

    def __init__(
        self,
        session: Session,
        picture: images.Picture,
        target: Output,
        flags: FlagValues,
        console: Console,
        *,
        workdir: str | Path | None = None,
        unfinished: Path | None = None,
    ):
        self.session, self.pixels = session, picture.pixels
        shape = picture.pixels.shape[:2]
        mask = session.settings['mask']
        self.mask = read_mask(session.inputs, mask, shape) if mask else None
        self.regions = [read_mask(session.inputs, path, shape) for path in session.regions]
        inputs = {picture.path: picture.sha256} | session.inputs.hashes
        weights = session.dreamer.extractor.source
        if session.record:
            records.check_replay(session.record, inputs, weights, console.warn)
        record = records.record(PROGRAM, session.settings, inputs, weights)
        super().__init__(
            target,
            record,
            flags,
            console,
            shape=picture.pixels.shape,
            alpha=picture.alpha,
            workdir=workdir,
            unfinished=unfinished,
        )

    def work(self, state: Mapping[str, np.ndarray] | None) -> np.ndarray:
        """Dreams, from the beginning or from a state on."""
        start = None
        if state is not None:
            start = Start(int(state['octave']), int(state['step']), state['image'], state['balance'])
            self.number = start.octave * self.session.dreamer.steps + start.step
            if self.workdir:
                self.console.say(f'going on from {self.workdir.folder}: octave {start.octave + 1}, step {start.step}')
        return self.session.dreamer(
            self.pixels,
            mask=self.mask,
            regions=self.regions,
            seed=self.session.settings['seed'],
            start=start,
            callback=self.follow,
            steps_per_call=1 if self.flags.save_every else None,
        )

    def place(self, step: DreamStep) -> jobs.Place:
        """Where a step is."""
        words = f'octave {step.octave + 1}/{step.octaves} step {step.step}/{step.steps}'
        number = step.octave * step.steps + step.step
        return jobs.Place(step.work, step.all_work, number, words, sum(step.losses.values()))

    def arrays(self, step: DreamStep) -> dict[str, Any]:
        """What `work` reads."""
        return {'octave': step.octave, 'step': step.step, 'image': step.image, 'balance': step.balance}

    def picture(self, step: DreamStep) -> np.ndarray:
        """The picture as it would be if the work ended with this step."""
        return step.picture()
