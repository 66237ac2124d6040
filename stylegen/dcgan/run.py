"""One run in its workdir: what is trained, kept, watched and written on the way."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import stylegen
from stylegen import images
from stylegen.animation import save_animation
from stylegen.backend import tf, use_xla
from stylegen.checkpoints import Checkpoints, arrays_of, assign
from stylegen.dcgan.gan import METRICS
from stylegen.dcgan.latents import latents
from stylegen.dcgan.plan import Plan
from stylegen.dcgan.train import PROGRAM, Every
from stylegen.files import plain, replacing
from stylegen.records import versions
from stylegen.sheets import grid
from stylegen.training import Events, Interrupts, Log, Periodic, Report, Speed, make_folder

if TYPE_CHECKING:
    from stylegen.data import ImageSet

SETTINGS, SAMPLES = 'settings.json', 'samples'
RETRIES = 3  # times that the learning rate is halved before a run is given up
COLUMNS = (*METRICS, 'learning_rate', 'images_per_second')
FILM_FRAMES = 200


class Training:
    """One run in its workdir: the model, its checkpoints, and what is written on the way. See `train`."""

    def __init__(self, data, plan: Plan, workdir: Path, *, keep: int, samples: int, tensorboard: bool, callback, warn):
        self.data, self.plan, self.workdir = data, plan, make_folder(workdir)
        self.callback, self.warn = callback, warn
        self.settings = plain(identity(data, plan))
        self.checkpoints = Checkpoints(workdir, keep)
        kept = self.checkpoints.resume(self.settings)
        self.gan = plan.build()
        if kept is not None:
            assign(self.gan.parts(), kept)
        self.first = self.step
        self.events = Events(workdir)
        self.log = Log(workdir, COLUMNS, self.step, tensorboard)
        self.speed = Speed(plan.batch_size * self.gan.d_steps)
        self.latents = latents(range(samples), self.gan.latent_dim)
        self.back: str | None = None  # why the run is to go back to an earlier state

    @property
    def step(self) -> int:
        """Steps that have been made."""
        return int(self.gan.steps)

    def save(self, step: int) -> None:
        """A checkpoint."""
        self.checkpoints.save(step, self.settings, arrays_of(self.gan.parts()))

    def report(self, step: int, steps: int) -> None:
        """A row of the log, and the callback."""
        values = {name: float(mean.result()) for name, mean in self.gan.means.items()}
        values |= {'learning_rate': float(self.gan.g_optimizer.learning_rate), 'images_per_second': self.speed(step)}
        for mean in self.gan.means.values():
            mean.reset_state()
        self.log.add(step, values)
        if self.callback:
            self.callback(Report(step, steps, values, values['images_per_second']))

    def sheet(self, step: int) -> None:
        """The grid of the fixed latents."""
        folder = make_folder(self.workdir / SAMPLES)
        pictures = self.pictures(self.latents)
        images.save_image(folder / f'step-{step:08d}.png', grid(pictures, gap=2))

    def pictures(self, given: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """What the sampler makes of latents, float32 (N, H, W, C) in [0, 1]; labels go round."""
        classes = len(self.plan.classes)
        parts = []
        for start in range(0, len(given), batch_size):
            z = tf.constant(given[start : start + batch_size])
            labels = (start + np.arange(len(z))) % classes if classes else None
            parts.append(self.gan([z, tf.constant(labels, tf.int32)] if classes else z).numpy())
        return np.clip((np.concatenate(parts) + 1) / 2, 0, 1)

    def watch(self, step: int) -> None:
        """Stops the fit where something is not finite."""
        bad, index = (int(value) for value in self.gan.bad.numpy())
        if bad >= 0:
            self.back = f'{self.gan.checked[index]} is not finite at step {bad + 1}'
            self.gan.stop_training = True

    def go_back(self, reason: str) -> None:
        """Loads the last checkpoint and halves the learning rate.

        Raises:
            ArithmeticError: That has been done `RETRIES` times already.
        """
        at = self.step
        _, arrays = self.checkpoints.load()
        assign(self.gan.parts(), arrays)
        scale = float(self.gan.rate_scale) / 2
        if scale < 0.5**RETRIES:
            self.events.add('given up', at, reason=reason)
            raise ArithmeticError(
                f'{reason}, after the learning rate was halved {RETRIES} times; step {self.step} is kept in '
                f'{self.workdir}; try a smaller --learning_rate'
            )
        self.gan.rate_scale.assign(scale)
        self.log.back_to(self.step)
        self.save(self.step)  # so that a run that is killed now goes on in the same way
        self.events.add('rollback', at, reason=reason, to=self.step, rate_scale=scale)
        self.warn(f'{reason}; back to step {self.step} with {scale:g} of the learning rate')

    def run(self, steps: int, every: 'Every', steps_per_execution: int, jit: str, more=()) -> None:
        """Trains until the model has made so many steps."""
        self.gan.compile(
            optimizer=self.gan.g_optimizer, jit_compile=use_xla(jit), steps_per_execution=steps_per_execution
        )
        size, last = self.plan.batch_size * self.gan.d_steps, steps
        while self.step < steps:
            self.back = None
            self.speed.start(self.step)
            for mean in self.gan.means.values():
                mean.reset_state()
            batches = self.data.batches(size, seed=self.plan.training['seed'], first_step=self.step)
            callbacks = [
                Interrupts(),
                Periodic(1, self.watch),
                *more,
                Periodic(every.log, lambda step: self.report(step, steps), last),
                Periodic(every.sample, self.sheet, last),
                Periodic(every.checkpoint, self.save, last),
            ]
            self.gan.fit(batches.take(steps - self.step), epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
            if self.back:
                self.go_back(self.back)

    def film(self) -> Path | None:
        """The grids one after the other, as `training.gif`."""
        sheets = sorted((self.workdir / SAMPLES).glob('step-*.png'))
        if len(sheets) < 2:
            return None
        chosen = sorted({round(i) for i in np.linspace(0, len(sheets) - 1, FILM_FRAMES)})
        frames = (images.load_image(sheets[i]) for i in chosen)
        return save_animation(self.workdir / 'training.gif', frames, fps=10)

    def write_settings(self) -> None:
        """`settings.json`: how the run can be made again."""
        record = {
            'program': PROGRAM,
            'version': stylegen.__version__,
            'settings': self.settings,
            'data': self.data.manifest,
            'packages': versions(),
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
