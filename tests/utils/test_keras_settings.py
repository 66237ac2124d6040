"""What a `keras.json` or the user's own program has set in Keras changes neither our networks nor our pictures."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from stylegen import images, networks
from stylegen.dcgan.exporting import export
from stylegen.dcgan.formats import FORMATS, given
from stylegen.dcgan.latent_vectors import latents
from stylegen.dcgan.plan import make_plan
from stylegen.dcgan.shipped import SHIPPED, load_packed
from stylegen.dcgan.training import train
from stylegen.networks import registry
from stylegen.utils.backend import keras
from stylegen.utils.keras_defaults import keras_defaults
from tests.conftest import ROOT, photo, run, shaken
from tests.dcgan.sets import TINY, small_set

OLD_JSON, DOUBLE = 'an old keras.json, half precision', 'double precision, a mixed policy'
SETTINGS = {  # image_data_format, floatx, epsilon, policy
    OLD_JSON: ('channels_first', 'float16', 0.5, 'float16'),
    DOUBLE: ('channels_last', 'float64', 1e-7, 'mixed_float16'),
}
OLD = SETTINGS[OLD_JSON]
QUIET = {'log_every': 9, 'sample_every': 9, 'checkpoint_every': 9, 'collapse_every': 0, 'evaluate_every': 0,
         'samples': 4}  # fmt: skip
TRAINED = {'d_norm': 'spectral', 'upsampling': 'resize', 'conditional': True, 'precision': 'mixed_bfloat16'}
PAINTED = ['--iterations=2', '--style_layers=block1_conv1,block2_conv1', '--content_layers=block2_conv2']
BUILT = {'preset': 'mnist28', 'size': (16, 16), 'classes': ('a', 'b'), 'g_width': 4, 'd_width': 4}  # all other layers


def told():
    """What Keras makes layers with now."""
    config = keras.config
    return config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy().name


def tell(layout, floatx, epsilon, policy):
    """Sets all four, as a keras.json and a user do."""
    keras.config.set_image_data_format(layout)
    keras.config.set_floatx(floatx)
    keras.config.set_epsilon(epsilon)
    keras.mixed_precision.set_global_policy(policy)


@pytest.fixture(autouse=True)
def usual():
    """Whatever a test sets, the next one finds what Keras begins with."""
    before = told()
    yield
    tell(*before)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with pictures, the weights of a network of keras.applications, and a network of the user's own."""
    place = tmp_path_factory.mktemp('keras')
    images.save_image(place / 'photo.png', photo(40, 48))
    images.save_image(place / 'paint.png', photo(48, 40, 1))
    keras.utils.set_random_seed(0)
    shaken(keras.applications.MobileNetV2(weights=None, classifier_activation=None)).save_weights(
        place / 'mobile.weights.h5'
    )
    layers = keras.layers
    pixels = keras.Input((None, None, 3))
    nested = keras.Sequential([keras.Input((None, None, 6)), layers.SeparableConv2D(6, 3, padding='same')])
    x = layers.Normalization(mean=[0.4] * 3, variance=[0.04] * 3)(layers.Rescaling(2.0, -0.5)(pixels))
    x = layers.BatchNormalization()(layers.Conv2D(6, 3, padding='same', name='conv')(x))
    x = keras.ops.relu(layers.MaxPooling2D()(nested(x)))
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation='relu', name='end')(x)))
    shaken(keras.Model(pixels, logits)).save(place / 'mine.keras')
    return place


