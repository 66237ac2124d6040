"""Faces in styles: which pictures show one, and what becomes of the large shapes of their style."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stylegen import images
from stylegen.runs.inputs import PICTURES
from stylegen.style import Stylizer, faces, weighting
from stylegen.style.settings import StyleSettings
from stylegen.style.targets import TermKey
from stylegen.style.weighting import set_factors, shapes_of
from stylegen.utils.errors import UserError
from stylegen.utils.npz import verify
from tests.conftest import photo

PORTRAIT = Path(__file__).with_name('portrait.jpg')  # Leonardo da Vinci, Mona Lisa
STRIDES = {'input': 1, 'block1_conv1': 1, 'block4_conv1': 8}
LAYERS = dict.fromkeys(STRIDES, 1.0)


@pytest.fixture(scope='module')
def portrait():
    return images.load_image(PORTRAIT)


def test_a_portrait_shows_a_face_and_shipped_styles_show_none(portrait):
    assert faces.shows_face(portrait)
    assert faces.shows_face(portrait[:, ::-1].mean(-1, keepdims=True).repeat(3, -1))  # mirrored and grey
    shipped = sorted(PICTURES.glob('*.jpg'))
    assert shipped and not [path.name for path in shipped if faces.shows_face(images.load_image(path))]


@pytest.mark.parametrize('shape', [(1, 1), (1, 700), (2000, 30)])
def test_pictures_of_any_size_and_colour_are_taken(shape):
    assert not faces.shows_face(np.full((*shape, 3), 0.5, np.float32))


def test_the_weights_are_those_of_their_digest():
    assert verify(faces.WEIGHTS)


def test_shapes_of_styles_with_a_face_are_left_out_by_default(portrait):
    def share(styles, **settings):
        return shapes_of(StyleSettings(style_layers=LAYERS, **settings), STRIDES, styles)

    other = photo(48, 48)
    assert share([(portrait, 1.0)]) == 0 == share([(other, 0.9), (portrait, 0.1)])
    assert share([(other, 1.0)]) == 1 == share([(other, 1.0), (portrait, 0.0)]) == share([])
    assert share([(portrait, 1.0)], shapes=0.4) == 0.4
    assert share([(portrait, 1.0)], like='gatys', loss='gram') == 1
    only_deep = StyleSettings(style_layers={'block4_conv1': 1.0})
    assert shapes_of(only_deep, STRIDES, [(portrait, 1.0)]) == 1  # else no style would be left


def test_a_transfer_leaves_out_the_large_shapes_of_a_portrait(portrait, monkeypatch):
    seen, asked = [], []
    monkeypatch.setattr(weighting, 'shows_face', lambda picture: asked.append(picture) or faces.shows_face(picture))
    colors = {'color': 'linear', 'color_time': 'before'}  # the face is looked for in the portrait's own colours
    stylizer = Stylizer(network='small_vgg', iterations=1, smallest_size=10**6, margin=0, **colors)
    stylizer(photo(48, 48), portrait, callback=lambda step: seen.append(step.losses))
    deep = {'style block4_conv1', 'style block5_conv1'}
    assert {name for name, value in seen[0].items() if name.startswith('style') and not value} == deep
    assert all(np.array_equal(picture, portrait) for picture in asked) and asked


@pytest.mark.parametrize('balance', [{}, {'style_weight': 1.0}])
def test_large_shapes_count_as_their_share_says(balance):
    keys = [TermKey('style', layer, 0) for layer in LAYERS]
    settings = StyleSettings(style_layers=LAYERS, **balance)
    factors = {}
    for share in (0.0, 0.5, 1.0):
        variables = SimpleNamespace(factors=SimpleNamespace(assign=lambda x: None))
        targets = SimpleNamespace(
            keys=keys, style_layers=LAYERS, content_layers={}, areas=[1.0], strides=STRIDES, shares_of_shapes=[share],
            variables=variables, style_distances=lambda content, core: [1.0, 1.0, 1.0],
        )  # fmt: skip
        factors[share] = set_factors(targets, settings, None, (48, 48), 0)
    assert factors[0][2] == 0 < factors[0.5][2] < factors[1][2]
    assert factors[0.5][2] == pytest.approx(0.5 * factors[0.5][0])


@pytest.mark.parametrize('given', [-0.1, 1.1, 'much'])
def test_shares_beyond_0_and_1_are_refused(given):
    with pytest.raises(UserError, match='shapes'):
        StyleSettings(shapes=given)
