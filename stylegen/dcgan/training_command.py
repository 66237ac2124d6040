"""`python -m stylegen.dcgan train`: its flags and its work."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from absl.flags import FlagValues

from stylegen.datasets.framing import FIT, FITS
from stylegen.dcgan.plan import Plan, idle_options, make_plan
from stylegen.dcgan.presets import FEW, FOR_FEW, PRESETS
from stylegen.dcgan.settings import (
    DEFAULT_WORKDIR,
    HEADINGS,
    IMAGES,
    KEPT,
    NO_AUGMENTATION,
    MemorySettings,
    TrainSettings,
)
from stylegen.dcgan.sizes import built_size, parse_size, show_size
from stylegen.dcgan.training import train
from stylegen.runs import cli
from stylegen.training.checkpoints import Checkpoints
from stylegen.training.distribution import WorkerLost, read_cluster, restart_process
from stylegen.utils.console import Console
from stylegen.utils.settings import Settings, setting

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet
    from stylegen.training.callbacks import Report

DEFAULT_DATA, FALLBACK = 'cifar10', 'shapes'


@dataclass(frozen=True, kw_only=True)
class TrainFiles(Settings):
    """The images, and the folder of the run."""

    data: str | None = setting(
        None,
        'a folder, .zip, .tar or .npz; cifar10, cifar100, mnist, fashion_mnist; or shapes, drawn here without end. '
        f'By default {DEFAULT_DATA} where it can be had, else {FALLBACK}',
        group=IMAGES,
        kind='path',
    )
    image_size: tuple[int, int] | None = setting(
        None, "N or HxW; by default the preset's", group=IMAGES, read=parse_size, write=show_size
    )
    fit: str = setting(
        FIT,
        'how a picture gets the size: crop cuts the middle out; pad puts white around it; stretch distorts it to fill '
        'the frame',
        group=IMAGES,
        choices=FITS,
    )
    channels: str | None = setting(
        None, "1: grey, 3: colour; by default the preset's", group=IMAGES, choices=('1', '3')
    )
    workdir: str = setting(DEFAULT_WORKDIR, 'folder of the run', group=KEPT, kind='path')


def define_flags() -> cli.Flags:
    """Returns the flags of the command, in groups."""
    flags = cli.Flags('Trains a DCGAN; the same command again goes on where it was left.')
    flags.positional('data')
    for heading in HEADINGS:
        flags.group(heading)
    flags.settings(TrainFiles, TrainSettings, MemorySettings)
    flags.messages()
    return flags


def open_data(
    files: TrainFiles, size: tuple[int, int], channels: int, memory: str | float, console: Console
) -> 'ImageSet':
    """Opens the images. Without a source it opens the default, or the fallback offline, and prints which one."""
    from stylegen.datasets.opening import open_images
    from stylegen.datasets.tables import NotDownloaded

    options: dict[str, Any] = {'fit': files.fit, 'memory_budget': memory, 'warn': console.warn}
    source = files.data
    if source:
        return open_images(source, size, channels, **options)
    try:
        images = open_images(DEFAULT_DATA, size, channels, **options)
        source = DEFAULT_DATA
    except NotDownloaded:
        images, source = open_images(FALLBACK, size, channels, **options), FALLBACK
    console.say(f'no --data was given: training on {source}')
    return images


def first_only(images: 'ImageSet') -> list[str]:
    """Returns a line about images of several frames or pages, of which only the first is used."""
    names = images.first_only
    return [f'{len(names)} images have several frames or pages, such as {names[0]}; the first is used'] if names else []


def hint_about_few(images: 'ImageSet', plan: Plan) -> str | None:
    """Returns a line with the preset for few pictures, where there are few and the plan does nothing about it."""
    if images.count >= FEW or plan.training['augment'] != NO_AUGMENTATION:
        return None
    base, flags = PRESETS[FOR_FEW], f'--preset={FOR_FEW}'
    if images.size != base.size:
        flags += f' --image_size={show_size(images.size)}'
    if images.channels != base.channels:
        flags += f' --channels={images.channels}'
    return f'{images.count:,} images are few: {flags} augments them, or the discriminator learns them by heart'


def work(flags: FlagValues) -> None:
    """Runs the command with parsed flags."""
    console = Console(flags.quiet)
    files = cli.settings_of(TrainFiles, flags)
    settings = cli.settings_of(TrainSettings, flags)
    memory = cli.settings_of(MemorySettings, flags)
    base = PRESETS[settings.preset]
    size, channels = files.image_size or base.size, int(files.channels or base.channels)
    plan = make_plan(size, channels, settings=settings)  # refuses wrong settings before images are read
    cli.report_unused_flags(idle_options(plan, cli.typed_settings(flags, TrainSettings)), console.say)
    if settings.distribute == 'multi_worker':
        index, workers = read_cluster()
        console.say(f'worker {index} of {workers}; training begins when all are there')
    images = open_data(files, size, channels, memory.max_memory, console)
    for line in images.skipped_lines('; see `inspect-data`'):
        console.warn(line)
    console.say(*first_only(images))
    console.say(f'{images.count} images from {images.manifest["source"]}, {size[0]}x{size[1]}x{channels}')
    if (whole := built_size(size)) != size:
        console.say(f'the generator builds {whole[0]}x{whole[1]} and cuts it to {size[0]}x{size[1]}')
    if not Checkpoints(files.workdir).steps():  # a run that goes on keeps its settings
        console.say(*filter(None, [hint_about_few(images, plan)]))
    bar = None

    def report(now: 'Report') -> None:
        nonlocal bar
        bar = bar or console.progress(settings.steps, now.step)
        shown = {name: now.values[name] for name in ('d_loss', 'g_loss', 'd_real', 'd_fake')}
        bar.to(now.step, f'step {now.step}', **shown, **{'images/s': now.images_per_second})

    try:
        run = train(images, workdir=files.workdir, callback=report, warn=console.warn, settings=settings)
    except WorkerLost as lost:
        restart_process(lost, console.warn)
    finally:
        if bar:
            bar.close()
    console.say(f'step {run.step} is kept in {files.workdir}')
