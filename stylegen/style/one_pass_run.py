"""One training of a network that paints in one pass: its model, its checkpoints, its log and its samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images
from stylegen.images.conversion import PictureLike, as_picture
from stylegen.images.sheets import grid
from stylegen.networks.embedded import weight_arrays
from stylegen.runs.inputs import PICTURES
from stylegen.runs.records import machine, versions
from stylegen.style.judge import Judge
from stylegen.style.norms import NetworkShape, palette_of
from stylegen.style.one_pass import RESULT, OnePass
from stylegen.style.one_pass_model import METRICS, OnePassModel
from stylegen.style.one_pass_settings import OnePassTrainSettings
from stylegen.style.transform_network import give_weights
from stylegen.training.callbacks import Callbacks, Interrupts, Log, NullLog, Periodic, Report, Schedule, Speed
from stylegen.training.checkpoints import Checkpoints, arrays_of, assign
from stylegen.training.distribution import Devices
from stylegen.training.replicas import UnreducedAdam
from stylegen.training.sharing import chief_only
from stylegen.utils.backend import fast_precision, has_gpu, keras, tf, use_xla
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json, atomic_write, make_folder
from stylegen.utils.version import __version__

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet

SAMPLES, SETTINGS = 'samples', 'settings.json'
SAMPLE_STYLES = 8  # columns of a sheet of samples


class Run:
    """One run in its workdir. See `stylegen.style.one_pass_training.train_one_pass`."""

    def __init__(
        self,
        data: ImageSet,
        styles: Mapping[str, PictureLike],
        workdir: Path,
        init: OnePass | None,
        about: Mapping[str, Mapping[str, Any]],
        samples: Sequence[PictureLike],
        callback: Callable[[Report], None] | None,
        settings: OnePassTrainSettings,
        devices: Devices,
    ):
        if settings.precision == 'auto':
            settings = settings.replace(precision=fast_precision())
        if init:
            settings = settings.replace(**vars(init.shape))
        elif settings.norms_only or settings.rank:
            flag = '--norms_only' if settings.norms_only else '--rank'
            raise UserError(f'{flag} adds styles to a network; give one as --init')
        self.data, self.workdir, self.callback, self.settings = data, workdir, callback, settings
        self.devices = devices
        kept = settings.norms_only or settings.rank
        self.base = init if kept else None  # the result keeps its network and its styles
        self.names, self.about = list(styles), about
        self.begun: dict[str, np.ndarray] = {}  # norms of the styles in the network to begin with
        paintings = [_fitted(as_picture(one, f'style {name}'), settings.style_size) for name, one in styles.items()]
        self.checkpoints = Checkpoints(workdir, settings.keep)
        self.palettes = {name: palette_of(one) for name, one in zip(styles, paintings, strict=True)}
        self.identity = as_json(self._identity(paintings, init))
        devices.check_same_settings(self.identity)
        saved = self._saved_arrays()
        self._build(init, dict(zip(styles, paintings, strict=True)))
        if saved is not None:
            assign(self.model.parts(), saved)
        devices.copy_from_chief([variable for part in self.model.parts().values() for variable in part])
        columns = (*METRICS, 'images_per_second')
        self.log = Log(workdir, columns, self.step, settings.tensorboard) if devices.chief else NullLog()
        self.speed = Speed(settings.batch_size)
        photos = samples or [PICTURES / 'raccoon.jpg']
        side = settings.image_size
        self.samples = [_square(as_picture(photo, 'sample'), side) for photo in photos]

    def _build(self, init: OnePass | None, paintings: Mapping[str, np.ndarray]) -> None:
        """Makes the model and its optimizer, on all devices."""
        settings = self.settings
        with self.devices.scope():
            self.judge = Judge.open(settings.judge, settings.precision)
        targets = [self.judge.style_of(painting)[0] for painting in paintings.values()]
        with self.devices.scope():
            self.model = OnePassModel(
                self.judge,
                targets,
                shape=self._shape,
                precision=settings.precision if has_gpu() else 'float32',  # on a CPU its many small steps cost more
                strength=settings.strength,
                norms_only=self.base is not None,
                rank=settings.rank,
                seed=settings.seed,
            )
            if init:
                self._begin_with(init, paintings)
            schedule = keras.optimizers.schedules.CosineDecay(
                settings.learning_rate, max(1, settings.steps), alpha=0.02
            )
            self.model.compile(
                optimizer=UnreducedAdam(schedule, beta_2=0.99, global_clipnorm=1.0, name='adam'),
                jit_compile=self.devices.replicas == 1 and use_xla(settings.jit),  # XLA compiles for one device
            )
            self.model.optimizer.build(self.model.trained)

    @chief_only
    def _saved_arrays(self) -> dict[str, np.ndarray] | None:
        """The arrays of the last checkpoint of an earlier start; None at the first."""
        own = {'init': self.identity['init'], 'deep': 0, 'rank': 0}  # which runs of earlier versions did not record
        return self.checkpoints.resume(self.identity, lambda settings: own | dict(settings))

    @property
    def step(self) -> int:
        """Steps that have been made."""
        return int(self.model.steps.numpy())

    def _begin_with(self, init: OnePass, paintings: Mapping[str, np.ndarray]) -> None:
        """Takes the weights of another network, and what norms it has for the styles."""
        give_weights(self.model.transform, init.arrays)
        for name, painting in paintings.items():
            if name in init.norms:
                self.begun[name] = init.norms[name]
            elif init.takes_paintings:
                self.begun[name] = init.parts_of(init.norms_of(painting))[0]
            else:
                self.begun[name] = np.mean([*init.norms.values()], 0)
        self.model.norms.assign(np.stack([*self.begun.values()]))

    def _identity(self, paintings: Sequence[np.ndarray], init: OnePass | None) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        digests = {name: _digest({'': one}) for name, one in zip(self.names, paintings, strict=True)}
        begun_with = _digest({**init.arrays, **init.norms}) if init else 'new'
        told = {name: value for name, value in self.settings.recorded().items() if name not in _FREE}
        return {**told, 'data': self.data.manifest['sha256'], 'styles': digests, 'init': begun_with}

    @property
    def _shape(self) -> NetworkShape:
        """The size of the network."""
        return NetworkShape(self.settings.width, self.settings.blocks, self.settings.deep)

    def network(self) -> OnePass:
        """The network as it is now."""
        arrays = weight_arrays(self.model.transform)
        norms = dict(zip(self.names, self.model.norms.value.numpy(), strict=True))
        about: dict[str, Mapping[str, Any]] = {name: dict(self.about.get(name, {})) for name in self.names}
        adapters = {name: self.model.adapter(number) for number, name in enumerate(self.names) if self.settings.rank}
        if self.base:
            arrays = {**self.base.arrays, **arrays}
            norms = {**self.base.norms, **(self.begun if adapters else norms)}
            about = {**self.base.about, **about}
            kept = {name: adapter for name, adapter in self.base.adapters.items() if name not in self.names}
            adapters = {**kept, **adapters}
        judge = self.judge
        palettes = self._palettes()
        return OnePass(
            self._shape, arrays, norms, about, judge.name, judge.layers, palettes=palettes, adapters=adapters
        )

    def _palettes(self) -> dict[str, np.ndarray]:
        """The palettes of all styles; none beside those of a network that has none."""
        if self.base and not self.base.palettes:
            return {}
        return {**(self.base.palettes if self.base else {}), **self.palettes}

    def diverged(self) -> bool:
        """Whether a loss since the last report is not finite, or a weight does not fit the float16 of `RESULT`."""
        weights = (variable.value.numpy() for variable in self.model.trained)
        fit = all(np.abs(weight).max() <= np.finfo(np.float16).max for weight in weights)  # NaN does not
        return not (fit and np.isfinite(self.model.sums.numpy()).all())

    def check_finite(self, step: int) -> None:
        """Stops a training that has diverged, before a report or a checkpoint of it.

        Raises:
            ArithmeticError: A loss or a weight is not finite.
        """
        if self.diverged():
            raise ArithmeticError(
                f'a loss or a weight is not finite by step {step}; begin again from the last checkpoint, in another '
                f'workdir: --init={self.workdir / RESULT} with a smaller --learning_rate or --precision=float32'
            )

    @chief_only
    def save(self, step: int) -> None:
        """Keeps a checkpoint, and the network for use."""
        self.checkpoints.save(step, self.identity, arrays_of(self.model.parts()))
        self.network().save(self.workdir / RESULT)

    def report(self, step: int) -> None:
        """Writes a row of the log and calls the callback."""
        values = self.model.means()
        rate = self.speed(step)
        self.log.add(step, {**values, 'images_per_second': rate})
        if self.callback:
            self.callback(Report(step, self.settings.steps, values, rate))

    @chief_only
    def sheet(self, step: int) -> None:
        """Saves the sample photos in the styles, a row for each photo."""
        styles, pictures = range(len(self.names))[:SAMPLE_STYLES], []
        margin = self._shape.margin
        inner = slice(margin, self.settings.image_size + margin)
        for photo in self.samples:
            wide = np.pad(photo, [(margin, margin), (margin, margin), (0, 0)], 'symmetric')
            made = (self.model.paint(tf.constant(wide[None]), tf.constant([style])) for style in styles)
            pictures += [photo, *(picture.numpy()[0, inner, inner].clip(0, 1) for picture in made)]
        folder = make_folder(self.workdir / SAMPLES)
        sheet = grid(np.stack(pictures), columns=len(styles) + 1, gap=2)
        images.save_image(folder / f'step-{step:08d}.png', sheet)

    def go(self) -> OnePass:
        """Trains to the last step; Ctrl-C keeps what there is."""
        settings, begun = self.settings, self.step
        self._write_settings()
        left = settings.steps - begun
        if begun == 0:
            self.save(0)
        if left > 0:
            batches = self.devices.batches(
                self.data, settings.batch_size, steps=left, parts=1, seed=settings.seed, first_step=begun
            )
            works = [
                Periodic(settings.log_every, self.report, at_end=True),
                Periodic(settings.sample_every, self.sheet, at_end=True),
                Periodic(settings.checkpoint_every, self.save, at_end=True),
            ]
            self.speed.start(begun)
            schedule = Schedule(works, self.check_finite, settings.steps)
            callbacks = Callbacks([Interrupts(), schedule], self.model, left)
            try:
                self.model.fit(batches, steps_per_epoch=left, epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
            except KeyboardInterrupt:
                if not self.diverged():
                    self.save(self.step)
                raise
        return self.network()

    @chief_only
    def _write_settings(self) -> None:
        """Writes `settings.json`: how the run can be made again."""
        record = {
            'program': 'stylegen.style train',
            'version': __version__,
            'settings': self.identity,
            'data': self.data.manifest,
            'packages': versions(),
            'machine': machine(),
        }
        with atomic_write(self.workdir / SETTINGS) as beside:
            beside.write_text(json.dumps(as_json(record), indent=2) + '\n', encoding='utf-8')


_FREE = ('log_every', 'sample_every', 'checkpoint_every', 'keep', 'tensorboard', 'max_memory', 'jit', 'distribute')


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    """The sha256 of the names and the values of arrays."""
    hasher = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        hasher.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return hasher.hexdigest()


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture whose longest side is `side` at most."""
    longest = max(picture.shape[:2])
    return picture if longest <= side else images.resize(picture, images.fit(picture.shape, side)).clip(0, 1)


def _square(picture: np.ndarray, side: int) -> np.ndarray:
    """The middle of a picture, a square of this side."""
    least = min(picture.shape[:2])
    top, left = ((extent - least) // 2 for extent in picture.shape[:2])
    return images.resize(picture[top : top + least, left : left + least], (side, side)).clip(0, 1)
