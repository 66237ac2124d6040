"""The settings of a transfer: one record for flags, keyword arguments and results, with former names and programs."""

import inspect
import json

import pytest

from stylegen.losses.features import VARIATIONS
from stylegen.style import StyleSettings, Stylizer, open_stylizer, transfer
from stylegen.style.__main__ import define_flags
from stylegen.style.command import Command
from stylegen.style.options import ListSettings, PictureSettings, StyleResultSettings
from stylegen.style.presets import CONTENT_SCALE, TV_WEIGHT
from stylegen.style.published import PUBLISHED
from stylegen.style.settings import TV_FORMS
from stylegen.utils.errors import UserError
from tests.extractors import small_vgg

LAYERS = {'style_layers': 'block1_conv1:1,block3_conv1:0.5', 'content_layers': ['block2_conv2']}
RECORDS = (StyleSettings, PictureSettings, StyleResultSettings, ListSettings)
OF_THE_OPTIMIZERS = {'beta_1', 'beta_2', 'epsilon', 'epsilon_hat', 'ema_decay', 'history', 'backtracking'}
WITHOUT_A_FLAG = OF_THE_OPTIMIZERS | {'content_scale', 'tv_form', 'margin'}  # the record says why
FORMER = {
    'tv_weight': 'variation', 'tv_form': 'variation_form', 'ema_decay': 'average', 'backtracking': 'trials',
    'size_ratio': 'scale', 'smallest_size': 'coarsest',
}  # fmt: skip


def command(*args, recorded=None):
    return Command.of(define_flags().parse(['x', *args]), recorded or {})


@pytest.fixture(scope='module')
def network():
    return small_vgg(('block1_conv1', 'block2_conv2', 'block3_conv1'))


def test_every_setting_has_a_flag_but_the_fine_points():
    flags = define_flags().values
    missing = {name for record in RECORDS for name in record.defaults() if name not in flags}
    assert missing == WITHOUT_A_FLAG


def test_the_flags_defaults_are_those_of_the_records():
    flags = define_flags().values
    for record in RECORDS:
        for name, default in record().recorded().items():
            assert name in WITHOUT_A_FLAG or flags[name].default == default, name
    assert command().style == StyleSettings() and command().sources == PictureSettings()


def test_the_stylizer_and_transfer_show_their_arguments():
    for function in (Stylizer, transfer):
        parameters = inspect.signature(function).parameters
        for name, default in StyleSettings.defaults().items():
            assert parameters[name].default == default
        assert 'settings' in parameters and 'regions' in parameters
    assert 'ema_decay: Decay of the average' in transfer.__doc__ and '{settings}' not in Stylizer.__init__.__doc__


def test_a_stylizer_says_which_network_and_values_it_settled_on():
    made = Stylizer(network='mini', strength=0.6)
    assert 'mini' in made.network_note
    settings = made.settings
    assert (settings.network, settings.strength, settings.content_layers) == ('mini', 0.6, {'block3_conv3': 1.0})
    assert settings.content_scale == CONTENT_SCALE['mini'] and settings.tv_weight == TV_WEIGHT['mini']
    assert Stylizer(settings=settings, tv_weight=2.0).settings == settings.replace(tv_weight=2.0)


def test_a_settled_record_comes_back_from_json(network):
    made = Stylizer(network=network, **LAYERS, like='tensorflow', iterations=[3, 2]).settings
    recorded = json.loads(json.dumps(made.recorded()))
    assert StyleSettings.of_record(recorded) == made
    assert (recorded['style_layers'], recorded['iterations']) == ('block1_conv1:1,block3_conv1:0.5', '3,2')


def test_former_names_still_work(network):
    values = {'tv_weight': 2.0, 'tv_form': 'power', 'ema_decay': 0.5, 'backtracking': 2, 'size_ratio': 2.0}
    values['smallest_size'] = 40
    former = {FORMER[name]: value for name, value in values.items()}
    assert StyleSettings.of_record(former) == StyleSettings(**values)
    made, note = open_stylizer(network=network, **LAYERS, **former)
    assert made.settings == Stylizer(network=network, **LAYERS, **values).settings and note == made.network_note
    typed = command('--coarsest=40', '--scale=2')
    assert (typed.style.smallest_size, typed.style.size_ratio) == (40, 2.0) and 'smallest_size' in typed.typed
    replayed = command('--smallest_size=50', recorded={'coarsest': 40, 'scale': 1.5}).style
    assert (replayed.smallest_size, replayed.size_ratio) == (50, 1.5)


def test_a_published_program_gives_its_settings_and_what_is_given_wins():
    for name, published in PUBLISHED.items():
        made = StyleSettings.of_record({'like': name})
        assert made == StyleSettings(like=name, **published.settings)
    assert StyleSettings.of_record({'like': 'gatys', 'optimizer': 'adam'}).optimizer == 'adam'
    earlier = {'like': 'tensorflow', 'optimizer': 'adam', 'strength': 0.5}  # results did not carry beta_1 before
    assert StyleSettings.of_record(earlier).beta_1 == 0.99
    with pytest.raises(UserError, match='like=gatys has its own loss, gram'):
        StyleSettings(like='gatys')


def test_another_network_than_that_of_a_result_has_its_own_values():
    made = Stylizer(network='mini', strength=0.7).settings.recorded()
    assert command('--network=mini', recorded=made).style.recorded() == made
    other = command('--network=small_vgg', '--tv_weight=3', recorded=made).style
    assert (other.strength, other.style_layers, other.content_scale, other.tv_weight) == (0.7, None, None, 3.0)


def test_forms_of_total_variation_are_those_that_there_are():
    assert set(TV_FORMS) == set(VARIATIONS)
