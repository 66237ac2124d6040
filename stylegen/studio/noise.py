"""What the page draws out of noise, without a page: pictures of seeds, and how a run is going."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stylegen import images
from stylegen.studio.results import Result, command_line
from stylegen.utils.errors import UserError

FILM_FRAMES = 60  # of a run's film, at most


class Face(NamedTuple):
    """What a picture out of noise is drawn from: a seed, and the number of a class where there are classes."""

    seed: int
    label: int | None


class Noise:
    """The generators, opened when they are first used, and what is drawn with them."""

    def generator(self, workdir: str | None) -> Any:
        """The generator of the newest checkpoint of a run, which may go on meanwhile; None: that of the package."""
        from stylegen.training.checkpoints import Checkpoints

        if workdir is None:
            return self._opened(None, 0)
        kept = Checkpoints(workdir)
        written = [kept.path_of(step).stat().st_mtime_ns for step in kept.steps()[-1:]]
        return self._opened(workdir, *written)

    @functools.lru_cache(maxsize=4)  # noqa: B019
    def _opened(self, workdir: str | None, written: int = 0) -> Any:
        """The generator of a run whose newest checkpoint was written at this time."""
        from stylegen.dcgan import open_generator

        return open_generator(workdir)

    def progress(self, workdir: str) -> tuple[Any, np.ndarray | None]:
        """The losses of a run, as a table of step, curve and value, and its newest sheet of samples.

        Raises:
            UserError: It is no run.
        """
        import pandas

        from stylegen.dcgan import read_history

        history = read_history(workdir)
        columns = [name for name in (history.log[0] if history.log else {}) if 'loss' in name]
        points = [(step, name, value) for name in columns for step, value in history.curve(name)]
        newest = history.sheets[max(history.sheets)] if history.sheets else None
        sheet = None if newest is None else images.to_uint8(images.load_image(newest))
        return pandas.DataFrame(points, columns=['step', 'curve', 'value']), sheet

    def film(self, workdir: str, folder: Path) -> Path:
        """Writes the film of a run's samples so far, from the first sheet to the newest, into a folder.

        Args:
            workdir: The folder of the run, which stays as it is.
            folder: Where the film goes.

        Raises:
            UserError: It is no run, or has fewer than two sheets of samples.
        """
        from stylegen.dcgan import read_history

        sheets = [path for _, path in sorted(read_history(workdir).sheets.items())]
        if len(sheets) < 2:
            raise UserError('the run has fewer than two sheets of samples; look again later')
        chosen = sorted({round(place) for place in np.linspace(0, len(sheets) - 1, FILM_FRAMES)})
        frames = (images.load_image(sheets[number]) for number in chosen)
        return images.save_animation(folder / 'training.gif', frames, 10)

    def faces(
        self, workdir: str | None, seeds: str, labels: str | None, scale: int = 4
    ) -> list[tuple[np.ndarray, Face]]:
        """The pictures of seeds, uint8, enlarged, each with its seed and class.

        Raises:
            UserError: No such run, seeds or classes.
        """
        from stylegen.dcgan import latents
        from stylegen.dcgan.opening import labels_of, parse_seeds
        from stylegen.dcgan.sampling import enlarged

        generator, numbers = self.generator(workdir), parse_seeds(seeds)
        if len(numbers) > 256:
            raise UserError(f'{len(numbers)} seeds are too many for a page; 256 at most')
        classes = labels_of(generator, numbers, labels)
        pictures = generator(latents(numbers, generator.latent_dim), classes)
        drawn = [Face(seed, None if classes is None else int(classes[place])) for place, seed in enumerate(numbers)]
        return list(zip(enlarged(images.to_uint8(pictures), scale), drawn, strict=True))

    def between(self, workdir: str | None, first: Face, second: Face, share: float, scale: int = 12) -> Result:
        """The picture on the way from one seed to another, each in its class."""
        from stylegen.dcgan import interpolate
        from stylegen.dcgan.opening import record_of
        from stylegen.dcgan.sampling import enlarged

        generator, steps = self.generator(workdir), 20
        seeds, labels = [first.seed, second.seed], None if first.label is None else [first.label, second.label]
        path = interpolate(generator, seeds, None if labels is None else np.array(labels, np.int32), steps=steps)
        picture = enlarged(path[round(share * steps)][None], scale)[0]
        settings: dict[str, Any] = {'seeds': ','.join(map(str, seeds)), 'steps': steps, 'scale': scale}
        classes = {} if labels is None else {'classes': ','.join(map(str, labels))}
        python = (
            f'from stylegen.dcgan import interpolate, open_generator\n\n'
            f'path = interpolate(open_generator({workdir!r}), {seeds}, {labels}, steps={steps})\n'
            f'picture = path[{round(share * steps)}]'
        )
        record = record_of('interpolate', settings | classes, generator)
        command = command_line('stylegen.dcgan interpolate', (), workdir=workdir, **settings, **classes)
        title = f'seed {first.seed}' if first == second else f'seed {first.seed} to {second.seed}'
        return Result(title, images.to_uint8(picture), None, record, command, python)
