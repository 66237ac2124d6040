"""What to dream of: layers and settings by name, and the first choice for each network."""

from collections.abc import Mapping
from typing import Any

FIRST_CHOICE = 'inception_v3'  # the network that 'auto' takes where its weights can be had
EMBEDDED = (
    'small_vgg',
    'mini',
)  # the networks that come with the program, the best first; mini has classes and more layers

# The settings of a network's dream that are None, chosen by looking at VGG-16, Inception v3, GoogLeNet and small_vgg.
# Their gradients are noisy: figures come out clear only with a Laplacian pyramid.
NETWORK_DEFAULTS: Mapping[str, Any] = {'octaves': 5, 'octave_scale': 1.4, 'strength': 0.1, 'smoothing': 'laplacian'}
# mini was trained adversarially: its gradients are smooth already, and it draws larger figures.
MINI_DEFAULTS: Mapping[str, Any] = {'octaves': 6, 'octave_scale': 1.5, 'strength': 0.15, 'smoothing': 'none'}
# A frame of a film dreams less than a picture, because dreams add up and frames are many. It keeps the colours of the
# frame before, because they would burn out otherwise.
FRAME_DEFAULTS: Mapping[str, Any] = {'octaves': 3, 'steps': 4, 'strength': 0.05, 'color': 'match'}


def defaults_of_network(network: str) -> Mapping[str, Any]:
    """The octaves, octave_scale, strength and smoothing of a network's dream, where they are None."""
    return MINI_DEFAULTS if network == 'mini' else NETWORK_DEFAULTS


# The layers that a network dreams of when none are named. They were chosen by looking. The exceptions are vgg19, which
# has those of vgg16, alexnet and the last four: their real weights were not to be had.
LAYERS: Mapping[str, Mapping[str, float]] = {
    'mini': {'block5_conv1': 1.0},
    'small_vgg': {'trunk_block5_conv1': 1.0},
    'vgg16': {'block5_conv1': 1.0},
    'vgg19': {'block5_conv1': 1.0},
    'inception_v3': {'mixed3': 1.0, 'mixed5': 1.0},
    'googlenet': {'inception_4c_output': 1.0},
    'alexnet': {'conv4': 1.0},
    'resnet50': {'conv4_block4_out': 1.0},
    'mobilenet_v2': {'block_9_add': 1.0},
    'efficientnet_b0': {'block5b_add': 1.0},
    'convnext_tiny': {'convnext_tiny_stage_2_block_4_identity': 1.0},
}

# The layers whose activations are compared with a guide's, when none are named.
GUIDE_LAYERS: Mapping[str, Mapping[str, float]] = {
    'mini': {'block3_conv3': 1.0},
    'small_vgg': {'block3_conv3': 1.0},
    'vgg16': {'block3_conv3': 1.0},
    'vgg19': {'block3_conv4': 1.0},
    'inception_v3': {'mixed2': 1.0},
    'googlenet': {'inception_3b_output': 1.0},
    'alexnet': {'conv3': 1.0},
    'resnet50': {'conv3_block4_out': 1.0},
    'mobilenet_v2': {'block_5_add': 1.0},
    'efficientnet_b0': {'block3b_add': 1.0},
    'convnext_tiny': {'convnext_tiny_stage_1_block_2_identity': 1.0},
}

# Settings by name. Each gives values of flags. What is typed beside a preset wins over it.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # our own, named by what they look like; README.md shows them
    'creatures': {'network': 'small_vgg', 'layers': 'trunk_block5_conv1:1'},
    'spirals': {'network': 'small_vgg', 'layers': 'block4_conv2:1'},
    'temples': {'network': 'mini', 'layers': 'block5_conv1:1', 'strength': 0.18},
    'eyes': {'network': 'mini', 'layers': 'block4_conv3:1'},
    'cubist': {'network': 'mini', 'layers': 'block5_conv2:1'},
    'airbrush': {'network': 'mini', 'layers': 'block3_conv1:1', 'strength': 0.2},
    'etching': {'network': 'mini', 'layers': 'block2_conv2:1', 'strength': 0.12},
    # published: Mordvintsev et al. 2015, TensorFlow's tutorial (whose octaves go above the size of the picture), the
    # Keras example, A. Gordic's pytorch-deepdream
    'google': {
        'network': 'googlenet',
        'layers': 'inception_4c_output:1',
        'octaves': 4,
        'octave_scale': 1.4,
        'steps': 10,
        'step_size': 1.5 / 255,
        'norm': 'mean_abs',
        'jitter': 32,
        'smoothing': 'none',
    },
    'tensorflow': {
        'network': 'inception_v3',
        'layers': 'mixed3:1,mixed5:1',
        'gradient_normalization': 'none',
        'measure': 'mean',
        'octaves': 5,
        'octave_scale': 1.3,
        'steps': 50,
        'step_size': 0.005,
        'norm': 'std',
        'jitter': 512,
        'smoothing': 'none',
    },
    'keras': {
        'network': 'inception_v3',
        'layers': 'mixed4:1,mixed5:1.5,mixed6:2,mixed7:2.5',
        'gradient_normalization': 'none',
        'octaves': 3,
        'octave_scale': 1.4,
        'steps': 20,
        'step_size': 0.005,
        'norm': 'mean_abs',
        'jitter': 0,
        'smoothing': 'none',
    },
    'gordic': {
        'network': 'vgg16',
        'layers': 'block4_conv3:1',
        'octaves': 4,
        'octave_scale': 1.8,
        'steps': 10,
        'step_size': 0.0203,
        'norm': 'std',
        'smoothing': 'gaussian',
        'jitter': 32,
    },
}
