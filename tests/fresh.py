"""Run in a process of its own: what importing leaves alone, and who prepares the devices before the first operation."""

import importlib
import os
import pkgutil

import numpy as np

import stylegen

for module in pkgutil.walk_packages(stylegen.__path__, 'stylegen.'):
    if not module.name.endswith('__main__'):
        importlib.import_module(module.name)
backend = importlib.import_module('stylegen.utils.backend')
context = importlib.import_module('tensorflow.python.eager.context')

backend.tf.config.threading.set_intra_op_parallelism_threads(1)  # RuntimeError once there is a context
print('made nothing', context.context()._context_handle is None)

picture = np.zeros((1, 16, 16, 3), np.float32)


def optimized():
    from stylegen import optimize
    from stylegen.losses import total_variation_loss
    from stylegen.optimize import updates

    terms = (optimize.Term('smooth', 1.0, total_variation_loss()),)
    optimize.optimize_image(picture, optimize.Objective(lambda image: {'input': image}, terms), updates.adam(0.01), 1)


def generated():
    from stylegen.dcgan import open_generator

    open_generator()


def extracted():
    from stylegen.networks import feature_extractor

    feature_extractor('mini', ('block1_conv2',))


def listed():
    from stylegen.networks import layer_table

    layer_table('mini')


def batched():
    from stylegen.datasets.opening import open_images

    open_images('shapes', 16).batches(2, seed=0)


def child(work):
    """Exit code 0 where the devices were prepared before the context was made; 3 where they were not."""
    initialize = context.Context.ensure_initialized

    def checked(self):
        if not backend._prepare_once.cache_info().currsize:
            os._exit(3)
        initialize(self)

    context.Context.ensure_initialized = checked
    work()
    os._exit(0 if context.context()._context_handle is not None else 4)


works = {}
for work in (optimized, generated, extracted, listed, batched):
    if not (pid := os.fork()):
        child(work)
    works[work.__name__] = pid
for name, pid in works.items():
    print(name, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
