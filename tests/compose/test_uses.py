"""Grades and their LUT, blends, mosaics and collages."""

import zipfile

import numpy as np
import pytest

from stylegen import images
from stylegen.compose import (
    CollageSettings,
    Part,
    Transformation,
    apply,
    blend,
    collage,
    fit,
    grade,
    learn_grade,
    lookup_table,
    mosaic,
    write_cube,
)
from stylegen.compose.assigning import assign
from stylegen.compose.poisson import enlarged, neighbours, reduced, solve_poisson
from stylegen.compose.tiles import open_tiles, tile_features
from stylegen.utils.errors import UserError
from tests.conftest import photo


def noise(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def look(pixels):
    """More contrast, yellow lights; cut off at white."""
    return np.clip(pixels * pixels * (3 - 2 * pixels) * [1.2, 1.1, 0.8] + 0.02, 0, 1).astype(np.float32)


BEFORE = noise(60, 80)
LOOK = learn_grade(BEFORE, look(BEFORE))


def test_a_grade_is_learned_from_a_pair_and_holds_for_other_pictures():
    other = photo(40, 50, 7)
    assert np.abs(apply(LOOK, other) - look(other)).max() < 3 / 255
    assert np.array_equal(grade(other, BEFORE, look(BEFORE)), apply(LOOK, other))


def test_what_is_cut_off_at_white_does_not_bend_the_grade():
    bright = np.clip(1.6 * BEFORE, 0, 1)
    found = learn_grade(BEFORE, bright, ridge=0, basis='affine')
    assert np.abs(found.matrix - 1.6 * np.eye(3, 4)).max() < 0.02
    plain = fit(BEFORE, bright)
    assert np.abs(plain.matrix - 1.6 * np.eye(3, 4)).max() > 0.2, 'which plain least squares does'


def test_a_ramp_stays_a_ramp_without_bands():
    ramp = np.tile(np.linspace(0, 1, 1024, dtype=np.float32)[None, :, None], (2, 1, 3))
    made = apply(LOOK, ramp)[0]
    steps = np.diff(made, axis=0)
    assert steps.min() > -1e-6 and steps.max() < 3 / 1024


def test_colours_that_the_pair_does_not_show_follow_its_affine_map():
    grey = np.tile(np.linspace(0.3, 0.6, 100, dtype=np.float32)[:, None, None], (1, 20, 3))
    grey = np.clip(grey + 0.01 * (noise(100, 20) - 0.5), 0, 1)
    found = learn_grade(grey, np.clip(0.9 * grey + 0.05, 0, 1))
    cube = lookup_table(found, 9)
    assert cube.min() > -0.1 and cube.max() < 1.1
    assert np.abs(cube[-1, 0, 0] - [0.05, 0.05, 0.95]).max() < 0.15, 'blue stays blue'
    uneven = 0.9 * grey + 0.05 + 0.01 * noise(100, 20, 1)
    tame, wild = (lookup_table(learn_grade(grey, uneven, ridge=ridge), 9) for ridge in (0.01, 0))
    assert np.abs(tame).max() < 1.5 and np.abs(wild).max() > 10, 'without the ridge they do not'


def read_cube(path):
    """What a video editor does: the table, (blue, green, red, 3)."""
    lines = [line.split() for line in path.read_text().splitlines()]
    size = next(int(line[1]) for line in lines if line[0] == 'LUT_3D_SIZE')
    values = [[float(number) for number in line] for line in lines if line[0][0] in '-0123456789']
    return np.array(values).reshape(size, size, size, 3)


def interpolated(table, colours):
    """Trilinear, clipped."""
    place = colours * (len(table) - 1)
    low = np.minimum(place.astype(int), len(table) - 2)
    share = place - low
    total = 0
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, share, 1 - share), axis=-1)
        red, green, blue = (low + corner).T
        total = total + weight[:, None] * table[blue, green, red]
    return np.clip(total, 0, 1)


