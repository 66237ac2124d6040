"""Names that flags offer and that modules know which import TensorFlow: --help does not wait for those."""

JIT = ('auto', 'on', 'off')  # `stylegen.utils.backend.use_xla`
POOLINGS = ('max', 'average', 'l2')  # `stylegen.networks.rebuild.POOLINGS`
SMOOTHINGS = ('none', 'gaussian', 'laplacian')  # `stylegen.optimize.gradient_smoothing.smooth`
