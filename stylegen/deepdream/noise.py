"""Pictures from noise on the command line: what a layer, a channel, a neuron or a class looks for."""

from __future__ import annotations

import inspect
import time
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import cli, images, networks, records
from stylegen.catalog import CLASSES
from stylegen.deepdream.dream import FIRST_CHOICE
from stylegen.deepdream.options import NOISE, PROGRAM, parsed
from stylegen.deepdream.subject import settle
from stylegen.deepdream.visualize import VisualizeStep, visualize

DEFAULTS = {name: p.default for name, p in inspect.signature(visualize).parameters.items()}


class PlacedExtractor:
    """An extractor whose features include the masks of the places that terms refer to."""

    def __init__(self, extractor, masks):
        self._extractor, self._masks = extractor, masks

    def __getattr__(self, name):
        return getattr(self._extractor, name)

    def __call__(self, image):
        from stylegen.backend import tf

        return {**self._extractor(image), 'places': tf.repeat(self._masks, tf.shape(image)[0], axis=0)}


def dream_from_noise(settings: dict[str, Any], record: dict[str, Any] | None, flags, output: Path, say) -> None:
    """Makes pictures from noise and saves them, several as one grid."""
    from stylegen.deepdream.terms import Places, build_terms
    from stylegen.optimize import NonFiniteLoss

    wanted = {'layers': parsed(settings['layers'], 'layers'), 'classes': parsed(settings['classes'], 'classes')}

    def tap(name: str) -> str:
        targets = settle(name, **wanted).targets
        return 'before' if all(target.channels and target.layer != CLASSES for target in targets) else 'after'

    subject = lambda name: settle(name, **wanted)
    chosen = settings['network']
    if chosen == networks.AUTO:
        chosen, _ = networks.choose_network(chosen, FIRST_CHOICE, settings['weights'])
    extractor, note = networks.open_network(
        settings['network'],
        FIRST_CHOICE,
        lambda name: subject(name).layers,
        weights=settings['weights'],
        precision=settings['precision'],
        tap=tap(chosen),
    )
    topic = subject(extractor.network)
    topic.check(extractor.channels)
    terms, _, points = build_terms(topic, extractor, [], settings['measure'])
    side = settings['size'] or DEFAULTS['size']
    steps = settings['steps'] if flags['steps'].present or flags.replay else DEFAULTS['steps']
    settings = settings | {'network': extractor.network, 'steps': steps, 'size': side}
    if not settings['classes']:
        settings['layers'] = cli.format_weights({str(target): weight for target, weight in topic.targets.items()})
    say(f'network  {note}')
    say(f'from noise: {", ".join(term.name for term in terms)}; {side} x {side}, {steps} steps')
    if record:
        records.check_replay(record, {}, extractor.source, cli.warn)
    run = records.record(PROGRAM, settings, {}, extractor.source)
    latest: list[VisualizeStep] = []
    progress = cli.Progress(steps, flags.quiet)

    def follow(step: VisualizeStep) -> None:
        latest[:] = [step]
        progress.to(step.step, f'step {step.step}/{step.steps}', loss=sum(step.losses.values()))

    def save(pictures: np.ndarray) -> Path:
        picture = pictures[0] if len(pictures) == 1 else images.grid(pictures)
        write = lambda path: images.save_image(path, picture, settings=run, sidecar=flags.sidecar)
        with cli.uninterrupted():
            return cli.save_somewhere(write, output)

    began = time.monotonic()
    try:
        pictures = visualize(
            PlacedExtractor(extractor, Places([], points, rest=False).at((side, side))) if points else extractor,
            terms,
            size=side,
            count=settings['count'],
            steps=steps,
            parameterization=settings['parameterization'],
            diversity=settings['diversity'],
            seed=settings['seed'],
            callback=follow,
            jit=settings['jit'],
        )
    except NonFiniteLoss as error:
        raise ArithmeticError(f'{error}; the last good picture is in {save(error.pictures)}') from None
    except KeyboardInterrupt:
        if latest:
            say(f'stopped; the picture so far is in {save(latest[0].pictures())}')
        raise
    finally:
        progress.close()
    say(f'result   {save(pictures)} ({time.monotonic() - began:.1f} s)')


def noise_picture(side: int, seed: int) -> images.Picture:
    """Noise with the spectrum and the colours of photographs, to dream a tile from that repeats."""
    from stylegen.parameterization import Fourier

    coordinates = Fourier(side, side, DEFAULTS['decay'])
    pixels = coordinates.image(coordinates.noise(1, seed, DEFAULTS['contrast'])).numpy()[0]
    return images.Picture(pixels, None, NOISE, '')
