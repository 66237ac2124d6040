"""Deep convolutional generative adversarial networks (Radford, Metz, Chintala 2016): train, resume, watch, sample."""

from stylegen.dcgan.history import read_history
from stylegen.dcgan.interpolate import interpolate
from stylegen.dcgan.latents import latents
from stylegen.dcgan.load import load_generator
from stylegen.dcgan.opening import open_generator
from stylegen.dcgan.sample import sample
from stylegen.dcgan.train import train

__all__ = ['interpolate', 'latents', 'load_generator', 'open_generator', 'read_history', 'sample', 'train']
