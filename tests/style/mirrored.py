"""A one-pass training on two virtual devices, in a process of its own: TensorFlow makes its devices before all else."""

import json
import sys
from pathlib import Path

import tensorflow as tf

from stylegen.datasets.opening import open_images
from stylegen.style.one_pass_training import train_one_pass


def main(place: Path, options: dict) -> None:
    """Trains on the photos in `place`, in a workdir `two` there, on two devices."""
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices('CPU')[0], [one, one])
    styles = {name: str(place / f'{name}.png') for name in ('waves', 'ink')}
    train_one_pass(open_images(place / 'photos', 32), styles, place / 'two', distribute='mirrored', **options)


if __name__ == '__main__':
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
