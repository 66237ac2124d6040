"""Settings records: one field says default, bounds, choices, unit and help, and everything else comes from it."""

import inspect
import json
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from stylegen.runs.layer_weights import as_weights, format_weights
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting, takes


@dataclass(frozen=True, kw_only=True)
class Blur(Settings):
    radius: float = setting(2.0, 'how far it reaches', above=0, at_most=100, unit='pixels', formerly='size')
    passes: int = setting(1, 'how often', at_least=0)
    border: str = setting('mirror', 'what lies beyond the edges', choices=('mirror', 'zeros'))
    sharpen: bool = setting(False, 'whether to sharpen afterwards')
    decay: float | None = setting(None, 'by default that of the paper', at_least=0, below=1)
    layers: dict | None = setting(None, 'weights by layer', read=as_weights, write=format_weights)
    max_memory: float | str = setting('auto', 'bytes, or a text', flag=False)


@takes(Blur)
def blur(image, *, mask=None, settings):
    """Blurs.

    Args:
        image: What is blurred.
        {settings}
        mask: Where.
    """
    return image, mask, settings


@pytest.mark.parametrize(
    ('wrong', 'told'),
    [
        ({'radius': 0}, 'expected radius to be a number above 0 up to 100, got 0'),
        ({'radius': float('nan')}, 'expected radius to be a number above 0 up to 100, got nan'),
        ({'radius': '3'}, "expected radius to be a number above 0 up to 100, got '3'"),
        ({'radius': None}, 'expected radius to be a number above 0 up to 100, got None'),
        ({'passes': 1.5}, 'expected passes to be a whole number from 0, got 1.5'),
        ({'passes': True}, 'expected passes to be a whole number from 0, got True'),
        ({'decay': 1.0}, 'expected decay to be a number from 0 to below 1, got 1.0'),
        ({'border': 'mirrored'}, "unknown border 'mirrored'; did you mean mirror?"),
        ({'sharpen': 'yes'}, "expected sharpen to be True or False, got 'yes'"),
        ({'layers': 'a:x'}, "expected NAME or NAME:WEIGHT, got 'a:x'"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_can(wrong, told):
    with pytest.raises(UserError) as error:
        Blur(**wrong)
    assert str(error.value).startswith(told)


def test_numbers_of_numpy_and_whole_numbers_for_real_ones_are_taken_and_become_pythons():
    made = Blur(radius=np.float32(3), passes=np.int64(2), decay=0)
    assert (made.radius, made.passes, made.decay) == (3.0, 2, 0.0)
    assert [type(made.radius), type(made.passes), type(made.decay)] == [float, int, float]


def test_a_record_does_not_change_and_gives_another_with_changes_that_are_checked_too():
    made = Blur()
    with pytest.raises(FrozenInstanceError):
        made.radius = 3.0
    assert made.replace(radius=3).radius == 3.0 and made.radius == 2.0
    with pytest.raises(UserError, match='radius'):
        made.replace(radius=-1)


def test_what_is_recorded_is_json_that_gives_the_same_record_again_whatever_else_stands_there():
    made = Blur(radius=3, layers={'a': 1, 'b': 0.5}, max_memory=1e9)
    kept = json.loads(json.dumps(made.recorded()))
    assert kept['layers'] == 'a:1,b:0.5'
    assert Blur.of_record(kept | {'input': 'photo.jpg'}) == made
    assert Blur.of_record({'radius': 5}) == Blur(radius=5)


def test_the_kind_of_a_flag_follows_from_the_annotation():
    kinds = {name: Blur.kind_of(name) for name in Blur.defaults()}
    assert kinds == {
        'radius': 'number', 'passes': 'integer', 'border': 'choice', 'sharpen': 'switch', 'decay': 'number',
        'layers': 'text', 'max_memory': 'number',
    }  # fmt: skip


def test_a_function_takes_the_fields_as_keywords_or_a_record_or_a_record_with_changes():
    assert blur('x', radius=3.0, mask='m') == ('x', 'm', Blur(radius=3.0))
    assert blur('x', settings=Blur(passes=2)) == ('x', None, Blur(passes=2))
    assert blur('x', settings=Blur(passes=2), radius=4)[2] == Blur(passes=2, radius=4)
    assert blur('x', size=3.0)[2] == Blur.of_record({'size': 3}) == Blur(radius=3.0)  # its former name
    with pytest.raises(TypeError, match="unexpected keyword argument 'raduis'"):
        blur('x', raduis=3)


def test_signature_and_docstring_of_such_a_function_name_every_field_with_its_default():
    parameters = inspect.signature(blur).parameters
    assert [*parameters] == ['image', 'mask', *Blur.defaults(), 'settings']
    assert parameters['radius'].default == 2.0 and parameters['settings'].default is None
    assert '        radius: How far it reaches (above 0 up to 100, pixels). Default: 2.0.\n' in blur.__doc__
    assert "border: What lies beyond the edges ('mirror', 'zeros'). Default: 'mirror'." in blur.__doc__
    assert '{settings}' not in blur.__doc__ and 'mask: Where.' in blur.__doc__
