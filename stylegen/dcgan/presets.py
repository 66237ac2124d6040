"""Published networks and the settings they were trained with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """The settings of a published DCGAN. Values that it leaves out are the defaults of the functions.

    Args:
        source: The paper or program that has these settings.
        size, channels: (height, width) and channels of its images.
        generator, discriminator: Arguments of the functions in `stylegen.dcgan.models`.
        training: Arguments of `stylegen.dcgan.gan.DCGAN`, and `batch_size`.
        held_out: Share of the pictures that are kept out of the training, see `stylegen.dcgan.overfitting`.
    """

    source: str
    size: tuple[int, int]
    channels: int = 3
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    held_out: float = 0.0


USUAL = 'cifar32'
FEW, FOR_FEW = 2000, 'few64'  # with fewer pictures `train` names the preset for few
_STRONG = {'slope': 0.1, 'norm': 'spectral', 'extra_convs': True}
_TUTORIAL = {'kernel': 5, 'slope': 0.3, 'init': 'glorot'}
_FEW = {
    'batch_size': 32, 'augment': 'color,translation,cutout', 'ema': 0.999, 'decay': 'linear', 'updates': 'simultaneous'
}  # fmt: skip
PRESETS = {
    'paper64': Preset('the Torch program of the authors of Radford et al. (2016), as in pytorch/examples', (64, 64)),
    'paper128': Preset('paper64 with one level more', (128, 128)),
    FOR_FEW: Preset(
        'for some hundred pictures: paper64, narrower, with augmentation (Zhao et al. 2020) and averaged weights',
        (64, 64),
        generator={'width': 48},
        discriminator={'width': 48},
        training=_FEW,
        held_out=0.05,
    ),
    'cifar32': Preset('paper64 with its finest level left out', (32, 32)),
    'cifar32_strong': Preset(
        'SN-DCGAN (Miyato et al. 2018, tables 3 and 4), with averaged weights and augmentation (Zhao et al. 2020)',
        (32, 32),
        generator={'latent_dim': 128, 'image_kernel': 3},
        discriminator=_STRONG,
        training={
            'loss': 'hinge', 'flip': True, 'ema': 0.999, 'augment': 'translation,cutout', 'decay': 'linear'
        },
    ),
    'mnist28': Preset(
        'the DCGAN tutorial of TensorFlow',
        (28, 28),
        1,
        generator={**_TUTORIAL, 'base_conv': True, 'momentum': 0.99, 'epsilon': 1e-3},
        discriminator={**_TUTORIAL, 'norm': 'none', 'dropout': 0.3},
        training={'batch_size': 256, 'learning_rate': 1e-4, 'beta_1': 0.9, 'updates': 'simultaneous'},
    ),
}  # fmt: skip
