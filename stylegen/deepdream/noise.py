"""Pictures from noise on the command line: what a layer, a channel, a neuron or a class looks for."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl.flags import FlagValues

from stylegen import images, networks
from stylegen.deepdream.dreaming import FIRST_CHOICE
from stylegen.deepdream.options import NOISE, PROGRAM, parsed
from stylegen.deepdream.subject import Subject, settle
from stylegen.deepdream.targets import parse_target
from stylegen.deepdream.visualizing import NothingActive, VisualizeStep, visualize
from stylegen.images.sheets import grid_shape
from stylegen.networks.catalog import CLASSES
from stylegen.runs import layer_weights, records, saving
from stylegen.runs.names import Output
from stylegen.utils import interrupts
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError
from stylegen.utils.signatures import defaults_of

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

DEFAULTS = defaults_of(visualize)  # `dream` has others for the flags that both have
ADVICE = {  # where nothing is active at the start, by the tap
    'before': 'try another --seed',
    'after': 'ask for channels without whole layers or classes beside them, or try another --seed',
}


def open_subject(settings: Mapping[str, Any]) -> tuple[FeatureExtractor, str, Subject, str]:
    """The extractor, one line that says which it is, what is looked for, and whether before or after activations.

    Where all that is looked for are channels they are read before their activation, see `visualize`.
    """
    layers, classes = (parsed(settings[name], name) for name in ('layers', 'classes'))
    settled = functools.partial(settle, layers=layers, classes=classes)
    targets = [parse_target(name) for name in layers or ()]  # without any it is whole layers
    channels = [target for target in targets if target.channels and target.layer != CLASSES]
    tap = 'before' if targets and channels == targets and not classes else 'after'
    extractor, note = networks.open_network(
        settings['network'],
        FIRST_CHOICE,
        lambda name: settled(name).layers,
        weights=settings['weights'],
        precision=settings['precision'],
        tap=tap,
    )
    subject = settled(extractor.network)
    subject.check(extractor.channels)
    return extractor, note, subject, tap


def dream_from_noise(
    settings: dict[str, Any], record: dict[str, Any] | None, flags: FlagValues, output: Output, console: Console
) -> None:
    """Makes pictures from noise and saves them, several as one grid; when it is stopped or fails, as they are."""
    from stylegen.deepdream.terms import PlacedExtractor, Places, build_terms

    side = settings['size'] or DEFAULTS['size']
    images.check_writable(output.path, grid_shape(settings['count'], (side, side)))
    extractor, note, subject, tap = open_subject(settings)
    terms, _, points = build_terms(subject, extractor, [], settings['measure'])
    steps = settings['steps'] if flags['steps'].present or flags.replay else DEFAULTS['steps']
    settings = settings | {'network': extractor.network, 'steps': steps, 'size': side}
    if not settings['classes']:
        settings['layers'] = layer_weights.format_weights(
            {str(target): weight for target, weight in subject.targets.items()}
        )
    names = ', '.join(term.name for term in terms)
    console.say(f'network  {note}', f'from noise: {names}; {side} x {side}, {steps} steps')
    if record:
        records.check_replay(record, {}, extractor.source, console.warn)
    run = records.record(PROGRAM, settings, {}, extractor.source)
    places = Places([], points, rest=False)
    seeing = PlacedExtractor(extractor, places.at((side, side))) if points else extractor

    def save(pictures: np.ndarray) -> Path:
        picture = pictures[0] if len(pictures) == 1 else images.grid(pictures)
        write = lambda path, overwrite: images.save_image(
            path, picture, depth=flags.depth, settings=run, sidecar=flags.sidecar, overwrite=overwrite
        )
        with interrupts.uninterrupted():
            return saving.save_somewhere(write, output)

    latest: list[VisualizeStep] = []
    progress = console.progress(steps)

    def follow(step: VisualizeStep) -> None:
        latest[:] = [step]
        progress.to(step.step, f'step {step.step}/{step.steps}', loss=sum(step.losses.values()))

    manner = {name: settings[name] for name in ('count', 'steps', 'parameterization', 'diversity', 'seed', 'jit')}
    began = time.monotonic()
    try:
        with saving.rescued(save, lambda: latest[0].pictures() if latest else None, console.say, settings['precision']):
            pictures = visualize(seeing, terms, size=side, callback=follow, **manner)
    except NothingActive as error:
        raise UserError(f'{error.fact}; {ADVICE[tap]}') from None
    finally:
        progress.close()
    console.say(f'result   {save(pictures)} ({time.monotonic() - began:.1f} s)')


def noise_picture(side: int, seed: int) -> images.Picture:
    """Noise with the spectrum and the colours of photographs, to dream a tile from that repeats."""
    from stylegen.optimize.parameterization import Fourier

    coordinates = Fourier(side, side, DEFAULTS['decay'])
    pixels = coordinates.image(coordinates.noise(1, seed, DEFAULTS['contrast'])).numpy()[0]
    return images.Picture(pixels, None, NOISE, '')
