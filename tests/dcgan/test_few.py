"""What helps with few pictures: adaptive augmentation, variety within a batch, and pictures that are kept out."""

import numpy as np
import pytest

from stylegen.datasets.opening import open_images
from stylegen.dcgan.augment import ADAPT_IMAGES, DRAWS, adapted, augment, draws_of
from stylegen.dcgan.by_class import class_figures, class_table
from stylegen.dcgan.evaluating import training_data
from stylegen.dcgan.load import load_generator
from stylegen.dcgan.model_layers import BatchDeviation
from stylegen.dcgan.overfitting import OverfittingMonitor
from stylegen.dcgan.training import train
from stylegen.training.logs import read_log
from stylegen.utils.backend import tf
from stylegen.utils.errors import UserError
from tests.dcgan.sets import folder, small_set

TINY = {'g_width': 2, 'd_width': 2, 'latent_dim': 4, 'batch_size': 4}
QUIET = {'evaluate_every': 0, 'sample_every': 0, 'checkpoint_every': 100}
RNG = np.random.default_rng(0)


def test_the_chance_of_an_augmentation_chooses_images():
    images = tf.constant(RNG.uniform(-1, 1, (6, 16, 16, 3)), tf.float32)
    policy = 'color,translation'
    draws = RNG.random((6, draws_of(policy, True)), np.float32)
    always = augment(images, draws, policy)
    assert np.array_equal(augment(images, draws, policy, 0.0), images)
    assert np.array_equal(augment(images, draws, policy, 1.0), always)
    chosen = (draws[:, DRAWS] < 0.5) & (draws[:, DRAWS + 1] < 0.5)
    some = augment(images, draws, policy, 0.5)
    assert np.array_equal(some[chosen], always[chosen]) and not np.array_equal(some, always)


@pytest.mark.parametrize(('sign', 'rises'), [(1.0, True), (-1.0, False)])
def test_the_chance_follows_the_sign_of_the_logits(sign, rises):
    state = adapted(np.float32([0.5, sign]), np.float32(sign), 1000, 0.6)
    assert float(state[0]) == pytest.approx(0.5 + (1 if rises else -1) * 1000 / ADAPT_IMAGES)
    for _ in range(200):
        state = adapted(state, np.float32(sign), 1000, 0.6)
    assert float(state[0]) == (1.0 if rises else 0.0)


def test_deviations_are_those_of_the_images_of_a_class():
    maps = RNG.normal(size=(9, 4, 4, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1, 0, 0, 1, 1], np.int32)
    found = BatchDeviation(3)([maps, labels]).numpy()
    for label in range(3):
        assert np.allclose(found[labels == label], np.sqrt(maps[labels == label].var(0) + 1e-8).mean((0, 1)), atol=1e-5)
    assert np.allclose(BatchDeviation(0)(maps), np.sqrt(maps.var(0) + 1e-8).mean((0, 1)), atol=1e-5)


def test_pictures_that_are_kept_out_are_not_trained_on(tmp_path):
    data = open_images(folder(tmp_path / 'data'), (16, 16), 3, labels=False)
    rest, out = data.without(3)
    assert rest.count + out.count == data.count and out.count == 3
    known = {picture.tobytes() for picture in rest.take(rest.count)}
    assert not known & {picture.tobytes() for picture in out.take(3)}
    assert len({data.manifest['sha256'], rest.manifest['sha256'], out.manifest['sha256']}) == 3
    for count in (0, data.count):
        with pytest.raises(UserError, match='cannot be kept out'):
            data.without(count)
    with pytest.raises(UserError, match='drawn without end'):
        open_images('shapes', (16, 16), 3).without(3)


def test_a_run_tells_the_discriminator_on_pictures_that_it_never_saw(tmp_path):
    data = small_set(tmp_path / 'data')
    options = {'preset': 'few64', 'steps': 4, 'collapse_every': 2, 'held_out': 3}
    options |= {'augment_target': 0.6, 'batch_std': True}
    train(data, workdir=tmp_path / 'run', conditional=bool(data.classes), **options, **TINY, **QUIET)
    rows = read_log(tmp_path / 'run' / 'overfitting.csv')
    assert [row['step'] for row in rows] == ['2', '4'] and all(np.isfinite(float(row['overfitting'])) for row in rows)
    assert 'augmented' in read_log(tmp_path / 'run' / 'log.csv')[0]
    again = training_data(tmp_path / 'run')
    assert (
        again.count == data.count - 3 and again.manifest['sha256'] == load_generator(tmp_path / 'run').settings['data']
    )


def test_the_alarm_rings_for_a_discriminator_that_knows_its_pictures(tmp_path):
    class Knows:
        """Gives its training pictures 1, others `unseen` and generated ones 0."""

        classes, inputs = 0, [None]

        def __init__(self, known, unseen):
            self.known, self.unseen, self.discriminator = {picture.tobytes() for picture in known}, unseen, self

        def __call__(self, images, training):
            pictures = np.round((images + 1) * 127.5).astype(np.uint8)
            real = pictures.reshape(len(pictures), -1).any(1)
            seen = np.array([picture.tobytes() in self.known for picture in pictures])
            return Value(np.where(seen, 1.0, np.where(real, self.unseen, 0.0)))

    class Value(np.ndarray):
        def __new__(cls, values):
            return np.asarray(values).view(cls)

        def numpy(self):
            return np.asarray(self)

    data = open_images(folder(tmp_path / 'data'), (16, 16), 3, labels=False)
    rest, out = data.without(3)
    for unseen, rings in ((0.1, True), (0.9, False)):
        monitor = OverfittingMonitor(rest, out, tmp_path, 0)
        gan = Knows(rest.take(rest.count), unseen)
        problems = [monitor.check(step, gan, np.zeros((4, 16, 16, 3), np.float32)) for step in (600, 700, 800)]
        assert problems[:2] == [None, None] and bool(problems[2]) == rings
        rows = read_log(tmp_path / 'overfitting.csv')
        assert float(rows[-1]['overfitting']) == pytest.approx(1 - unseen, abs=1e-3)
        monitor.back_to(0)
        assert not rings or 'knows its pictures by heart' in problems[2].text


def test_each_class_is_measured_by_itself(tmp_path):
    rng = np.random.default_rng(0)
    dark, light = rng.integers(0, 60, (12, 16, 16, 3)), rng.integers(200, 255, (12, 16, 16, 3))
    pictures = np.concatenate([dark, light]).astype(np.uint8)
    np.savez(tmp_path / 'set.npz', images=pictures, labels=np.array(['dark'] * 12 + ['light'] * 12))
    data = open_images(tmp_path / 'set.npz', (16, 16), 3)

    class Copies:
        """Gives the pictures of the class 'dark' back, and noise for 'light'."""

        latent_dim = 4
        plan = type('plan', (), {'classes': tuple(data.classes)})

        def __call__(self, latents, labels):
            made = rng.random((len(labels), 16, 16, 3)).astype(np.float32)
            made[labels == 0] = dark[: (labels == 0).sum()] / 255
            return made

    found = class_figures(Copies(), data)
    assert found['dark']['coverage'] == 1 and found['light']['coverage'] == 0 and found['dark']['count'] == 12
    assert [line.split()[0] for line in class_table(found)] == ['class', 'dark', 'light']
