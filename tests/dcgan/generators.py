"""Small generators with random weights, and runs that keep one."""

from pathlib import Path

import numpy as np

from stylegen.dcgan.load import Generator
from stylegen.dcgan.plan import make_plan
from stylegen.training.checkpoints import Checkpoints, arrays_of
from stylegen.utils.files import as_json
from tests.conftest import shaken


def tiny(classes=(), channels=3, path=Path('step-00000007.npz'), precision='float32'):
    """A generator of 16 x 16 pixels whose pictures differ from one another."""
    networks = {'g_width': 4, 'd_width': 4, 'latent_dim': 8}
    plan = make_plan(size=(16, 16), channels=channels, classes=classes, precision=precision, **networks)
    model, _ = plan.networks()
    for variable in model.variables:
        if len(variable.shape) > 1:
            variable.assign(variable * 8)
    return Generator(shaken(model), plan, 7, 'live', path, {'data': '0' * 64})


def kept(workdir, **kwargs):
    """The workdir of a run that keeps such a generator, as of its steps 3 and 7."""
    generator = tiny(**kwargs)
    arrays = arrays_of({'generator': generator.model.variables})
    for step in (3, 7):
        settings = as_json(generator.plan.as_settings() | generator.settings)
        Checkpoints(workdir).save(step, settings, {**arrays, 'run/000/dcgan/steps': np.int64(step)})
    return workdir
