"""The notebooks: what is committed of them, that each runs from top to bottom, and what they need of the package."""

import base64
import io
import os
import re
import sys
from types import SimpleNamespace

import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

from stylegen import compose, dcgan, deepdream, images, notebook, style
from stylegen.dcgan.plan import make_plan
from stylegen.networks import layer_table
from stylegen.networks.catalog import NETWORKS
from stylegen.training import Report
from stylegen.utils.errors import UserError
from tests.conftest import ROOT, photo

FOLDER = ROOT / 'experiments' / 'notebooks'
NAMES = ('compose', 'dcgan', 'deepdream', 'style')
LARGEST_PICTURE = 512  # pixels a side
LARGEST_FILE = 600_000  # bytes
SECONDS = 600  # for one cell, on a machine that is busy
QUICK = {  # for the cell of settings, its second: as little work as shows that every cell runs
    'compose': 'SIZE, COLUMNS = 96, 12',
    'dcgan': "SIZE, STEPS, OPTIONS = 16, 30, OPTIONS | {'batch_size': 8, 'g_width': 4, 'd_width': 4}",
    'deepdream': 'SIZE, SMALL, LAYERS, FLOWER_SIZE = 72, 64, LAYERS[:3], 32',
    'style': 'SIZE, SMALL, STEPS, FEW = 72, 64, 2, 2',
}


def load(name):
    """A notebook as it is committed."""
    return nbformat.read(FOLDER / f'{name}.ipynb', as_version=4)


def code_cells(name):
    """Its cells of code."""
    return [cell for cell in load(name).cells if cell.cell_type == 'code']


def pictures(name):
    """The pictures that its cells show."""
    for cell in code_cells(name):
        for output in cell.outputs:
            for kind, data in output.data.items():
                if kind.startswith('image/'):
                    yield opened(base64.b64decode(data))


def difference(shown, picture):
    """How far what is shown is from a picture that is shown now, in bytes."""
    one, other = (np.asarray(opened(data), np.float32) for data in (shown.data, notebook.show(picture).data))
    return np.abs(one - other).mean()


def opened(data):
    """A picture from its bytes."""
    return Image.open(io.BytesIO(data))


@pytest.fixture(scope='module')
def kernel(tmp_path_factory):
    """A client of a kernel that runs in an empty folder, `here`, and the folder. TensorFlow is imported once."""
    place = tmp_path_factory.mktemp('kernel')
    here = place / 'here'
    here.mkdir()
    environment = {
        'PYTHONPATH': str(ROOT),
        'CUDA_VISIBLE_DEVICES': '',  # the settings for a GPU need weights that are downloaded
        'TMPDIR': str(place),
        'IPYTHONDIR': str(place / 'ipython'),
    }
    where = {'metadata': {'path': str(here)}}
    client = nbclient.NotebookClient(
        nbformat.v4.new_notebook(), timeout=SECONDS, kernel_name='python3', resources=where
    )
    with client.setup_kernel(env=os.environ | environment):
        yield client, here


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_it_runs_from_top_to_bottom_and_leaves_nothing_behind(name, kernel):
    client, here = kernel
    committed = sorted(FOLDER.iterdir())
    client.nb = book = load(name)
    cells = [cell for cell in book.cells if cell.cell_type == 'code']
    committed_kinds = [[output.output_type for output in cell.outputs] for cell in cells]
    cells[0].source = '%reset -f\n' + cells[0].source  # removes the names of another notebook
    cells[1].source += f'\n{QUICK[name]}'
    for number, cell in enumerate(book.cells):
        client.execute_cell(cell, number)
    assert [[output.output_type for output in cell.outputs] for cell in cells] == committed_kinds
    assert not list(here.iterdir()) and sorted(FOLDER.iterdir()) == committed


@pytest.mark.parametrize('name', NAMES)
def test_every_cell_has_been_run_in_order_and_went_well(name):
    cells = code_cells(name)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert kinds <= {'display_data', 'execute_result'}, 'neither errors nor what was logged'


@pytest.mark.parametrize('name', NAMES)
def test_nothing_of_the_machine_that_ran_it_is_in_it(name):
    book = load(name)
    assert set(book.metadata) == {'accelerator', 'colab', 'kernelspec', 'language_info'}
    assert not any(cell.metadata for cell in book.cells), 'neither times nor states'
    for cell in book.cells:
        for output in cell.get('outputs', []):
            output.data = {kind: data for kind, data in output.data.items() if not kind.startswith('image/')}
    assert not re.search(r'/(tmp|root|home|work|usr|opt|Users|content)\b|\b[A-Z]:\\\\|file:', nbformat.writes(book))


@pytest.mark.parametrize('name', NAMES)
def test_it_is_small_and_none_of_its_pictures_is_dull(name):
    assert (FOLDER / f'{name}.ipynb').stat().st_size < LARGEST_FILE
    shown = list(pictures(name))
    assert len(shown) >= 5
    for picture in shown:
        assert max(picture.size) <= LARGEST_PICTURE
        assert np.std(np.asarray(picture.convert('L'), np.float32)) > 16


@pytest.mark.parametrize('name', NAMES)
def test_its_first_cell_names_no_repository_and_asks_for_one_in_a_line(name, monkeypatch):
    assert 'github.com/' not in ''.join(cell.source for cell in load(name).cells)
    first = code_cells(name)[0].source
    form = 'REPOSITORY = \'\'  # @param {type: "string"}\n'
    assert form in first
    code = first.replace(form, '').replace('%pip install -q {source}', 'installed.append(source)')
    installed = []
    exec(code, {'REPOSITORY': '', 'installed': installed})
    assert not installed, 'it is there'
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(SystemExit, match=r'^fill in REPOSITORY: .*whl$'):
        exec(code, {'REPOSITORY': '', 'installed': installed})
    for typed in ('https://somewhere/stylegen.git', 'stylegen-1-py3-none-any.whl'):
        exec(code, {'REPOSITORY': typed, 'installed': installed})
    assert installed == ['git+https://somewhere/stylegen.git', 'stylegen-1-py3-none-any.whl']


