"""T: exact recovery, references, the two methods, constraints, masks, its file."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import nnls

from stylegen import images
from stylegen.compose import Transformation, apply, blend, fit, save_plot
from stylegen.compose.recipe import Recipe, sampling_step
from stylegen.compose.solving import group_sums, least_squares, mean_moments
from stylegen.utils import Note
from stylegen.utils.errors import UserError
from tests.conftest import photo


def noise(height=24, width=30, seed=0):
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def elements(recipe, *pictures, masks=()):
    return np.concatenate([x for _, x in recipe.bands(pictures, masks, np.float64)], axis=1)


def moments(x, y):
    return mean_moments([(x, y)])


PICTURES = {name: photo(20, 24, seed) for seed, name in enumerate('abcde')}


@pytest.mark.parametrize(
    'recipe',
    [
        *(Recipe(('a',), basis) for basis in ('linear', 'affine', 'quadratic', 'cubic', 'quartic', 'root')),
        Recipe(('a', 'b'), 'affine', reach=1, blur=(2.0,)),
        Recipe(('a', 'b'), 'pictures'),
        Recipe(('a',), 'quadratic', masks=('m', 'rest')),
    ],
    ids=lambda recipe: f'{recipe.basis}{recipe.reach}{len(recipe.masks)}',
)
def test_a_known_matrix_is_recovered(recipe):
    pictures = [noise(seed=seed) for seed in range(len(recipe.pictures))]
    mask = noise(seed=9)[..., 0]
    x = elements(recipe, *pictures, masks=[mask, 1 - mask][: len(recipe.masks)])
    known = np.random.default_rng(5).normal(0, 1, (len(recipe.rows), len(recipe.columns)))
    found = least_squares(moments(x, known @ x))
    assert found.rank == len(recipe.columns) == len(x)
    assert np.abs(found.matrix - known).max() < 1e-7 and found.error < 1e-6


def test_it_is_the_least_squares_of_numpy_also_with_a_ridge():
    x, y = elements(Recipe(('a',), 'cubic'), noise()), noise(seed=1).reshape(-1, 3).T
    reference = np.linalg.lstsq(x.T, y.T, rcond=None)[0].T
    assert np.abs(least_squares(moments(x, y)).matrix - reference).max() < 1e-8
    pixels, extra = x.shape[1], np.sqrt(0.01 * x.shape[1]) * np.eye(len(x))
    reference = np.linalg.lstsq(np.vstack([x.T, extra]), np.vstack([y.T, np.zeros((len(x), 3))]), rcond=None)[0].T
    assert np.abs(least_squares(moments(x, y), 0.01).matrix - reference).max() < 1e-8
    assert pixels == 24 * 30


def test_weights_never_below_zero_are_those_of_scipy():
    x = np.stack([picture.ravel() for picture in PICTURES.values()]).astype(np.float64)
    y = 0.5 * x[:1] - 0.4 * x[1:2] + 0.3 * x[3:4] + 0.01 * noise(20, 24).reshape(1, -1)
    found = least_squares(moments(x, y), 0, 'nonnegative').matrix[0]
    assert np.abs(found - nnls(x.T, y[0])[0]).max() < 1e-8 and found[1] == 0


def test_a_blend_is_convex_and_no_other_is_nearer():
    x = np.stack([picture.ravel() for picture in PICTURES.values()]).astype(np.float64)
    y = 0.7 * x[:1] - 0.3 * x[1:2] + 0.6 * x[3:4]
    found = least_squares(moments(x, y), 0, 'convex').matrix[0]
    assert found.min() >= 0 and found.sum() == pytest.approx(1) and found[1] == 0
    least = np.square(found @ x - y).mean()
    for other in np.random.default_rng(0).dirichlet(np.ones(5) / 2, 400):
        near = 0.98 * found + 0.02 * other
        assert np.square(near @ x - y).mean() >= least - 1e-12
    inside = np.array([[0.2, 0.3, 0.1, 0.4, 0.0]])
    assert np.abs(least_squares(moments(x, inside @ x), 0, 'convex').matrix - inside).max() < 1e-8


@pytest.mark.parametrize('constraint', ['none', 'nonnegative', 'convex'])
def test_gradient_descent_agrees_with_least_squares(constraint):
    target = np.clip(0.6 * PICTURES['a'] - 0.2 * PICTURES['b'] + 0.5 * PICTURES['d'] + 0.02, 0, 1)
    masks = {'left': np.tile(np.linspace(0, 1, 24, dtype=np.float32), (20, 1))}
    how = {'basis': 'pictures', 'constraint': constraint, 'masks': masks}
    exact, found = (fit(PICTURES, target, method=method, **how) for method in ('least_squares', 'gradient_descent'))
    assert np.abs(exact.matrix - found.matrix).max() < 1e-4
    losses = [loss for _, loss in found.about['losses']]
    assert losses[-1] == pytest.approx(min(losses), rel=1e-3) and losses[0] > losses[-1]
    assert exact.about['error'] == pytest.approx(found.about['error'], abs=1e-6)


def test_gradient_descent_finds_a_badly_conditioned_matrix_and_reports():
    x = elements(Recipe(('a',), 'cubic'), photo(20, 24))
    found, seen = None, []
    from stylegen.compose.descending import descend

    known = np.random.default_rng(0).normal(0, 1, (3, 20))
    found = descend(moments(x, known @ x), callback=lambda step, loss: seen.append(step))
    assert np.abs(found.matrix - known).max() < 1e-4
    assert seen[-1] == 1500 and 50 < len(seen) < 200


def test_the_order_of_elements_does_not_matter():
    target = noise(20, 24)
    one = fit(PICTURES, target, constraint='convex')
    other = fit(dict(reversed(PICTURES.items())), target, constraint='convex')
    first, second = one.named(), other.named()
    for row in 'rgb':
        assert first[row] == pytest.approx(second[row], abs=1e-9)
    shuffled = {name: PICTURES[name] for name in 'ecbad'}
    assert np.abs(apply(one, PICTURES) - apply(other, shuffled)).max() < 1e-5, 'names count, not places'


def test_dependent_elements_are_said_and_the_smallest_matrix_is_taken():
    twice = {'a': PICTURES['a'], 'again': PICTURES['a'], 'b': PICTURES['b']}
    target = 0.5 * PICTURES['a'] + 0.25 * PICTURES['b']
    with pytest.warns(Note, match='only 2 of the 3 elements are linearly independent'):
        found = fit(twice, target, basis='pictures')
    assert np.abs(found.matrix - [[0.25, 0.25, 0.25]]).max() < 1e-7
    grey = np.repeat(noise()[..., :1], 3, axis=2)
    with pytest.warns(Note, match='only 2 of the 4'):
        found = fit(grey, grey * 0.5)
    assert np.abs(found.matrix[:, :3] - 1 / 6).max() < 1e-6
    with pytest.warns(Note):
        assert np.abs(apply(found, grey) - 0.5 * grey).max() < 1e-6
        black = fit(np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 3), np.float32), basis='linear')
    assert not black.matrix.any()


def test_a_filter_is_learned_from_shifted_copies():
    picture = noise()
    shifted = np.roll(picture, (0, -1), (0, 1))
    shifted[:, -1] = picture[:, -1]  # what lies beyond the border repeats it
    found = fit(picture, shifted, reach=1, basis='linear')
    assert found.named()['g']['g[+0,+1]'] == pytest.approx(1, abs=1e-5)
    assert np.abs(apply(found, picture) - shifted).max() < 1e-4


def test_masks_have_matrices_of_their_own_and_share_where_they_overlap():
    left = np.zeros((20, 24), np.float32)
    left[:, :12] = 1
    right = np.zeros((20, 24), np.float32)
    right[:, 8:20] = 1
    a, b = PICTURES['a'], PICTURES['b']
    share = np.stack([left, right]) / np.maximum(left + right, 1)
    target = (share[0] * 0.5 + share[1] + (1 - share.sum(0)) * 0.25)[..., None] * a
    found = fit(a, target, masks={'left': left, 'right': right}, basis='linear')
    assert found.recipe.masks == ('left', 'right', 'rest')
    red = found.named()['r']
    assert [red[f'{mask}:r'] for mask in ('left', 'right', 'rest')] == pytest.approx([0.5, 1, 0.25], abs=1e-5)
    assert np.abs(apply(found, a, masks=[left, right]) - target).max() < 1e-5
    other = share[0, ..., None] * (0.3 * a + 0.7 * b) + (1 - share[0, ..., None]) * b
    blended = fit({'a': a, 'b': b}, other, masks={'left': share[0]}, basis='pictures', constraint='convex').matrix
    assert np.abs(blended @ group_sums(4, 2).T - 1).max() < 1e-9
    assert np.abs(blended - [[0.3, 0.7, 0, 1]]).max() < 1e-5


def test_a_mask_is_any_picture(tmp_path):
    mask = np.tile(np.arange(24, dtype=np.float32) > 11, (20, 1)).astype(np.float32)
    images.save_image(tmp_path / 'mask.png', np.repeat(mask[..., None], 3, axis=2))
    a, b = PICTURES['a'], PICTURES['b']
    with Image.open(tmp_path / 'mask.png') as opened:
        for given in (tmp_path / 'mask.png', str(tmp_path / 'mask.png'), opened, mask):
            found = fit(a, b, masks=given)
            assert found.recipe.masks == ('a', 'rest')
            assert np.array_equal(apply(found, a, masks=given), apply(found, a, masks={'a': mask}))
            assert set(blend([a, b], b, masks=given).weights) == {'a:a', 'a:b', 'rest:a', 'rest:b'}


def test_pictures_larger_than_a_band_and_few_pixels_give_the_same():
    picture = noise(300, 250)
    matrix = np.array([[0.2, 0.3, 0.4, 0.05]] * 3)
    x = elements(Recipe(('a',)), picture)
    target = (matrix @ x).T.reshape(picture.shape).astype(np.float32)
    for pixels in (10**6, 1000, 16):
        found = fit(picture, target, pixels=pixels)
        assert np.abs(found.matrix - matrix).max() < 1e-4
    assert np.abs(apply(found, picture) - target).max() < 1e-5
    assert sampling_step((300, 250), 1000) == 77, 'the first of 75 and more without a common factor with 250'


def test_elements_of_another_size_are_resized_and_of_another_aspect_refused():
    target = photo(20, 24)
    found = fit(photo(40, 48), target)
    assert apply(found, photo(10, 12)).shape == (10, 12, 3)
    with pytest.raises(UserError, match='of another shape'):
        fit(photo(30, 24), target)
    with pytest.raises(UserError, match='give at least one element'):
        fit([], target)
    with pytest.raises(UserError, match='learned from 1 pictures'):
        apply(found, [target, target])
    with pytest.raises(UserError, match="may not be called 'rest'"):
        fit(target, target, masks={'rest': np.ones((20, 24))})
    with pytest.raises(UserError, match='reach and blur are for the channels'):
        fit(target, target, basis='pictures', reach=1)
    with pytest.warns(Note, match='only 1 of the 4'):
        assert fit(photo(1, 1), photo(1, 1), ridge=1e-6).matrix.shape == (3, 4)


@pytest.mark.parametrize('suffix', ['.json', '.npz'])
def test_a_file_gives_the_matrix_back_bit_for_bit(tmp_path, suffix):
    found = fit({'day': noise(), 'night': noise(seed=1)}, noise(seed=2), blur=(2,), masks=[noise(seed=3)[..., 0]])
    path = found.save(tmp_path / f'T{suffix}')
    again = Transformation.load(path)
    assert np.array_equal(again.matrix, found.matrix) and again.recipe == found.recipe
    assert again.about['settings']['blur'] == '2' and 'a:night.b~2' in again.columns


@pytest.mark.parametrize('suffix', ['.json', '.npz'])
def test_a_file_in_the_home_folder_is_found(tmp_path, monkeypatch, suffix):
    monkeypatch.setenv('HOME', str(tmp_path))
    found = fit(noise(), noise(seed=1))
    found.save(tmp_path / f'T{suffix}')
    assert np.array_equal(Transformation.load(f'~/T{suffix}').matrix, found.matrix)


@pytest.mark.parametrize(
    'change',
    [
        lambda known: known.update(matrix=[[1.0, 2.0]]),
        lambda known: known.update(matrix=[[float('nan')] * 4] * 3),
        lambda known: known.update(matrix=[['x'] * 4] * 3),
        lambda known: known.update(matrix='many'),
        lambda known: known.update(columns=['r', 'g', 'b', '2']),
        lambda known: known.update(format='another'),
        lambda known: known['elements'].update(reach=10**9),
        lambda known: known['elements'].update(pictures=[1]),
        lambda known: known['elements'].update(basis='list'),
        lambda known: known['elements'].update(blur=[1e9]),
        lambda known: known.pop('rows'),
        lambda known: known.update(elements=None),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, change):
    path = fit(noise(), noise(seed=1)).save(tmp_path / 'T.json')
    known = json.loads(path.read_text())
    change(known)
    path.write_text(json.dumps(known))
    with pytest.raises(UserError, match=r'T\.json') as error:
        Transformation.load(path)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('name', ['T.json', 'T.npz'])
@pytest.mark.parametrize('data', [b'', b'no json', b'[1, 2]', b'PK\x03\x04', b'\xff' * 9])
def test_what_is_no_file_of_ours_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=name):
        Transformation.load(tmp_path / name)
    with pytest.raises(UserError, match='does not exist'):
        Transformation.load(tmp_path / 'missing.json')


def test_a_plot_shows_the_matrix_and_the_losses(tmp_path):
    found = fit(noise(), noise(seed=1))
    small = save_plot(tmp_path / 'T.svg', found).read_text()
    losses = {**found.about, 'losses': [(0, 1.0), (10, 0.1)]}
    large = save_plot(tmp_path / 'T2.svg', Transformation(found.matrix, found.recipe, losses)).read_text()
    assert len(large) > 1.2 * len(small)
    with pytest.raises(UserError, match=r'\.png, \.svg, \.pdf'):
        save_plot(tmp_path / 'T.doc', found)
