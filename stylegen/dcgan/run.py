"""One run in its workdir: it trains the model, saves checkpoints, samples and logs, and checks for problems."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen import images
from stylegen.dcgan.gan import METRICS
from stylegen.dcgan.history import FILM, QUALITY, SAMPLES, SETTINGS, data_of
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.monitor import FEATURES, Problem, QualityMonitor
from stylegen.dcgan.overfitting import OverfittingMonitor
from stylegen.dcgan.plan import Plan, compared
from stylegen.dcgan.settings import PROGRAM, TrainSettings
from stylegen.images.animation import save_animation
from stylegen.images.sheets import grid
from stylegen.runs.records import machine, versions
from stylegen.training.callbacks import Callbacks, Events, Interrupts, Log, NullLog, Periodic, Report, Schedule, Speed
from stylegen.training.checkpoints import Checkpoints, arrays_of, assign
from stylegen.training.distribution import Devices
from stylegen.training.sharing import chief_only
from stylegen.utils.backend import tf, use_xla
from stylegen.utils.differences import DescribedValue
from stylegen.utils.files import as_json, atomic_write, make_folder
from stylegen.utils.version import __version__

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet

RETRIES = 3  # times that a run halves the learning rate before it ends
COLUMNS = (*METRICS, 'learning_rate', 'images_per_second')
AUGMENTED = 'augmented'  # column with the probability of an augmentation, where that is adapted
QUALITY_COLUMNS = (f'fid_{FEATURES}', 'best')
NOT_FINITE = 'not finite'
DIVERSITY_COUNT = 64  # pictures that the check for a collapse draws
FILM_FRAMES = 200
SETTLING = 2048  # latents for the batch statistics of the averaged generator; their seeds begin at 2**31


class Training:
    """One run in its workdir: the model, its checkpoints, logs and samples. See `train`."""

    def __init__(
        self,
        data: 'ImageSet',
        plan: Plan,
        workdir: Path,
        settings: TrainSettings,
        callback: Callable[[Report], None] | None,
        warn: Callable[[str], None],
        devices: Devices | None = None,
        held_out: 'ImageSet | None' = None,
    ):
        self.data, self.plan, self.workdir = data, plan, workdir
        self.settings, self.callback, self.warn = settings, callback, warn
        self.devices = devices or Devices()
        self.identity = as_json(identity(data, plan))
        self.checkpoints = Checkpoints(workdir, settings.keep)
        kept = self._kept()
        with self.devices.scope():
            self.gan = plan.build(synchronized=self.devices.replicas > 1)
        if kept is not None:
            assign(self.gan.parts(), kept)
        self.devices.copy_from_chief(self.variables)
        chief = self.devices.chief
        self.events = Events(workdir) if chief else NullLog()
        columns = COLUMNS if self.gan.adapted is None else (*COLUMNS, AUGMENTED)
        self.log = Log(workdir, columns, self.step, settings.tensorboard) if chief else NullLog()
        self.quality = Log(workdir, QUALITY_COLUMNS, self.step, name=QUALITY) if chief else NullLog()
        self.speed = Speed(plan.batch_size * self.gan.d_steps)
        self.latents = latents(range(settings.samples), self.gan.latent_dim)
        self.settling = latents(range(2**31, 2**31 + SETTLING), self.gan.latent_dim)
        self.settled = -1  # the step of the last `settle`
        self.monitor = QualityMonitor(data, settings.pictures, plan.training['loss'])
        self.overfitting = OverfittingMonitor(data, held_out, workdir, self.step) if held_out and chief else None
        self.problem: Problem | None = None  # the reason why the fit was stopped

    @property
    def step(self) -> int:
        """The number of steps that are done."""
        return int(self.gan.steps.numpy())

    @property
    def variables(self) -> list:
        """All variables that a checkpoint keeps."""
        return [variable for part in self.gan.parts().values() for variable in part]

    @chief_only
    def _kept(self) -> dict[str, np.ndarray] | None:
        make_folder(self.workdir)
        return self.checkpoints.resume(self.identity, self._compared)

    def _compared(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the settings of a run for a comparison, with the data in words."""
        digest = settings.get('data')
        known = self.data.manifest if digest == self.data.manifest['sha256'] else data_of(self.workdir, digest)
        words = f'{known["count"]} pictures of {known["source"]}' if {'count', 'source'} <= set(known) else 'others'
        return compared(settings) | {'data': DescribedValue(digest, words)}

    @chief_only
    def save(self, step: int) -> None:
        """Writes a checkpoint."""
        self.settle()
        self.checkpoints.save(step, self.identity, arrays_of(self.gan.parts()))

    def settle(self) -> None:
        """Computes the batch statistics of the averaged generator. The result depends on the step only."""
        if self.settled != self.step:
            self.gan.settle(self.settling)
            self.settled = self.step

    def report(self, step: int, steps: int) -> None:
        """Writes a row of the log and calls the callback."""
        values = self.gan.means()
        values |= {
            'learning_rate': float(self.gan.g_optimizer.learning_rate.numpy()),
            'images_per_second': self.speed(step),
        }
        if self.gan.adapted is not None:
            values[AUGMENTED] = float(self.gan.adapted.numpy()[0])
        self.log.add(step, values)
        if self.callback:
            self.callback(Report(step, steps, values, values['images_per_second']))
        self.alarm(step, self.monitor.check_discriminator(step, values['d_loss']))

    @chief_only
    def sheet(self, step: int) -> None:
        """Writes the grid of the fixed latents."""
        folder = make_folder(self.workdir / SAMPLES)
        pictures = self.pictures(self.latents)
        images.save_image(folder / f'step-{step:08d}.png', grid(pictures, gap=2))

    def pictures(self, given: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """Draws latents with the sampler, float32 (N, H, W, C) in [0, 1]; the labels are 0, 1, 2, ... in turn."""
        self.settle()
        classes = len(self.plan.classes)
        parts = []
        for start in range(0, len(given), batch_size):
            z = tf.constant(given[start : start + batch_size])
            labels = (start + np.arange(len(z))) % classes if classes else None
            parts.append(self.gan([z, tf.constant(labels, tf.int32)] if classes else z).numpy())
        return np.clip((np.concatenate(parts) + 1) / 2, 0, 1)

    def check_finite(self, step: int) -> None:
        """Stops the fit where a value was not finite at a step up to this one; the model stores the first one."""
        bad, index = (int(value) for value in self.gan.bad.numpy())
        if bad >= 0:
            self.stop(Problem(NOT_FINITE, f'{self.gan.checked[index]} is not finite at step {bad + 1}', bad))

    def diversity(self, step: int) -> None:
        """Checks whether the generator has collapsed."""
        problem = None
        if self.devices.chief:
            pictures = self.pictures(latents(range(DIVERSITY_COUNT), self.gan.latent_dim))
            _, problem = self.monitor.check_generator(step, pictures)
            known = self.overfitting and self.overfitting.check(step, self.gan, pictures)
            if known:  # a warning only: the best checkpoint is kept
                self.events.add(known.event, step, text=known.text, action='warn')
                self.warn(known.text)
        shared = self.devices.broadcast(problem and [problem.event, problem.text, problem.last_good_step])
        self.alarm(step, shared and Problem(*shared))

    @chief_only
    def evaluate(self, step: int) -> None:
        """Measures the generator, and saves it if it is the best so far."""
        distance = self.monitor.distance(self.pictures(latents(range(self.settings.pictures), self.gan.latent_dim)))
        best = self.checkpoints.save_best(self.identity, arrays_of(self.gan.parts()), distance)
        self.quality.add(step, {f'fid_{FEATURES}': distance, 'best': best})

    def alarm(self, step: int, problem: Problem | None) -> None:
        """Records a problem. It warns, or stops the fit, as `on_collapse` says."""
        if problem is None:
            return
        self.events.add(problem.event, step, text=problem.text, action=self.settings.on_collapse)
        if self.settings.on_collapse == 'warn':
            self.warn(f'{problem.text}; --on_collapse=rollback would go back to step {problem.last_good_step}')
        else:
            self.stop(problem)

    def stop(self, problem: Problem) -> None:
        """Ends the fit because of a problem."""
        self.problem = problem
        self.gan.stop_training = True

    def recover(self, problem: Problem) -> None:
        """Goes back to a checkpoint from before the problem and halves the learning rate.

        Raises:
            ArithmeticError: It was halved `RETRIES` times already, or `on_collapse` is 'stop'.
        """
        if problem.event != NOT_FINITE and self.settings.on_collapse == 'stop':
            self.save(self.step)
            raise ArithmeticError(f'{problem.text}; step {self.step} is kept in {self.workdir} (--on_collapse=stop)')
        at, reason = self.step, problem.text
        self._go_back(problem.last_good_step)
        self.settled = -1
        self.devices.copy_from_chief(self.variables)
        scale = float(self.gan.rate_scale.numpy()) / 2
        if scale < 0.5**RETRIES:
            self.events.add('given up', at, reason=reason)
            raise ArithmeticError(
                f'{reason}, after the learning rate was halved {RETRIES} times; step {self.step} is kept in '
                f'{self.workdir}; try a smaller --learning_rate'
            )
        self.gan.rate_scale.assign(scale)
        self.monitor.reset()
        if self.overfitting:
            self.overfitting.back_to(self.step)
        for log in (self.log, self.quality):
            log.remove_after(self.step)
        self._discard_later_checkpoints()
        self.save(self.step)  # a run that is killed now then continues in the same way
        self.events.add('rollback', at, reason=reason, to=self.step, rate_scale=scale)
        self.warn(f'{reason}; back to step {self.step} with {scale:g} of the learning rate')

    @chief_only
    def _go_back(self, last_good_step: int) -> None:
        """Loads the last checkpoint up to a step, or else the first one."""
        steps = self.checkpoints.steps()
        _, arrays = self.checkpoints.load(max((step for step in steps if step <= last_good_step), default=steps[0]))
        assign(self.gan.parts(), arrays)

    @chief_only
    def _discard_later_checkpoints(self) -> None:
        """Removes the checkpoints of later steps."""
        self.checkpoints.discard_after(self.step)

    def run(self) -> None:
        """Trains until all steps are done."""
        settings, steps = self.settings, self.settings.steps
        self.gan.compile(
            optimizer=self.gan.g_optimizer,
            jit_compile=self.devices.replicas == 1 and use_xla(settings.jit),  # XLA compiles for one device
            steps_per_execution=settings.steps_per_execution,
        )
        size = self.plan.batch_size * self.gan.d_steps
        while self.step < steps:
            self.problem = None
            self.speed.start(self.step)
            self.gan.means()  # resets the sums
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
            callbacks = Callbacks([Interrupts(), Schedule(works, self.check_finite, steps)], self.gan, left)
            self.gan.fit(batches, steps_per_epoch=left, epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
            if self.problem:
                self.recover(self.problem)

    @chief_only
    def film(self) -> Path | None:
        """Writes the grids as the animation `training.gif` and returns its path."""
        sheets = sorted((self.workdir / SAMPLES).glob('step-*.png'))
        if len(sheets) < 2:
            return None
        chosen = sorted({round(i) for i in np.linspace(0, len(sheets) - 1, FILM_FRAMES)})
        frames = (images.load_image(sheets[i]) for i in chosen)
        return save_animation(self.workdir / FILM, frames, fps=10)

    @chief_only
    def write_settings(self) -> None:
        """Writes `settings.json`, from which the run can be repeated."""
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
        with atomic_write(self.workdir / SETTINGS) as beside:
            beside.write_text(json.dumps(as_json(record), indent=2) + '\n', encoding='utf-8')


def identity(data: 'ImageSet', plan: Plan) -> dict[str, Any]:
    """Returns the settings and the data that must be the same for a run to go on."""
    manifest = {'data': data.manifest['sha256'], 'resize': data.manifest.get('resize')}
    return {**plan.as_settings(), **manifest}
