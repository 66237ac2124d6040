"""The names that options choose from, for modules that must not import TensorFlow; a test compares the tables."""

PROGRAM = 'stylegen.dcgan'  # as results call it
LOSSES = ('non_saturating', 'hinge', 'least_squares', 'wasserstein_gp')
NORMS = ('batch', 'spectral', 'none')
UPSAMPLINGS = ('transposed', 'resize')
UPDATES = ('alternating', 'simultaneous')
DECAYS = ('none', 'linear')
AUGMENTATIONS = ('color', 'translation', 'cutout')
ON_COLLAPSE = ('warn', 'stop', 'rollback')
PRECISIONS = ('float32', 'mixed_bfloat16', 'auto')