@pytest.mark.parametrize('name', NAMES)
def test_words_lead_up_to_every_cell_of_code(name):
    kinds = [cell.cell_type for cell in load(name).cells]
    assert all(kinds[place - 1] == 'markdown' for place, kind in enumerate(kinds) if kind == 'code')


@pytest.mark.parametrize('name', [name for name in NAMES if name != 'compose'])
def test_its_settings_for_a_gpu_are_ones_that_there_are(name, monkeypatch):
    monkeypatch.setattr('stylegen.utils.backend.has_gpu', lambda: True)
    settings = {}
    exec(code_cells(name)[1].source, settings)
    assert settings['LARGE'] is True
    if name == 'dcgan':
        plan = make_plan((settings['SIZE'],) * 2, **settings['OPTIONS'])
        assert plan.build().generator.output_shape == (None, settings['SIZE'], settings['SIZE'], 3)
        return
    assert settings['NETWORK'] in NETWORKS and settings['NETWORK'] != 'mini'
    if name == 'deepdream':
        assert set(settings['LAYERS']) <= {layer.name for layer in layer_table(settings['NETWORK'])}


def test_examples_are_those_that_come_along():
    assert list(notebook.EXAMPLES) == ['raccoon', 'whirls']
    assert images.load_image(notebook.EXAMPLES['raccoon'], size=32).shape == (24, 32, 3)


def test_shown_pictures_fit_a_page():
    assert opened(notebook.show(photo(90, 1000)).data).size == (512, 46)
    assert opened(notebook.show(photo(1000, 90)).data).size == (46, 512)
    assert opened(notebook.show(photo(9, 10), scale=3).data).size == (30, 27)
    batch = np.zeros((6, 8, 8, 1), np.uint8)
    assert opened(notebook.show(batch, columns=3, scale=2).data).size == (3 * 16 + 2 * 4, 2 * 16 + 4)
    labelled = opened(notebook.show({'a': photo(40, 60), 'b': photo(60, 40)}, columns=2).data)
    assert labelled.width > 2 * 60 and labelled.height > 60


def test_what_is_shown_is_the_picture():
    picture = photo(48, 64)
    shown = np.asarray(opened(notebook.show(picture).data), np.float32) / 255
    assert np.abs(shown - picture).mean() < 0.02
    grey = opened(notebook.show(np.full((8, 8), 0.25, np.float32)).data)
    assert grey.getpixel((4, 4)) == (64, 64, 64)


def test_a_film_has_all_frames():
    film = opened(notebook.show_film([photo(8, 8, seed) for seed in range(3)], fps=5, scale=4).data)
    assert film.size == (32, 32) and film.n_frames == 3 and film.info['duration'] == 200 and film.info['loop'] == 0


@pytest.fixture
def views(monkeypatch):
    """What a watch has put on the page, in its order: (how, what)."""
    from IPython import display

    seen = []

    class Handle:
        def display(self, what):
            seen.append(('display', what))

        def update(self, what):
            seen.append(('update', what))

    monkeypatch.setattr(display, 'DisplayHandle', Handle)
    return seen


def test_a_watch_shows_a_dream_while_it_grows_and_at_its_end(views, tiny):
    dreamt = deepdream.dream(photo(32, 40), network=tiny, octaves=2, steps=2, callback=notebook.Watch(every=0))
    assert [how for how, _ in views] == ['display'] + ['update'] * (len(views) - 1)
    assert len(views) >= 2
    assert difference(views[-1][1], dreamt) < 1
    views.clear()
    deepdream.dream(photo(32, 40), network=tiny, octaves=2, steps=2, callback=notebook.Watch(every=1000))
    assert [how for how, _ in views] == ['display'], 'the end alone'


def test_a_watch_shows_the_end_of_a_transfer(views):
    settings = {'network': 'mini', 'iterations': 2, 'smallest_size': 32}
    painted = style.transfer(photo(32, 32), photo(32, 32, 1), **settings, callback=notebook.Watch(every=1000))
    assert [how for how, _ in views] == ['display']
    assert difference(views[0][1], painted) < 1


def test_a_watch_shows_pictures_from_noise(views):
    step = SimpleNamespace(step=4, steps=4, pictures=lambda: np.full((2, 8, 8, 3), 0.5, np.float32))
    notebook.Watch(every=1000)(step)
    assert opened(views[0][1].data).size == (18, 8)


def test_a_watch_tells_how_far_a_training_is(views):
    watch = notebook.Watch(every=0)
    for step in (5, 10):
        watch(Report(step, 10, {'d_loss': 1.23456, 'g_loss': 0.5, 'learning_rate': 0.1}, 100.0))
    assert [how for how, _ in views] == ['display', 'update']
    assert views[-1][1].data == 'step 10 of 10  d_loss 1.23  g_loss 0.5'


def test_without_ipython_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, 'IPython', None)
    with pytest.raises(UserError, match='IPython is not installed'):
        notebook.show(photo(8, 8))


def test_the_public_names_are_there():
    for package in (compose, dcgan, deepdream, style):
        assert all(callable(getattr(package, name)) for name in package.__all__)
