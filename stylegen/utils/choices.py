"""Choices that flags offer. They are repeated here because the modules that define them import TensorFlow."""

JIT = ('auto', 'on', 'off')  # `stylegen.utils.backend.use_xla`
MEASURES = ('auto', 'mean_square', 'mean')  # `stylegen.losses.DREAM_MEASURES`, and auto
NORMS = ('mean_abs', 'std')  # `stylegen.optimize.updates.NORMS`
POOLINGS = ('max', 'average', 'l2')  # `stylegen.networks.rebuild.POOLINGS`
SMOOTHINGS = ('none', 'gaussian', 'laplacian')  # `stylegen.optimize.gradient_smoothing.smooth`
