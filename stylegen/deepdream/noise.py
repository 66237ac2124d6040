"""Pictures from noise on the command line: what a layer, a channel, a neuron or a class responds to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylegen import images, networks
from stylegen.deepdream.command_line import NOISE, PROGRAM, CommandLine
from stylegen.deepdream.presets import FIRST_CHOICE
from stylegen.deepdream.settings import DreamSettings, VisualizeSettings
from stylegen.deepdream.subject import Subject, choose_subject, weights_by_name
from stylegen.deepdream.targets import parse_target
from stylegen.deepdream.visualizing import NothingActive, VisualizeStep, visualize
from stylegen.images.sheets import grid_shape
from stylegen.networks.catalog import CLASSES
from stylegen.runs import records, saving
from stylegen.runs.names import Output
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

ADVICE = {  # where nothing is active at the start, by whether layers are read before their activation
    True: 'try another --seed',
    False: 'ask for channels without whole layers or classes beside them, or try another --seed',
}


def open_subject(settings: DreamSettings) -> tuple[FeatureExtractor, str, Subject, bool]:
    """The extractor, a line that says which network it is, the subject, and whether layers are read before activation.

    Where all targets are channels or neurons, the layers are read before their activation, see `visualize`.
    """
    targets = [parse_target(name) for name in settings.layers or ()]  # none: the network's own, which are whole layers
    channels = [target for target in targets if target.channels and target.layer != CLASSES]
    pre_activation = bool(targets) and channels == targets and not settings.classes
    extractor, note = networks.open_network(
        settings.network,
        FIRST_CHOICE,
        lambda name: choose_subject(name, settings).layers,
        weights=settings.weights,
        precision=settings.precision,
        pre_activation=pre_activation,
    )
    subject = choose_subject(extractor.network, settings)
    subject.check(extractor.channels)
    return extractor, note, subject, pre_activation


def dream_from_noise(command: CommandLine, output: Output, console: Console) -> None:
    """Makes pictures from noise and saves them, several as one grid. Where it stops or fails it saves what is there.

    Raises:
        UserError: Nothing that is asked for is active in the noise.
    """
    from stylegen.deepdream.terms import MaskedExtractor, TermMasks, build_terms

    noise, dream, result = command.noise, command.dream.on_this_machine(), command.result
    height, width = (noise.size, noise.size) if isinstance(noise.size, int) else noise.size
    images.check_writable(output.path, grid_shape(noise.count, (height, width)))
    extractor, note, subject, pre_activation = open_subject(dream)
    terms, _, neurons = build_terms(subject, extractor, [], dream.measure)
    layers = dream.layers if dream.classes else weights_by_name(subject.targets)
    command = command.replace(dream=dream.replace(network=extractor.network, layers=layers))
    names = ', '.join(term.name for term in terms)
    console.say(f'network  {note}', f'from noise: {names}; {width} x {height}, {noise.steps} steps')
    if command.replayed:
        records.check_replay(command.replayed, {}, extractor.source, console.warn)
    record = records.record(PROGRAM, command.recorded(), {}, extractor.source)
    masks = TermMasks([], neurons, rest=False).resized((height, width))

    def save(pictures: np.ndarray) -> Path:
        picture = pictures[0] if len(pictures) == 1 else images.grid(pictures)
        return saving.save_result(output, picture, record, result)

    latest: list[VisualizeStep] = []
    progress = console.progress(noise.steps)

    def follow(step: VisualizeStep) -> None:
        latest[:] = [step]
        progress.to(step.step, f'step {step.step}/{step.steps}', loss=sum(step.losses.values()))

    began = time.monotonic()
    try:
        with saving.save_on_failure(
            save, lambda: latest[0].pictures() if latest else None, console.say, dream.precision
        ):
            pictures = visualize(
                MaskedExtractor(extractor, masks) if neurons else extractor,
                terms,
                callback=follow,
                settings=VisualizeSettings.of_record(noise.recorded()),
            )
    except NothingActive as error:
        raise UserError(f'{error.fact}; {ADVICE[pre_activation]}') from None
    finally:
        progress.close()
    console.say(f'result   {save(pictures)} ({time.monotonic() - began:.1f} s)')


def noise_picture(side: int, seed: int) -> images.Picture:
    """Noise with the spectrum and the colours of photographs. A dream makes a tile of it that repeats."""
    from stylegen.optimize.parameterization import Fourier

    settings = VisualizeSettings()
    coordinates = Fourier(side, side, settings.decay)
    pixels = coordinates.image(coordinates.noise(1, seed, settings.contrast)).numpy()[0]
    return images.Picture(pixels, None, NOISE, '')
