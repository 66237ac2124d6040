"""Pictures to vectors to figures: what a record carries, and that every figure worsens as pictures do."""

import json

import numpy as np
import pytest
from PIL import Image

from stylegen.images import pixels
from stylegen.metrics import embeddings, evaluation
from stylegen.metrics.embeddings import embed, open_embedding
from stylegen.metrics.evaluation import FIGURES, Evaluator
from stylegen.utils.errors import UserError
from tests.plain import PLAIN

KINDS = {'disc': (40, 60, 200), 'square': (60, 180, 60), 'stripes': (200, 180, 150), 'cross': (60, 50, 50)}


def pictures(count, seed, kinds=tuple(KINDS)):
    """Shapes of random colour, place and size, each kind on grounds of its own, uint8 (count, 32, 32, 3), in turns."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    made = np.empty((count, 32, 32, 3), np.uint8)
    for i in range(count):
        kind = kinds[i % len(kinds)]
        ground, colour = KINDS[kind] + rng.integers(-40, 41, 3), rng.integers(0, 256, 3)
        down, across, size = *rng.integers(10, 22, 2), rng.integers(5, 11)
        inside = {
            'disc': (y - down) ** 2 + (x - across) ** 2 < size**2,
            'square': np.maximum(abs(y - down), abs(x - across)) < size,
            'stripes': (y + down) % size < size // 2,
            'cross': np.minimum(abs(y - down), abs(x - across)) < size // 3,
        }[kind]
        made[i] = np.where(inside[..., None], colour, ground).clip(0, 255)
    return made


@pytest.fixture(scope='module')
def mini():
    return open_embedding('mini')


def evaluated(generated, reference, **settings):
    """The figures of one set."""
    return Evaluator(reference, [PLAIN], **settings)(generated)


def test_vectors_are_the_networks_average_over_the_picture_brought_to_size(mini):
    """The same by Pillow on whole pictures and the network's own extractor."""
    from stylegen.networks import feature_extractor

    images = pictures(3, 0)[:, :, :20]
    enlarged = [
        np.stack([_bicubic(image[..., c], 64) for c in range(3)], -1) for image in images.astype(np.float32) / 255
    ]
    maps = feature_extractor('mini', ('block5_conv2',))(np.clip(enlarged, 0, 1))['block5_conv2']
    expected = np.mean(maps, (1, 2))
    assert mini(images).shape == (3, 192) == (3, mini.dimension)
    assert np.allclose(mini(images), expected, atol=1e-4 * expected.max())


def _bicubic(plane, side):
    return np.asarray(Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC))


def test_vectors_do_not_depend_on_the_batches(mini, monkeypatch):
    monkeypatch.setattr(embeddings, 'BATCH', 5)
    images = pictures(11, 1)
    whole = mini(images)
    reported = []
    found = embed((images[a:b] for a, b in ((0, 4), (4, 4), (4, 11))), [mini], progress=reported.append)
    assert reported == [4, 9, 11] and found.count == 11 and found.shape == (32, 32, 3)
    assert np.allclose(found.vectors['mini'], whole, atol=1e-5 * whole.max())


def test_grey_pictures_are_repeated_to_rgb(mini):
    grey = pictures(2, 2)[..., :1]
    assert np.allclose(mini(grey), mini(np.repeat(grey, 3, axis=3)), atol=1e-5)


@pytest.mark.slow
def test_inception_is_that_of_keras_with_an_average(tmp_path, monkeypatch):
    from stylegen.utils.backend import keras

    monkeypatch.setenv('KERAS_HOME', str(tmp_path))
    assert embeddings.embeddings_here() == ('mini',)
    with pytest.raises(UserError, match='inception_v3'):
        open_embedding('inception_keras')
    keras.utils.set_random_seed(0)
    model = keras.applications.InceptionV3(weights=None, include_top=False, pooling='avg')
    model.save_weights(tmp_path / 'inception.weights.h5')
    embedding = open_embedding('inception_keras', tmp_path / 'inception.weights.h5')
    images = pictures(2, 3)
    enlarged = [np.stack([_bicubic(i[..., c], 299) for c in range(3)], -1) for i in images.astype(np.float32) / 255]
    expected = model(2 * np.clip(enlarged, 0, 1) - 1).numpy()
    assert embedding(images).shape == (2, 2048)
    assert np.allclose(embedding(images), expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize('bad', [np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8)])
def test_what_are_no_pictures_is_refused(bad):
    with pytest.raises(ValueError, match='uint8'):
        embed(bad, [PLAIN])
    with pytest.raises(ValueError, match='one shape'):
        embed([np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 8, 9, 3), np.uint8)], [PLAIN])
    with pytest.raises(UserError, match='no pictures'):
        embed([], [PLAIN])
    with pytest.raises(UserError, match='unknown features'):
        open_embedding('inception')


