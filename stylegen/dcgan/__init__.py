"""Deep convolutional generative adversarial networks (Radford, Metz, Chintala 2016): train, resume, monitor, sample.

    from stylegen.datasets import open_images
    from stylegen.dcgan import latents, open_generator, train

    train(open_images('photos/', (64, 64)), workdir='run', preset='paper64')
    generator = open_generator('run')  # without an argument the one that comes with the package
    pictures = generator(latents(range(64), generator.latent_dim))

`sample`, `interpolate`, `arithmetic`, `project`, `evaluate` and `export` take a generator. `parse_expression` makes the
terms of `arithmetic`, `framed` the picture of `project`. `evaluate` takes what `evaluator_of` makes of `training_data`.
`read_history` and `report` take a workdir. None of it imports TensorFlow before it is called. On the command line:
`python -m stylegen.dcgan`.
"""

from stylegen.dcgan.evaluating import evaluate, evaluator_of, training_data
from stylegen.dcgan.exporting import export
from stylegen.dcgan.history import read_history
from stylegen.dcgan.interpolating import interpolate
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.load import load_generator
from stylegen.dcgan.opening import open_generator
from stylegen.dcgan.projecting import framed, project
from stylegen.dcgan.reporting import report
from stylegen.dcgan.sampling import sample
from stylegen.dcgan.training import train
from stylegen.dcgan.vector_arithmetic import arithmetic, parse_expression

__all__ = [
    'arithmetic',
    'evaluate',
    'evaluator_of',
    'export',
    'framed',
    'interpolate',
    'latents',
    'load_generator',
    'open_generator',
    'parse_expression',
    'project',
    'read_history',
    'report',
    'sample',
    'train',
    'training_data',
]
