"""One run in its workdir: what is trained, kept, watched and written on the way."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images
from stylegen.dcgan.gan import METRICS
from stylegen.dcgan.history import FILM, QUALITY, SAMPLES, SETTINGS, data_of
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.plan import Plan, compared
from stylegen.dcgan.settings import PROGRAM, TrainSettings
from stylegen.dcgan.watch import FEATURES, Judge, Trouble
from stylegen.images.animation import save_animation
from stylegen.images.sheets import grid
from stylegen.runs.records import machine, versions
from stylegen.training.callbacks import Callbacks, Events, Interrupts, Log, Periodic, Report, Schedule, Speed, Unwritten
from stylegen.training.checkpoints import Checkpoints, arrays_of, assign
from stylegen.training.distribution import Devices
from stylegen.utils.backend import tf, use_xla
from stylegen.utils.differences import InWords
from stylegen.utils.files import make_folder, plain, replacing
from stylegen.utils.version import __version__

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet

RETRIES = 3  # times that the learning rate is halved before a run is given up
COLUMNS = (*METRICS, 'learning_rate', 'images_per_second')
QUALITY_COLUMNS = (f'fid_{FEATURES}', 'best')
NOT_FINITE = 'not finite'
LOOKED_AT = 64  # pictures whose diversity is looked at
FILM_FRAMES = 200
SETTLING = 2048  # latents whose maps give the averaged generator its statistics; their seeds are from 2**31 on


def chiefly(work: Callable[..., Any]) -> Callable[..., Any]:
    """A method that one process of a cluster does for all: only the chief touches the workdir."""

    @wraps(work)
    def done(self: 'Training', *args: Any) -> Any:
        return work(self, *args) if self.devices.chief else None

    return done


class Training:
    """One run in its workdir: the model, its checkpoints, and what is written on the way. See `train`."""

    def __init__(
        self,
        data: 'ImageSet',
        plan: Plan,
        workdir: Path,
        settings: TrainSettings,
        callback: Callable[[Report], None] | None,
        warn: Callable[[str], None],
        devices: Devices | None = None,
    ):
        self.data, self.plan, self.workdir = data, plan, workdir
        self.settings, self.callback, self.warn = settings, callback, warn
        self.devices = devices or Devices()
        self.identity = plain(identity(data, plan))
        self.checkpoints = Checkpoints(workdir, settings.keep)
        kept = self._kept()
        with self.devices.scope():
            self.gan = plan.build(synchronized=self.devices.replicas > 1)
        if kept is not None:
            assign(self.gan.parts(), kept)
        self.devices.follow(self.variables)
        chief = self.devices.chief
        self.events = Events(workdir) if chief else Unwritten()
        self.log = Log(workdir, COLUMNS, self.step, settings.tensorboard) if chief else Unwritten()
        self.quality = Log(workdir, QUALITY_COLUMNS, self.step, name=QUALITY) if chief else Unwritten()
        self.speed = Speed(plan.batch_size * self.gan.d_steps)
        self.latents = latents(range(settings.samples), self.gan.latent_dim)
        self.settling = latents(range(2**31, 2**31 + SETTLING), self.gan.latent_dim)
        self.settled = -1  # the step
        self.judge = Judge(data, settings.pictures, plan.training['loss'])
        self.trouble: Trouble | None = None  # why the fit was stopped

    @property
    def step(self) -> int:
        """Steps that have been made."""
        return int(self.gan.steps.numpy())

    @property
    def variables(self) -> list:
        """All that a checkpoint keeps."""
        return [variable for part in self.gan.parts().values() for variable in part]

    @chiefly
    def _kept(self) -> dict[str, np.ndarray] | None:
        make_folder(self.workdir)
        return self.checkpoints.resume(self.identity, self._compared)

    def _compared(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of this run, or of the one that the workdir keeps, with the pictures in words."""
        digest = settings.get('data')
        known = self.data.manifest if digest == self.data.manifest['sha256'] else data_of(self.workdir, digest)
        words = f'{known["count"]} pictures of {known["source"]}' if {'count', 'source'} <= set(known) else 'others'
        return compared(settings) | {'data': InWords(digest, words)}

    @chiefly
    def save(self, step: int) -> None:
        """A checkpoint."""
        self.settle()
        self.checkpoints.save(step, self.identity, arrays_of(self.gan.parts()))

    def settle(self) -> None:
        """Makes the averaged generator fit to be drawn with; at any step the same, whenever it was done before."""
        if self.settled != self.step:
            self.gan.settle(self.settling)
            self.settled = self.step

    def report(self, step: int, steps: int) -> None:
        """A row of the log, and the callback."""
        values = self.gan.means()
        values |= {
            'learning_rate': float(self.gan.g_optimizer.learning_rate.numpy()),
            'images_per_second': self.speed(step),
        }
        self.log.add(step, values)
        if self.callback:
            self.callback(Report(step, steps, values, values['images_per_second']))
        self.alarm(step, self.judge.discriminator(step, values['d_loss']))

    @chiefly
    def sheet(self, step: int) -> None:
        """The grid of the fixed latents."""
        folder = make_folder(self.workdir / SAMPLES)
        pictures = self.pictures(self.latents)
        images.save_image(folder / f'step-{step:08d}.png', grid(pictures, gap=2))

    def pictures(self, given: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """What the sampler makes of latents, float32 (N, H, W, C) in [0, 1]; labels go round."""
        self.settle()
        classes = len(self.plan.classes)
        parts = []
        for start in range(0, len(given), batch_size):
            z = tf.constant(given[start : start + batch_size])
            labels = (start + np.arange(len(z))) % classes if classes else None
            parts.append(self.gan([z, tf.constant(labels, tf.int32)] if classes else z).numpy())
        return np.clip((np.concatenate(parts) + 1) / 2, 0, 1)

    def watch(self, step: int) -> None:
        """Stops the fit where something was not finite at a step up to this one; the model has kept which."""
        bad, index = (int(value) for value in self.gan.bad.numpy())
        if bad >= 0:
            self.stop(Trouble(NOT_FINITE, f'{self.gan.checked[index]} is not finite at step {bad + 1}', bad))

    def diversity(self, step: int) -> None:
        """Looks whether the generator has collapsed."""
        trouble = None
        if self.devices.chief:
            _, trouble = self.judge.generator(step, self.pictures(latents(range(LOOKED_AT), self.gan.latent_dim)))
        told = self.devices.told(trouble and [trouble.event, trouble.text, trouble.fine])
        self.alarm(step, told and Trouble(*told))

    @chiefly
    def evaluate(self, step: int) -> None:
        """Measures the generator, and keeps it if it is the best."""
        distance = self.judge.distance(self.pictures(latents(range(self.settings.pictures), self.gan.latent_dim)))
        best = self.checkpoints.save_best(self.identity, arrays_of(self.gan.parts()), distance)
        self.quality.add(step, {f'fid_{FEATURES}': distance, 'best': best})

    def alarm(self, step: int, trouble: Trouble | None) -> None:
        """Tells of it, and stops the fit unless telling is all that was asked for."""
        if trouble is None:
            return
        self.events.add(trouble.event, step, text=trouble.text, action=self.settings.on_collapse)
        if self.settings.on_collapse == 'warn':
            self.warn(f'{trouble.text}; --on_collapse=rollback would go back to step {trouble.fine}')
        else:
            self.stop(trouble)

    def stop(self, trouble: Trouble) -> None:
        """Ends the fit because of this."""
        self.trouble = trouble
        self.gan.stop_training = True

    def mend(self, trouble: Trouble) -> None:
        """Goes back to a checkpoint from before the trouble, with half the learning rate.

        Raises:
            ArithmeticError: That has been done `RETRIES` times already, or is not wanted.
        """
        if trouble.event != NOT_FINITE and self.settings.on_collapse == 'stop':
            self.save(self.step)
            raise ArithmeticError(f'{trouble.text}; step {self.step} is kept in {self.workdir} (--on_collapse=stop)')
        at, reason = self.step, trouble.text
        self._go_back(trouble.fine)
        self.settled = -1
        self.devices.follow(self.variables)
        scale = float(self.gan.rate_scale.numpy()) / 2
        if scale < 0.5**RETRIES:
            self.events.add('given up', at, reason=reason)
            raise ArithmeticError(
                f'{reason}, after the learning rate was halved {RETRIES} times; step {self.step} is kept in '
                f'{self.workdir}; try a smaller --learning_rate'
            )
        self.gan.rate_scale.assign(scale)
        self.judge.quiet()
        for log in (self.log, self.quality):
            log.back_to(self.step)
        self._forget()
        self.save(self.step)  # so that a run that is killed now goes on in the same way
        self.events.add('rollback', at, reason=reason, to=self.step, rate_scale=scale)
        self.warn(f'{reason}; back to step {self.step} with {scale:g} of the learning rate')

    @chiefly
    def _go_back(self, fine: int) -> None:
        """To the last checkpoint up to this step, or to the first."""
        steps = self.checkpoints.steps()
        _, arrays = self.checkpoints.load(max((step for step in steps if step <= fine), default=steps[0]))
        assign(self.gan.parts(), arrays)

    @chiefly
    def _forget(self) -> None:
        """The checkpoints of later steps."""
        self.checkpoints.discard_after(self.step)

    def run(self) -> None:
        """Trains until the model has made all its steps."""
        settings, steps = self.settings, self.settings.steps
        self.gan.compile(
            optimizer=self.gan.g_optimizer,
            jit_compile=self.devices.replicas == 1 and use_xla(settings.jit),  # XLA compiles for one device
            steps_per_execution=settings.steps_per_execution,
        )
        size = self.plan.batch_size * self.gan.d_steps
        while self.step < steps:
            self.trouble = None
            self.speed.start(self.step)
            self.gan.means()  # what is left of them from before
            left = steps - self.step
            batches = self.devices.batches(
                self.data, size, steps=left, parts=self.gan.d_steps, seed=self.plan.training['seed'],
                first_step=self.step,
            )  # fmt: skip
            works = [
                Periodic(settings.log_every, lambda step: self.report(step, steps), at_end=True),
                Periodic(settings.sample_every, self.sheet, at_end=True),
                Periodic(settings.collapse_every, self.diversity),
                Periodic(settings.evaluate_every, self.evaluate, at_end=True),
                Periodic(settings.checkpoint_every, self.save, at_end=True),
            ]
            callbacks = Callbacks([Interrupts(), Schedule(works, self.watch, steps)], self.gan, left)
            self.gan.fit(batches, steps_per_epoch=left, epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
            if self.trouble:
                self.mend(self.trouble)

    @chiefly
    def film(self) -> Path | None:
        """The grids one after the other, as `training.gif`."""
        sheets = sorted((self.workdir / SAMPLES).glob('step-*.png'))
        if len(sheets) < 2:
            return None
        chosen = sorted({round(i) for i in np.linspace(0, len(sheets) - 1, FILM_FRAMES)})
        frames = (images.load_image(sheets[i]) for i in chosen)
        return save_animation(self.workdir / FILM, frames, fps=10)

    @chiefly
    def write_settings(self) -> None:
        """`settings.json`: how the run can be made again."""
        record = {
            'program': PROGRAM,
            'version': __version__,
            'settings': self.identity,
            'data': self.data.manifest,
            'packages': versions(),
            'machine': machine(),
            'parameters': {
                part.name: sum(int(np.prod(v.shape)) for v in part.trainable_variables)
                for part in (self.gan.generator, self.gan.discriminator)
            },
        }
        with replacing(self.workdir / SETTINGS) as beside:
            beside.write_text(json.dumps(plain(record), indent=2) + '\n', encoding='utf-8')


def identity(data: 'ImageSet', plan: Plan) -> dict[str, Any]:
    """What must be the same for a run to go on."""
    manifest = {'data': data.manifest['sha256'], 'resize': data.manifest.get('resize')}
    return {**plan.as_settings(), **manifest}