def test_the_lut_is_what_apply_does(tmp_path):
    path = write_cube(tmp_path / 'warm look.cube', LOOK)
    colours = noise(50, 60, 3)
    made = interpolated(read_cube(path), colours.reshape(-1, 3)).reshape(colours.shape)
    assert np.abs(made - apply(LOOK, colours)).max() < 1 / 255
    assert path.read_text().startswith('TITLE "warm look"\nLUT_3D_SIZE 33\n')
    with pytest.raises(UserError, match='no map of colours'):
        write_cube(tmp_path / 'no.cube', fit(BEFORE, BEFORE, reach=1, ridge=1e-3))
    with pytest.raises(UserError, match='from 2 to 129'):
        lookup_table(LOOK, 1)
    with pytest.raises(UserError, match=r'\.cube'):
        write_cube(tmp_path / 'look.lut', LOOK)


def test_a_pair_of_other_sizes_and_grey_pictures_are_taken():
    small = images.resize(look(photo(60, 80)), (30, 40)).clip(0, 1)
    assert np.abs(apply(learn_grade(photo(60, 80), small), photo(60, 80)) - look(photo(60, 80))).max() < 12 / 255
    grey = np.repeat(photo(20, 20)[..., :1], 3, 2)
    assert np.abs(apply(learn_grade(grey, grey), grey) - grey).max() < 1 / 255
    assert learn_grade(photo(1, 1), photo(1, 1)).matrix.shape == (3, 20)
    with pytest.raises(UserError, match='another shape'):
        learn_grade(photo(60, 80), photo(80, 60))


def test_a_blend_finds_the_shares_and_cuts_pictures_to_the_target():
    parts = {name: photo(30, 40, seed) for seed, name in enumerate('abc')}
    target = 0.25 * parts['a'] + 0.75 * parts['c']
    found = blend(parts, target)
    assert found.weights == pytest.approx({'a': 0.25, 'b': 0, 'c': 0.75}, abs=1e-5)
    assert np.abs(found.image - target).max() < 1e-5
    wide = np.concatenate([np.zeros((30, 10, 3), np.float32), parts['a'], np.zeros((30, 10, 3), np.float32)], 1)
    assert blend([wide], target).image.shape == (30, 40, 3)
    assert np.abs(blend([wide], target).image - parts['a']).max() < 1e-6
    assert isinstance(found.transformation, Transformation)


@pytest.fixture(scope='module')
def tiles(tmp_path_factory):
    """A zip of 40 tiles, and one that is no picture."""
    folder = tmp_path_factory.mktemp('tiles')
    with zipfile.ZipFile(folder / 'tiles.zip', 'w') as archive:
        for number in range(40):
            images.save_image(folder / 'tile.png', noise(8, 8, number) * 0.4 + 0.6 * noise(1, 1, number))
            archive.write(folder / 'tile.png', f'{number:02}.png')
        archive.writestr('bad.png', b'no picture')
    return folder / 'tiles.zip'


def test_a_picture_made_of_tiles_is_made_of_the_same_tiles_again(tiles):
    library = open_tiles(tiles, 8, 4)
    chosen = np.random.default_rng(0).permutation(40)[:30].reshape(5, 6)
    target = np.concatenate(
        [np.concatenate([images.from_uint8(library.load(int(n))) for n in row], 1) for row in chosen]
    )
    for source in (tiles, library):
        found = mosaic(target, source, columns=6, tile_size=8, most=1)
        assert np.array_equal(found.assignment.tiles, chosen)
        assert np.abs(found.image - target).max() < 1e-6
    assert [name for name, _ in found.skipped] == ['bad.png']


def test_a_library_that_is_not_held_is_read_again_to_the_same_mosaic(tiles):
    held, read = open_tiles(tiles, 8, 4), open_tiles(tiles, 8, 4, held=0)
    assert np.array_equal(mosaic(photo(40, 40), held, columns=5).image, mosaic(photo(40, 40), read, columns=5).image)


def test_no_tile_is_used_too_often_nor_near_itself(tiles):
    found = mosaic(photo(90, 120), tiles, columns=20, tile_size=4, most=8, apart=2).assignment
    assert found.tiles.shape == (15, 20) and found.near == 0
    assert np.bincount(found.tiles.ravel()).max() <= 8
    for down in range(-2, 3):
        for right in range(-2, 3):
            if (down, right) > (0, 0):
                rows, columns = slice(down, None), slice(max(0, right), 20 + min(0, right))
                others = found.tiles[: 15 - down, max(0, -right) : 20 - max(0, right)]
                assert not (found.tiles[rows, columns] == others).any()


