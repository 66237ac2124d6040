"""Choices that flags offer. They are repeated here because the modules that define them import TensorFlow."""

JIT = ('auto', 'on', 'off')  # `stylegen.utils.backend.use_xla`
POOLINGS = ('max', 'average', 'l2')  # `stylegen.networks.rebuild.POOLINGS`
SMOOTHINGS = ('none', 'gaussian', 'laplacian')  # `stylegen.optimize.gradient_smoothing.smooth`
