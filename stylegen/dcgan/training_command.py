"""`python -m stylegen.dcgan train`: its flags, and what it does with them."""

from typing import TYPE_CHECKING, Any

from absl.flags import FlagValues

from stylegen.dcgan import choices
from stylegen.dcgan.plan import OPTIONS, idle_options, make_plan
from stylegen.dcgan.presets import PRESETS, preset
from stylegen.dcgan.sizes import parse_size
from stylegen.dcgan.training import train
from stylegen.runs import cli
from stylegen.training.distribution import DISTRIBUTIONS, WorkerLost, begin_again, read_cluster
from stylegen.utils.console import Console

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet
    from stylegen.training.callbacks import Report

DEFAULT_DATA, FALLBACK = 'cifar10', 'shapes'
DEFAULT_WORKDIR = 'dcgan'
CHANNELS = ('1', '3')
SETTINGS = (
    'preset', 'steps', 'seed', 'conditional', 'log_every', 'sample_every', 'checkpoint_every', 'collapse_every',
    'on_collapse', 'evaluate_every', 'pictures', 'keep', 'samples', 'steps_per_execution', 'jit', 'precision',
    'distribute', 'deterministic', 'tensorboard',
)  # fmt: skip


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Trains a DCGAN; the same command again goes on where it was left.', train)
    flags.words('data')
    flags.group('Images')
    flags.path(
        'data',
        'a folder, .zip, .tar or .npz; cifar10, cifar100, mnist, fashion_mnist; or shapes, drawn here without end. '
        f'By default {DEFAULT_DATA} where it can be had, else {FALLBACK}',
        default=None,
    )
    flags.string('image_size', "N or HxW; by default the preset's", default=None)
    flags.choice('channels', "1: grey, 3: colour; by default the preset's", CHANNELS, default=None)
    flags.switch('conditional', 'tell the networks the classes')
    flags.switch('flip', 'mirror half of the images', default=None)
    flags.group('Networks')
    flags.choice('preset', 'whose networks and settings', PRESETS)
    usual = {'default': None}
    flags.integer('latent_dim', "length of a latent vector; this and what follows is by default the preset's",
                  lower_bound=1, **usual)  # fmt: skip
    flags.integer('g_width', "channels of the generator's finest level", lower_bound=1, **usual)
    flags.integer('d_width', "channels of the discriminator's finest level", lower_bound=1, **usual)
    flags.choice('d_norm', "the discriminator's normalisation", choices.NORMS, **usual)
    flags.choice('upsampling', 'how the generator doubles the sides', choices.UPSAMPLINGS, **usual)
    flags.group('Training')
    flags.integer('steps', 'generator steps in all', lower_bound=0)
    flags.integer('batch_size', 'images of a step', lower_bound=1, **usual)
    flags.choice('loss', 'what the networks minimise', choices.LOSSES, **usual)
    flags.number('label_smoothing', 'by how much the target of real images is below 1', lower_bound=0, **usual)
    flags.number('r1', "weight of the discriminator's squared gradient at real images", lower_bound=0, **usual)
    flags.number('gradient_penalty', 'its weight, for --loss=wasserstein_gp', lower_bound=0, **usual)
    flags.integer('penalty_every', 'steps from one penalty to the next', lower_bound=1, **usual)
    names = ','.join(choices.AUGMENTATIONS)
    flags.string('augment', f'what the discriminator sees images through: some of {names}, or none', **usual)
    flags.number('ema', 'share of the averaged generator that stays at each step; 0: no average', lower_bound=0,
                 upper_bound=1, **usual)  # fmt: skip
    flags.choice('updates', 'alternating: the generator learns from the discriminator after its step; simultaneous: '
                 'from the one before it, cheaper', choices.UPDATES, **usual)  # fmt: skip
    flags.integer('d_steps', 'discriminator steps for each generator step', lower_bound=1, **usual)
    flags.number('learning_rate', 'of Adam', lower_bound=0, **usual)
    flags.number('d_learning_rate', "the discriminator's, if another", lower_bound=0, **usual)
    flags.number('beta_1', "decay of Adam's first moment, below 1", lower_bound=0, upper_bound=1, **usual)
    flags.number('beta_2', "decay of Adam's second moment, below 1", lower_bound=0, upper_bound=1, **usual)
    flags.choice('decay', 'how the learning rate falls', choices.DECAYS, **usual)
    flags.integer('seed', 'of everything random', lower_bound=0)
    flags.group('What is kept')
    flags.path('workdir', 'folder of the run', default=DEFAULT_WORKDIR)
    flags.integer('checkpoint_every', 'steps from one checkpoint to the next', lower_bound=1)
    flags.integer('keep', 'how many of the last checkpoints', lower_bound=1)
    flags.integer('sample_every', 'steps from one sheet of samples to the next; 0: none', lower_bound=0)
    flags.integer('samples', 'images on a sheet', lower_bound=1)
    flags.integer('log_every', 'steps from one row of log.csv to the next', lower_bound=1)
    flags.switch('tensorboard', 'write the log for TensorBoard too')
    flags.group('Alarms and quality')
    flags.integer(
        'collapse_every', "steps from one look at the pictures' diversity to the next; 0: none", lower_bound=0
    )
    flags.choice('on_collapse', 'what to do where the generator has collapsed or the discriminator has won',
                 choices.ON_COLLAPSE)  # fmt: skip
    flags.integer('evaluate_every', 'steps from one measurement of fid_mini to the next; the best is kept; 0: none',
                  lower_bound=0)  # fmt: skip
    flags.integer('pictures', 'pictures, generated and real, that fid_mini is measured on', lower_bound=2)
    flags.group('Machine')
    flags.choice('distribute', "each batch over this machine's devices, or over the cluster of TF_CONFIG",
                 tuple(DISTRIBUTIONS))  # fmt: skip
    flags.choice('jit', 'compile with XLA; auto: on a GPU', cli.JIT)
    flags.choice('precision', 'of the networks', choices.PRECISIONS)
    flags.integer('steps_per_execution', 'steps of a compiled call', lower_bound=1)
    flags.switch('deterministic', 'the same bits each time, where TensorFlow can')
    flags.string('max_memory', 'memory for the images, such as 4GB; more are read anew for each batch', default='auto')
    flags.talk()
    return flags


