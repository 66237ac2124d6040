"""What the page draws out of noise, without a page: pictures of seeds, and how a run is going."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.studio.results import Result, command_line
from stylegen.utils.errors import UserError

FILM_FRAMES = 60  # of a run's film, at most


class Noise:
    """The generators, opened when they are first used, and what is drawn with them."""

    @functools.lru_cache(maxsize=4)  # noqa: B019
    def generator(self, workdir: str | None) -> Any:
        """The generator of a run's folder, or of the package."""
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
    ) -> list[tuple[np.ndarray, int]]:
        """The pictures of seeds, uint8, enlarged, each with its seed.

        Raises:
            UserError: No such run, seeds or classes.
        """
        from stylegen.dcgan import latents
        from stylegen.dcgan.opening import labels_of, parse_seeds
        from stylegen.dcgan.sampling import enlarged

        generator, numbers = self.generator(workdir), parse_seeds(seeds)
        if len(numbers) > 256:
            raise UserError(f'{len(numbers)} seeds are too many for a page; 256 at most')
        pictures = generator(latents(numbers, generator.latent_dim), labels_of(generator, numbers, labels))
        return list(zip(enlarged(images.to_uint8(pictures), scale), numbers, strict=True))

    def between(self, workdir: str | None, first: int, second: int, share: float, scale: int = 12) -> Result:
        """The picture on the way from one seed to another."""
        from stylegen.dcgan import interpolate
        from stylegen.dcgan.opening import labels_of, record_of
        from stylegen.dcgan.sampling import enlarged

        generator, steps = self.generator(workdir), 20
        path = interpolate(generator, [first, second], labels_of(generator, [first, second]), steps=steps)
        picture = enlarged(path[round(share * steps)][None], scale)[0]
        settings: dict[str, Any] = {'seeds': f'{first},{second}', 'steps': steps, 'scale': scale}
        python = (
            f'from stylegen.dcgan import interpolate, open_generator\n\n'
            f'path = interpolate(open_generator({workdir!r}), [{first}, {second}], labels=None, steps={steps})\n'
            f'picture = path[{round(share * steps)}]'
        )
        record = record_of('interpolate', settings, generator)
        command = command_line('stylegen.dcgan interpolate', (), workdir=workdir, **settings)
        title = f'seed {first}' if first == second else f'seed {first} to {second}'
        return Result(title, images.to_uint8(picture), None, record, command, python)
