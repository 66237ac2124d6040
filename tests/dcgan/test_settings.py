"""A setting is stated once, in its field; flags, keyword arguments and records come from there."""

import importlib
import inspect

import pytest

from stylegen import dcgan
from stylegen.dcgan.__main__ import COMMANDS
from stylegen.dcgan.card import ExportSettings
from stylegen.dcgan.evaluating import EvaluateSettings
from stylegen.dcgan.interpolating import InterpolateSettings
from stylegen.dcgan.load import GeneratorSettings
from stylegen.dcgan.plan import make_plan
from stylegen.dcgan.projecting import ProjectSettings
from stylegen.dcgan.sampling import SampleSettings
from stylegen.dcgan.settings import OF_PRESET, TrainSettings
from stylegen.dcgan.vector_arithmetic import ArithmeticSettings
from stylegen.runs.cli import settings_of
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings

RECORDS = {
    'train': TrainSettings,
    'evaluate': EvaluateSettings,
    'sample': SampleSettings,
    'interpolate': InterpolateSettings,
    'arithmetic': ArithmeticSettings,
    'project': ProjectSettings,
    'export': ExportSettings,
}
FUNCTIONS = {  # function -> its record, and the fields that it takes
    dcgan.train: (TrainSettings, TrainSettings.defaults()),
    dcgan.open_generator: (GeneratorSettings, ('checkpoint', 'which')),
    dcgan.load_generator: (GeneratorSettings, ('checkpoint', 'which')),
    dcgan.interpolate: (InterpolateSettings, ('steps', 'path', 'loop')),
    dcgan.arithmetic: (ArithmeticSettings, ArithmeticSettings.defaults()),
    dcgan.project: (ProjectSettings, ProjectSettings.defaults()),
    dcgan.evaluate: (EvaluateSettings, ('count', 'first_seed', 'repeats', 'batch_size')),
    dcgan.export: (ExportSettings, ExportSettings.defaults()),
}


def flags_of(command, *args):
    module = importlib.import_module(f'stylegen.dcgan.{COMMANDS[command][0]}')
    return module, module.define_flags().parse(['stylegen-dcgan', *args])


@pytest.mark.parametrize('command', COMMANDS)
def test_every_field_of_a_commands_records_has_a_flag_with_its_default(command):
    module, flags = flags_of(command)
    records = [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Settings) and kind not in (Settings, GeneratorSettings)
    ]
    assert records
    for record in records:
        assert set(record.defaults()) <= set(flags)
        assert settings_of(record, flags) == record()


@pytest.mark.parametrize('command', RECORDS)
def test_the_record_of_a_commands_work_is_made_of_its_flags(command):
    _, flags = flags_of(command)
    assert settings_of(RECORDS[command], flags) == RECORDS[command]()
    assert RECORDS[command].of_record(RECORDS[command]().recorded()) == RECORDS[command]()


@pytest.mark.parametrize('function', FUNCTIONS)
def test_the_functions_show_their_settings(function):
    record, names = FUNCTIONS[function]
    parameters = inspect.signature(function).parameters
    for name in names:
        assert parameters[name].default == record.defaults()[name]
        assert f'{name}: ' in function.__doc__
    assert '{settings}' not in function.__doc__


def test_typed_settings_reach_the_plan_of_the_networks():
    _, flags = flags_of('train', '--preset=mnist28', '--g_width=8', '--d_norm=batch', '--ema=0', '--noflip', '--seed=3')
    settings = settings_of(TrainSettings, flags)
    plan = make_plan((28, 28), 1, settings=settings)
    assert (plan.generator['width'], plan.discriminator['norm'], plan.training['ema']) == (8, 'batch', 0)
    assert plan.training['flip'] is False and plan.training['seed'] == 3
    assert plan.batch_size == 256  # the preset's
    assert plan == make_plan((28, 28), 1, preset='mnist28', g_width=8, d_norm='batch', ema=0, flip=False, seed=3)


def test_only_what_a_preset_may_decide_is_none_by_default():
    assert {'latent_dim', 'g_width', 'flip', 'batch_size', 'learning_rate', 'decay'} <= set(OF_PRESET)
    assert not {'preset', 'steps', 'seed', 'conditional', 'keep', 'samples', 'precision'} & set(OF_PRESET)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'steps': -1}, 'expected steps to be a whole number from 0, got -1'),
        ({'keep': 0}, 'expected keep to be a whole number from 1, got 0'),
        ({'ema': 1.5}, 'expected ema to be a number from 0 up to 1, got 1.5'),
        ({'d_norm': 'layer'}, "unknown d_norm 'layer'"),
        ({'on_collapse': 'weep'}, "unknown on_collapse 'weep'"),
        ({'distribute': 'cloud'}, "unknown distribute 'cloud'"),
        ({'preset': 'cifar23'}, "unknown preset 'cifar23'; did you mean cifar32"),
        ({'augment': 'cutouts'}, "unknown augmentation 'cutouts'; did you mean cutout"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_is_trained(options, said):
    with pytest.raises(UserError, match=said):
        TrainSettings(**options)


def test_a_format_and_a_quantisation_that_do_not_go_together_are_refused():
    with pytest.raises(UserError, match='is for --format=tflite'):
        ExportSettings(format='keras', quantize='float16')
    assert ExportSettings(quantize='float16').replace(format='tflite').format == 'tflite'