def test_swaps_bring_tiles_nearer_and_few_tiles_are_told():
    blocks, tiles = noise(60, 4).reshape(60, 12), noise(60, 4, 1).reshape(60, 12)
    found = assign(blocks, tiles, (6, 10), 1, 0)
    assert sorted(found.tiles.ravel()) == list(range(60))
    distance = np.square(blocks - tiles[found.tiles.ravel()]).sum()
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    table = cdist(blocks, tiles, 'sqeuclidean')
    best = table[linear_sum_assignment(table)].sum()
    random = table[np.arange(60), np.arange(60)].sum()
    assert distance < best + 0.1 * (random - best)
    with pytest.raises(UserError, match=r'60 blocks need more than 10 tiles.*--most=6'):
        assign(blocks, tiles[:10], (6, 10), 5, 3)
    assert assign(blocks, tiles[:10], (6, 10), 6, 3).apart == 1, 'as few as ten cannot be 3 blocks apart'
    alone = assign(blocks, tiles[:1], (6, 10), None, 3)
    assert (alone.tiles == 0).all() and alone.apart == 0


def test_tint_gives_a_tile_the_colour_of_its_block_and_zero_leaves_it(tiles):
    target = np.full((16, 16, 3), [0.5, 0.45, 0.5], np.float32)
    plain, tinted = (mosaic(target, tiles, columns=2, tile_size=8, tint=tint) for tint in (0, 1))
    library = open_tiles(tiles, 8, 4)
    assert np.array_equal(plain.image[:8, :8], images.from_uint8(library.load(int(plain.assignment.tiles[0, 0]))))
    assert np.abs(tinted.image[:8, :8].mean((0, 1)) - target[0, 0]).max() < 0.02
    assert not np.any(plain.offsets) and np.any(tinted.offsets)


def test_rough_tiles_are_told_from_flat_ones_of_the_same_colours():
    flat = np.full((8, 8, 3), 128, np.uint8)
    rough = flat.copy()
    rough[::2, ::2] += 40
    rough[1::2, 1::2] -= 40
    assert tile_features(flat, 2)[-1] == pytest.approx(0, abs=1e-3) and tile_features(rough, 2)[-1] > 0.05


def test_tiles_are_cut_out_of_several_pictures_with_names_or_without():
    pictures = {'a': photo(64, 64), 'b': photo(40, 50, 1)}
    named, listed = (mosaic(photo(20, 30), some, columns=6, tile_size=8) for some in (pictures, [*pictures.values()]))
    assert np.array_equal(named.image, listed.image) and named.names == listed.names
    with pytest.raises(UserError, match='at least one picture'):
        mosaic(photo(20, 30), [], columns=6, tile_size=8)


def test_tiles_are_cut_out_of_pictures_and_too_large_a_mosaic_is_refused():
    one, two = (mosaic(photo(20, 30), {'a': photo(64, 64)}, columns=6, tile_size=8, seed=seed) for seed in (1, 1))
    assert np.array_equal(one.image, two.image) and one.image.shape == (32, 48, 3)
    with pytest.raises(UserError, match='less --columns or --tile_size'):
        mosaic(photo(20, 30), {'a': photo(64, 64)}, columns=2000, tile_size=500)
    assert mosaic(photo(1, 1), {'a': photo(4, 4)}, columns=1, tile_size=2).image.shape == (2, 2, 3)


