"""What is compiled may be shared between threads: two of them get what one gets, from pictures of different sizes."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stylegen.dcgan import latents
from stylegen.deepdream import Dreamer
from stylegen.losses import dream_loss
from stylegen.metrics.embeddings import open_embedding
from stylegen.optimize import Objective, Term, optimize_image, updates
from stylegen.style import StyleSettings, Stylizer
from stylegen.style.targets import Targets
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError
from stylegen.utils.locks import PictureLock
from tests.conftest import TinyNetwork, photo
from tests.dcgan import generators
from tests.extractors import noise, small_vgg

SIZES = [(40, 52), (56, 36)]
LAYERS = {'style_layers': {'block1_conv1': 1.0, 'block2_conv2': 1.0}, 'content_layers': {'block2_conv1': 1.0}}


class Meeting:
    """A callback that waits until the other thread has come to it too, if anything lets it."""

    def __init__(self):
        self.gate = threading.Barrier(2)

    def __call__(self, step):
        with contextlib.suppress(threading.BrokenBarrierError):
            self.gate.wait(timeout=0.2)


def together(work, count=2):
    """What `work(i)` gives in threads that begin at once."""
    gate = threading.Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda i: gate.wait() is None or work(i), range(count)))


def test_two_threads_on_a_dreamer_give_what_one_gives():
    masks = [np.tri(*size, dtype=np.float32) for size in SIZES]
    dreamer = Dreamer(network=TinyNetwork(), layers={'a': 1.0}, regions=[{'b': 1.0}], octaves=2, steps=3)

    def dream(i, callback=None):
        return dreamer(photo(*SIZES[i]), regions=[masks[i]], seed=i, callback=callback, steps_per_call=1)

    alone, meeting = [dream(i) for i in range(2)], Meeting()
    assert all(np.array_equal(*pair) for pair in zip(alone, together(lambda i: dream(i, meeting)), strict=True))


def test_two_threads_on_a_stylizer_give_what_one_gives():
    network = small_vgg(('block1_conv1', 'block2_conv1', 'block2_conv2'))
    stylizer = Stylizer(network=network, **LAYERS, iterations=3, smallest_size=40)

    def paint(i, callback=None):
        styles = [(noise(48, 44, seed=i) ** (1 + i), 1.0)]
        return stylizer(photo(*SIZES[i], seed=i), styles, callback=callback, steps_per_call=1)

    alone, meeting = [paint(i) for i in range(2)], Meeting()
    assert all(np.array_equal(*pair) for pair in zip(alone, together(lambda i: paint(i, meeting)), strict=True))


@pytest.mark.parametrize('cut', [False, True])
def test_two_threads_on_an_objective_give_what_one_gives(cut):
    """By windows its gradient is summed up in a variable."""
    network = small_vgg(('block1_conv1', 'block2_conv1'))
    settings = StyleSettings(style_layers={'block2_conv1': 1.0}, content_layers={}, loss='gram')
    targets = Targets(network, settings, 0)
    core = 16 if cut else 0
    targets.set_content(photo(*SIZES[0]), [], core)
    targets.set_styles(0, [(noise(48, 44), 0, 1.0)])
    objective = targets.objective_for(core)

    def optimized(i):
        return optimize_image(photo(*SIZES[i], seed=i)[None], objective, updates.adam(0.01), 12, steps_per_call=2)

    alone = [optimized(i) for i in range(2)]
    assert all(np.array_equal(*pair) for pair in zip(alone, together(optimized), strict=True))


def test_threads_that_begin_together_trace_an_objective_once():
    network = TinyNetwork()
    objective = Objective(network, (Term('b', 1.0, dream_loss('b')),))
    together(lambda i: optimize_image(photo(20, 24)[None], objective, updates.adam(0.01), 1), 4)
    assert network.traces == 1


def test_threads_share_extractors_generators_and_embeddings():
    network, generator, embedding = small_vgg(('block1_conv1',)), generators.tiny(), open_embedding('mini')

    def work(i):
        picture = photo(*SIZES[i % 2], seed=i)
        levels = np.uint8(255 * photo(16, 16, i))[None]
        made = generator(latents(range(i, i + 5 + i), 8))
        return network(tf.constant(picture[None]))['block1_conv1'].numpy(), made, embedding(levels)

    alone = [work(i) for i in range(3)]
    for ours, theirs in zip(alone, together(work, 3), strict=True):
        assert all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_a_callback_that_asks_for_another_picture_is_told():
    dreamer = Dreamer(network=TinyNetwork(), layers={'a': 1.0}, octaves=1, steps=1)
    with pytest.raises(UserError, match='callback of a dreamer cannot give it another picture'):
        dreamer(photo(32, 32), callback=lambda step: dreamer(photo(32, 32)))
    assert dreamer(photo(32, 32)).shape == (32, 32, 3)  # it is free again
    lock = PictureLock('x')
    with lock, pytest.raises(UserError), lock:
        pass
    with lock:
        pass
