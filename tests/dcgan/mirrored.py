"""Runs on two virtual devices, in a process of their own: TensorFlow can make its devices only before anything else."""

import json
import sys
from pathlib import Path

import tensorflow as tf

from stylegen.datasets.opening import open_images
from stylegen.dcgan.training import train


def main(place: Path, runs: dict) -> None:
    """Trains each of the runs on the pictures in `place`, in a workdir of its name there."""
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices('CPU')[0], [one, one])
    for name, options in runs.items():
        train(open_images(place / 'data', (16, 16)), workdir=place / name, **options)


if __name__ == '__main__':
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