def disc(height, width, radius):
    y, x = np.mgrid[:height, :width]
    return ((y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2).astype(np.float32)


@pytest.mark.parametrize('size', [(7, 9), (16, 16), (33, 20)])
def test_grids_are_made_finer_and_coarser_by_transposed_maps(size):
    half = tuple((side + 1) // 2 for side in size)
    coarse, fine = noise(*half).astype(np.float64), noise(*size, 1).astype(np.float64)
    assert np.sum(enlarged(coarse, size) * fine) == pytest.approx(np.sum(coarse * reduced(fine)))


@pytest.mark.parametrize('screen', [0.0, 0.05])
def test_the_equation_is_solved_on_any_mask(screen):
    true = noise(61, 50)
    inside = (noise(61, 50, 2)[..., 0] < 0.8) & (disc(61, 50, 28) > 0)
    degree = neighbours(np.ones((61, 50, 1), np.float32)) + screen
    found = solve_poisson(degree * true - neighbours(true), inside, np.where(inside[..., None], 0, true), screen)
    assert np.abs(found - true).max() < 1e-3


def test_a_part_of_another_brightness_leaves_no_seam_and_the_rest_bit_for_bit():
    scene, mask = photo(60, 70) * 0.5 + 0.25, disc(60, 70, 20)
    other = scene + np.array([0.2, -0.1, 0.15])
    made = collage(scene, [(other, mask)])
    assert np.abs(made - scene).max() < 1e-3, "only the gradients count, and they are the scene's"
    assert np.array_equal(made[mask == 0], scene[mask == 0])
    assert np.abs(collage(scene, [(other, mask)], gradients='none') - scene).max() > 0.19
    near = collage(scene, [(other, mask)], bleed=0.03)
    assert np.abs(near[30, 35] - other[30, 35]).max() < 0.02, 'far from the border the part keeps its colours'
    edge = mask.astype(bool)
    edge &= neighbours(mask[..., None])[..., 0] < 4
    assert np.abs(near - scene)[edge].mean() < 0.5 * np.abs(other - scene)[edge].mean()


def test_mixed_gradients_keep_what_is_strong_in_either():
    scene, part = np.full((40, 40, 3), 0.5, np.float32), np.full((40, 40, 3), 0.3, np.float32)
    scene[:, 19:21] = 0.9
    part[25:27] = 0.7
    mask = disc(40, 40, 16)
    made = {how: collage(scene, [(part, mask)], gradients=how) for how in ('part', 'mixed')}
    assert made['mixed'][12, 20, 0] - made['mixed'][12, 24, 0] > 0.25, 'the line of the scene'
    assert made['mixed'][26, 14, 0] - made['mixed'][22, 14, 0] > 0.25, 'the line of the part'
    assert abs(made['part'][20, 20, 0] - made['part'][20, 24, 0]) < 0.1


def test_parts_are_placed_overlap_and_may_reach_beyond_the_border():
    scene, red, blue = np.full((50, 60, 3), 0.5, np.float32), np.zeros((10, 10, 3), np.float32), noise(10, 10)
    red[..., 0] = 1
    flat = {'gradients': 'none'}
    made = collage(scene, [Part(red, at=(0.5, 0.5)), Part(blue, at=(0.5, 0.5), width=0.1)], **flat)
    assert (made[20:30, 25:35] != 0.5).all() and np.array_equal(made[20, 25], red[0, 0])
    assert (made[:20] == 0.5).all() and not np.array_equal(made[25, 30], red[0, 0]), 'the later part lies above'
    corner = collage(scene, [Part(red, at=(0, 0))], **flat)
    assert np.array_equal(corner[:5, :5], red[:5, :5]) and (corner[5:] == 0.5).all()
    assert np.isfinite(collage(scene, [Part(noise(20, 24), at=(1, 1))])).all()
    assert np.isfinite(collage(scene, [Part(noise(50, 60))])).all(), 'a part as large as the scene'
    soft = collage(scene, [(np.ones((50, 60, 3), np.float32), np.full((50, 60), 0.5, np.float32))], **flat)
    assert soft == pytest.approx(np.full((50, 60, 3), 0.75))
    for wrong, why in (
        (Part(red, at=(3, 3)), 'beside the scene'),
        (Part(red, np.zeros((10, 10)), at=(0.5, 0.5)), 'its mask is black'),
        (Part(red, at=(0.5, 0.5), width=-1.0), 'a width is above 0'),
        (Part(red, np.ones((10, 30)), at=(0.5, 0.5)), 'of another shape'),
    ):
        with pytest.raises(UserError, match=why):
            collage(scene, [wrong])
    with pytest.raises(UserError, match='at least one part'):
        collage(scene, [])
    assert CollageSettings().gradients == 'part'