def all_made(place, folder):
    """What programs and functions make, by name: arrays."""
    folder.mkdir()
    registry._EXTRACTORS.clear()  # networks are built under these settings, not taken from before
    source, paint = f'--input={place / "photo.png"}', f'--style={place / "paint.png"}'
    quick = ['--size=40', '--quiet', '--network=mini']
    made = {}

    def command(name, program, *flags):
        assert run(*flags, f'--output={folder / name}.png', program=program) == 0
        made[name] = images.load_image(folder / f'{name}.png')

    command('dream', 'deepdream', source, *quick, '--octaves=1', '--steps=1', '--classes=ship')
    command('painted', 'style', f'--content={place / "photo.png"}', paint, *quick, *PAINTED)
    command('drawn', 'dcgan', 'sample', '--seeds=0-3', '--quiet')
    tests = {
        'mobilenet_v2': {'layers': ('block_3_expand_relu', 'classes'), 'weights': place / 'mobile.weights.h5'},
        str(place / 'mine.keras'): {'layers': ('conv', 'end', 'classes'), 'padding': 'reflect', 'pooling': 'l2'},
    }
    for network, options in tests.items():
        features = networks.feature_extractor(network, **options)(photo(40, 48)[None])
        made |= {f'{network} {layer}': np.asarray(maps) for layer, maps in features.items()}
    kept = train(small_set(folder / 'data'), workdir=folder / 'run', steps=2, **TINY, **QUIET, **TRAINED)
    made |= kept.checkpoints.load()[1]
    for network in make_plan(**BUILT).networks():
        inputs = [np.ones((2, *tensor.shape[1:]), tensor.dtype) for tensor in network.inputs]
        made[f'built {network.name}'] = np.asarray(network(inputs))
    export(load_packed(SHIPPED['cifar10']), folder / 'exported.keras')
    network = FORMATS['keras'].open(folder / 'exported.keras')
    made['exported'] = network(given(load_packed(SHIPPED['cifar10']).model, latents([0, 1], 100), 0))
    return made


@pytest.fixture(scope='module')
def expected(place):
    """The same by Keras's own defaults."""
    return all_made(place, place / 'expected')


@pytest.mark.parametrize('name', [OLD_JSON, pytest.param(DOUBLE, marks=pytest.mark.slow)])
def test_programs_and_functions_make_the_same_whatever_keras_was_told(place, expected, name):
    tell(*SETTINGS[name])
    made = all_made(place, place / name)
    assert told() == SETTINGS[name]
    assert made.keys() == expected.keys()
    for what, value in expected.items():
        assert made[what].dtype == value.dtype and np.array_equal(made[what], value), what


def test_a_keras_json_and_another_backend_in_the_environment_change_nothing(tmp_path):
    settings = {'image_data_format': 'channels_first', 'floatx': 'float16', 'epsilon': 0.1, 'backend': 'torch'}
    (tmp_path / 'keras.json').write_text(json.dumps(settings))
    code = (
        'import os, sys; from stylegen.style.__main__ import main; code = main(sys.argv); import keras; '
        'print(keras.config.backend(), keras.config.floatx(), keras.config.image_data_format(), '
        'os.environ["KERAS_BACKEND"]); sys.exit(code)'
    )
    flags = ['--network=mini', '--size=40', '--quiet', *PAINTED]
    done = subprocess.run(
        [sys.executable, '-c', code, *flags, f'--output={tmp_path / "elsewhere.png"}'], capture_output=True, text=True,
        env=os.environ | {'PYTHONPATH': str(ROOT), 'KERAS_HOME': str(tmp_path), 'KERAS_BACKEND': 'jax'}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, 'tensorflow float16 channels_first jax\n'), done.stderr
    assert run(*flags, f'--output={tmp_path / "here.png"}', program='style') == 0
    assert np.array_equal(images.load_image(tmp_path / 'elsewhere.png'), images.load_image(tmp_path / 'here.png'))


def test_defaults_last_as_long_as_the_block_also_where_it_fails_and_in_two_threads():
    tell(*OLD)
    inside, leave, seen = threading.Event(), threading.Event(), []

    def other():
        keras.config.set_dtype_policy('mixed_bfloat16')  # of this thread alone
        with keras_defaults():
            inside.set()
            assert leave.wait(10)
            seen.append(told())
        seen.append(told())

    thread = threading.Thread(target=other)
    with pytest.raises(ZeroDivisionError), keras_defaults():
        thread.start()
        assert inside.wait(10)
        assert told() == ('channels_last', 'float32', 1e-7, 'float32')
        raise ZeroDivisionError
    leave.set()
    thread.join()
    assert seen == [
        ('channels_last', 'float32', 1e-7, 'float32'),
        (*OLD[:3], 'mixed_bfloat16'),
    ]
    assert told() == OLD
