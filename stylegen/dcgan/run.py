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
from stylegen.dcgan.train import PROGRAM, Care
from stylegen.dcgan.watch import FEATURES, Judge, Trouble
from stylegen.files import plain, replacing
from stylegen.records import machine, versions
from stylegen.sheets import grid
from stylegen.training import Events, Interrupts, Log, Periodic, Report, Speed, make_folder

if TYPE_CHECKING:
    from stylegen.data import ImageSet

SETTINGS, SAMPLES = 'settings.json', 'samples'
RETRIES = 3  # times that the learning rate is halved before a run is given up
COLUMNS = (*METRICS, 'learning_rate', 'images_per_second')
QUALITY, QUALITY_COLUMNS = 'quality.csv', (f'fid_{FEATURES}', 'best')
NOT_FINITE = 'not finite'
LOOKED_AT = 64  # pictures whose diversity is looked at
FILM_FRAMES = 200


class Training:
    """One run in its workdir: the model, its checkpoints, and what is written on the way. See `train`."""

    def __init__(self, data: 'ImageSet', plan: Plan, workdir: Path, care: Care, callback, warn):
        self.data, self.plan, self.workdir = data, plan, make_folder(workdir)
        self.care, self.callback, self.warn = care, callback, warn
        self.settings = plain(identity(data, plan))
        self.checkpoints = Checkpoints(workdir, care.keep)
        kept = self.checkpoints.resume(self.settings)
        self.gan = plan.build()
        if kept is not None:
            assign(self.gan.parts(), kept)
        self.first = self.step
        self.events = Events(workdir)
        self.log = Log(workdir, COLUMNS, self.step, care.tensorboard)
        self.speed = Speed(plan.batch_size * self.gan.d_steps)
        self.latents = latents(range(care.samples), self.gan.latent_dim)
        self.quality = Log(workdir, QUALITY_COLUMNS, self.step, name=QUALITY)
        self.judge = Judge(data, care.pictures, plan.training['loss'])
        self.trouble: Trouble | None = None  # why the fit was stopped

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
        self.alarm(step, self.judge.discriminator(step, values['d_loss']))

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
            self.stop(Trouble(NOT_FINITE, f'{self.gan.checked[index]} is not finite at step {bad + 1}', step))

    def diversity(self, step: int) -> None:
        """Looks whether the generator has collapsed."""
        _, trouble = self.judge.generator(step, self.pictures(latents(range(LOOKED_AT), self.gan.latent_dim)))
        self.alarm(step, trouble)

    def evaluate(self, step: int) -> None:
        """Measures the generator, and keeps it if it is the best."""
        distance = self.judge.distance(self.pictures(latents(range(self.care.pictures), self.gan.latent_dim)))
        best = self.checkpoints.save_best(self.settings, arrays_of(self.gan.parts()), distance)
        self.quality.add(step, {f'fid_{FEATURES}': distance, 'best': best})

    def alarm(self, step: int, trouble: Trouble | None) -> None:
        """Tells of it, and stops the fit unless telling is all that was asked for."""
        if trouble is None:
            return
        self.events.add(trouble.event, step, text=trouble.text, action=self.care.on_collapse)
        if self.care.on_collapse == 'warn':
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
        if trouble.event != NOT_FINITE and self.care.on_collapse == 'stop':
            self.save(self.step)
            raise ArithmeticError(f'{trouble.text}; step {self.step} is kept in {self.workdir} (--on_collapse=stop)')
        at, reason, steps = self.step, trouble.text, self.checkpoints.steps()
        before = max((step for step in steps if step <= trouble.fine), default=steps[0])
        _, arrays = self.checkpoints.load(before)
        assign(self.gan.parts(), arrays)
        scale = float(self.gan.rate_scale) / 2
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
        self.checkpoints.discard_after(self.step)
        self.save(self.step)  # so that a run that is killed now goes on in the same way
        self.events.add('rollback', at, reason=reason, to=self.step, rate_scale=scale)
        self.warn(f'{reason}; back to step {self.step} with {scale:g} of the learning rate')

    def run(self, steps: int, steps_per_execution: int, jit: str) -> None:
        """Trains until the model has made so many steps."""
        self.gan.compile(
            optimizer=self.gan.g_optimizer, jit_compile=use_xla(jit), steps_per_execution=steps_per_execution
        )
        care, size, last = self.care, self.plan.batch_size * self.gan.d_steps, steps
        while self.step < steps:
            self.trouble = None
            self.speed.start(self.step)
            for mean in self.gan.means.values():
                mean.reset_state()
            batches = self.data.batches(size, seed=self.plan.training['seed'], first_step=self.step)
            callbacks = [
                Interrupts(),
                Periodic(1, self.watch),
                Periodic(care.log_every, lambda step: self.report(step, steps), last),
                Periodic(care.sample_every, self.sheet, last),
                Periodic(care.collapse_every, self.diversity),
                Periodic(care.evaluate_every, self.evaluate, last),
                Periodic(care.checkpoint_every, self.save, last),
            ]
            self.gan.fit(batches.take(steps - self.step), epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
            if self.trouble:
                self.mend(self.trouble)

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
