"""Networks of keras.applications with random weights, built once for all tests of this room."""

import os

import pytest

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv('STYLEGEN_OFFLINE', '1')


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('weights')


def plain(folder, name, factory):
    from tests.networks.keras_models import APPLICATIONS, Plain

    return Plain(folder, name, getattr(APPLICATIONS, factory))


@pytest.fixture(scope='session')
def vgg16(folder):
    return plain(folder, 'vgg16', 'VGG16')


@pytest.fixture(scope='session')
def mobilenet(folder):
    return plain(folder, 'mobilenet_v2', 'MobileNetV2')


@pytest.fixture(scope='session')
def inception(folder):
    return plain(folder, 'inception_v3', 'InceptionV3')
