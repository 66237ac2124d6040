"""Train a network that paints in one pass, or go on with a run in its workdir."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegen.images.conversion import PictureLike
from stylegen.style.one_pass import OnePass
from stylegen.style.one_pass_settings import OnePassTrainSettings
from stylegen.training.distribution import DISTRIBUTIONS
from stylegen.utils.errors import UserError
from stylegen.utils.files import make_folder
from stylegen.utils.locks import folder_lock
from stylegen.utils.settings import takes

if TYPE_CHECKING:
    from stylegen.datasets.imageset import ImageSet
    from stylegen.training.callbacks import Report


@takes(OnePassTrainSettings)
def train_one_pass(
    data: ImageSet,
    styles: Mapping[str, PictureLike],
    workdir: str | os.PathLike[str],
    *,
    init: OnePass | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    samples: Sequence[PictureLike] = (),
    callback: Callable[[Report], None] | None = None,
    settings: OnePassTrainSettings,
) -> OnePass:
    """Trains a network that paints photos in one pass, in each of several styles.

    Johnson et al. (2016) with a row of norms for each style (Dumoulin et al. 2017). Where the workdir keeps an
    unfinished run of the same settings, that goes on; in float32 on a CPU to the same bits.

    Args:
        data: Photos, see `stylegen.datasets.open_images`, of `image_size`.
        styles: Paintings by the name that the style gets.
        workdir: Folder of the run: `one_pass.npz`, `log.csv`, `samples/`, `checkpoints/`, `settings.json`.
        init: A network to begin with; its width and its numbers of blocks count.
        about: By name of a style, what is known of it.
        samples: Photos that are painted on each sheet; by default the one that comes with the package.
        callback: Is told a `Report` with every row of the log.
        {settings}

    Returns:
        The trained network, which `one_pass.npz` keeps too.

    Raises:
        UserError: The workdir keeps a run of other settings, or another process is at work in it; or `distribute` finds
            no devices or cluster.
        ArithmeticError: A loss or a weight is not finite. The last checkpoint is from before.
        WorkerLost: Another process of the cluster has gone.

    Example:
        photos = open_images('photos.zip', 256)
        one_pass = train_one_pass(photos, {'waves': 'waves.jpg'}, 'run', steps=2000)
        save_image('out.png', one_pass('photo.jpg', 'waves'))
    """
    if not styles:
        raise UserError('expected one style at least')
    devices = DISTRIBUTIONS[settings.distribute]()
    devices.check(settings.batch_size, settings.jit, 1)
    lock = folder_lock(make_folder(workdir)) if devices.chief else contextlib.nullcontext()
    with lock, devices.report_lost_workers():
        from stylegen.style.one_pass_run import Run

        run = Run(data, styles, Path(workdir), init, about or {}, samples, callback, settings, devices)
        trained = run.go()
        devices.broadcast('done')  # all processes wait until the chief has written everything
    return trained
