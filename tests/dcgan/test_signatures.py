"""Defaults read from signatures."""

from stylegen.dcgan.signatures import defaults_of


def test_arguments_without_a_default_are_left_out():
    def work(image, *, steps=3, seed: int = 0, name=None, **more):
        """Has all kinds of arguments."""

    assert defaults_of(work) == {'steps': 3, 'seed': 0, 'name': None}
