"""Deep convolutional generative adversarial networks (Radford, Metz, Chintala 2016): train, resume, watch, sample.

None of it imports TensorFlow before it is called.
"""

from stylegen.dcgan.arithmetic import arithmetic
from stylegen.dcgan.evaluate import evaluate
from stylegen.dcgan.export import export
from stylegen.dcgan.history import read_history
from stylegen.dcgan.interpolate import interpolate
from stylegen.dcgan.latents import latents
from stylegen.dcgan.load import load_generator
from stylegen.dcgan.opening import open_generator
from stylegen.dcgan.project import project
from stylegen.dcgan.report import report
from stylegen.dcgan.sample import sample
from stylegen.dcgan.train import train

__all__ = [
    'arithmetic',
    'evaluate',
    'export',
    'interpolate',
    'latents',
    'load_generator',
    'open_generator',
    'project',
    'read_history',
    'report',
    'sample',
    'train',
]