def open_data(source: str | None, size: tuple[int, int], channels: int, memory: str, console: Console) -> 'ImageSet':
    """The images; where no source was given the default or what can be had instead, and a line says which."""
    from stylegen.datasets.opening import open_images
    from stylegen.datasets.tables import Unfetched

    options: dict[str, Any] = {'memory_budget': memory, 'warn': console.warn}
    if source:
        return open_images(source, size, channels, **options)
    try:
        images = open_images(DEFAULT_DATA, size, channels, **options)
        source = DEFAULT_DATA
    except Unfetched:
        images, source = open_images(FALLBACK, size, channels, **options), FALLBACK
    console.say(f'no --data was given: training on {source}')
    return images


def first_only(images: 'ImageSet') -> list[str]:
    """A line where only the first of several frames or pages is used of some images."""
    names = images.first_only
    return [f'{len(names)} images have several frames or pages, such as {names[0]}; the first is used'] if names else []


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    base = preset(flags.preset)
    size = parse_size(flags.image_size) if flags.image_size else base.size
    channels = int(flags.channels or base.channels)
    options: dict[str, Any] = {name: flags[name].value for name in OPTIONS}
    plan = make_plan(flags.preset, size, channels, **options)  # which refuses what cannot be, before images are read
    cli.say_idle(idle_options(plan, [name for name in OPTIONS if flags[name].present]), console.say)
    if flags.distribute == 'multi_worker':
        index, workers = read_cluster()
        console.say(f'worker {index} of {workers}; training begins when all are there')
    images = open_data(flags.data, size, channels, flags.max_memory, console)
    for name, reason in images.skipped[:5]:
        console.warn(f'left out: {name}, {reason}')
    if len(images.skipped) > 5:
        console.warn(f'left out: {len(images.skipped) - 5} more; see `inspect-data`')
    console.say(*first_only(images))
    console.say(f'{images.count} images from {images.manifest["source"]}, {size[0]}x{size[1]}x{channels}')
    bar = None

    def report(now: 'Report') -> None:
        nonlocal bar
        bar = bar or console.progress(flags.steps, now.step)
        shown = {name: now.values[name] for name in ('d_loss', 'g_loss', 'd_real', 'd_fake')}
        bar.to(now.step, f'step {now.step}', **shown, **{'images/s': now.images_per_second})

    settings: dict[str, Any] = {name: flags[name].value for name in SETTINGS}
    try:
        run = train(images, workdir=flags.workdir, callback=report, warn=console.warn, **settings, **options)
    except WorkerLost as lost:
        begin_again(lost, console.warn)
    finally:
        if bar:
            bar.close()
    console.say(f'step {run.step} is kept in {flags.workdir}')