def test_a_record_says_what_it_was_made_from():
    told = []
    records = evaluated(
        pictures(20, 0), iter([pictures(16, 1), pictures(14, 2)]), split='train', other=pictures(12, 3),
        other_split='test', seed=3, progress=lambda what, done: told.append((what, done)),
    )  # fmt: skip
    assert json.loads(json.dumps(records)) == records
    assert set(records) == {f'{name}_plain' for name in FIGURES}
    for name, record in records.items():
        assert (record['generated'], record['reference'], record['split'], record['seed']) == (20, 30, 'train', 3)
        assert record['floor_of'] == 'test against train: 12 against 30'
        assert record['ceiling_of'] == 'uniform noise against train: 12 against 30'
        assert record['features'] == {'name': 'plain', 'layer': 'none', 'dimensions': 9, 'sha256': '0' * 64}
        assert record['image_size'] == [32, 32, 3] and 'bicubic' in record['resize'], name
        assert all(np.isfinite(record[key]) for key in ('value', 'floor', 'ceiling'))
    assert records['kid_plain']['settings'] == {'subsets': 100, 'subset_size': 20, 'degree': 3}
    assert records['recall_plain']['settings'] == {'neighbours': 5}
    assert told[-1] == ('generated', 20) and {what for what, _ in told} == {'train', 'test', 'noise', 'generated'}


def test_the_figures_depend_on_nothing_but_pictures_and_seed():
    sets = pictures(30, 0), pictures(40, 1)
    first = evaluated(*sets, seed=5)
    assert first == evaluated(*sets, seed=5)
    other = evaluated(*sets, seed=6)
    assert first['fid_plain']['floor'] != other['fid_plain']['floor']  # of other halves
    assert first['fid_plain']['value'] == other['fid_plain']['value']
    assert first['fid_plain']['floor_of'] == 'halves of reference: 20 against 20'


def test_large_sets_are_thinned_for_figures_of_pairs_and_the_record_says_so(monkeypatch):
    monkeypatch.setattr(evaluation, 'MAX_PAIRED', 15)
    records = evaluated(pictures(20, 0), pictures(30, 1))
    counts = {name: (record['generated'], record['reference']) for name, record in records.items()}
    assert counts['fid_plain'] == counts['kid_plain'] == (20, 30)
    assert counts['coverage_plain'] == counts['diversity_plain'] == (15, 15)


def test_a_folder_of_five_pictures_can_be_measured_and_three_cannot():
    records = evaluated(pictures(6, 0), pictures(5, 1))
    assert all(np.isfinite(record['value']) for record in records.values())
    assert 'singular' in records['fid_plain']['note'] and records['recall_plain']['settings'] == {'neighbours': 4}
    grey = np.full((5, 32, 32, 3), 128, np.uint8)
    assert evaluated(grey, grey)['fid_plain']['value'] == 0
    with pytest.raises(UserError, match='at least 4 real pictures; there are 3'):
        evaluated(pictures(6, 0), pictures(3, 1))
    with pytest.raises(UserError, match='2 pictures of each kind'):
        evaluated(pictures(1, 0), pictures(5, 1))


def test_pictures_of_another_size_are_refused():
    with pytest.raises(UserError, match='the generated pictures are 32x16x3, those of train 32x32x3'):
        evaluated(pictures(9, 0)[:, :, :16], pictures(9, 1), split='train')


def _noisy(images, deviation):
    noise = np.random.default_rng(9).normal(0, deviation, images.shape)
    return (images + noise).clip(0, 255).round().astype(np.uint8)


def _blurred(images, side):
    """Brought to a smaller side and back."""
    small = (pixels.resize(image, (side, side)) for image in images)
    return np.stack([pixels.resize(each, (32, 32)).clip(0, 255).round() for each in small]).astype(np.uint8)


def test_figures_on_mini_worsen_as_pictures_do_and_lie_between_floor_and_ceiling(mini):
    """Noise, blur and kinds that are missing, each in two degrees."""
    count = 100
    real, same = pictures(count, 0), pictures(count, 1)
    evaluator = Evaluator(real, [mini], other=pictures(count, 2), subsets=20)
    damage = {
        'noise': [_noisy(same, 20), _noisy(same, 100)],
        'blur': [_blurred(same, 16), _blurred(same, 5)],
        'dropped': [pictures(count, 1, ('disc', 'cross')), pictures(count, 1, ('disc',))],
    }
    clean = evaluator(same)
    for kind, degrees in damage.items():
        found = [clean, *map(evaluator, degrees)]
        for name in ('fid', 'kid'):
            values = [each[f'{name}_mini']['value'] for each in found]
            assert values == sorted(values), (kind, name, values)
        coverage = [each['coverage_mini']['value'] for each in found]
        assert coverage[0] > coverage[-1] + 0.2, (kind, coverage)
    fid = clean['fid_mini']
    assert fid['floor'] < 2 * fid['value'] < 4 * fid['floor'] < fid['ceiling']
    assert abs(clean['coverage_mini']['value'] - clean['coverage_mini']['floor']) < 0.15
    assert clean['coverage_mini']['ceiling'] < 0.05
    one_kind, all_kinds = found[-1]['diversity_mini'], clean['diversity_mini']
    assert one_kind['value'] < 0.9 * all_kinds['floor'] < all_kinds['value'] * 1.1
