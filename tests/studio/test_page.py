"""The page in a real browser. Without Gradio, Playwright or Chromium these tests are skipped."""

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import threading
import time
import zlib

import numpy as np
import pytest

from stylegen import images
from tests.conftest import photo, wait_for

pytest.importorskip('gradio', reason='the page needs Gradio')
sync_api = pytest.importorskip('playwright.sync_api', reason='the browser is driven by Playwright')
CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium on this machine')
expect = sync_api.expect
PATIENCE = 180_000  # milliseconds, for a machine with much other work
STROKES = 6  # that are drawn at most until one is seen


@pytest.fixture(scope='module')
def url():
    """The address of a page that makes pictures of 64 pixels."""
    from stylegen.studio.server import close, start
    from stylegen.studio.settings import StudioSettings

    page, address = start(StudioSettings(port=0, browser=False, size=64, upload=1, kept=4))
    yield address
    close(page)


@pytest.fixture(scope='module')
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser, url):
    """A visitor's tab. What it asks of other machines is refused and remembered."""
    context = browser.new_context(viewport={'width': 1280, 'height': 1000}, accept_downloads=True)
    with visit(context, url) as page:
        yield page
    context.close()


@contextlib.contextmanager
def visit(context, url):
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.outside = []
    page.on('request', lambda asked: page.outside.append(asked.url) if 'http' in asked.url[:4] and url not in asked.url
            else None)  # fmt: skip
    page.goto(url)
    page.wait_for_selector('#styles button')
    yield page


@pytest.fixture
def files(tmp_path):
    for name, seed in (('photo.png', 1), ('painting.png', 2)):
        images.save_image(tmp_path / name, photo(48, 64, seed))
    return tmp_path


def drop(tab, place, path):
    tab.set_input_files(f'#{place} input[type=file]', str(path))


def results(tab):
    return tab.locator('#gallery button')


def painted(tab, files):
    """Drops the photo and clicks the second style."""
    drop(tab, 'photo', files / 'photo.png')
    tab.wait_for_selector('#photo img')
    tab.locator('#styles button').nth(1).click()
    expect(results(tab)).to_have_count(1, timeout=PATIENCE)


def test_a_photo_is_painted_by_a_click_and_downloaded_with_its_record(tab, files):
    painted(tab, files)
    expect(tab.locator('#status')).to_contain_text('in one pass: 64 x 48 pixels')
    for kind in ('png', 'jpeg', 'webp'):
        with tab.expect_download() as download:
            tab.click(f'#{kind}')
        target = files / f'got-{kind}{download.value.suggested_filename[-5:]}'
        download.value.save_as(target)
        assert images.read_settings(target)['program'] == 'stylegen.style apply'
        assert images.load_image(target).shape == (48, 64, 3)
    assert tab.outside == []


def test_a_change_of_the_slider_paints_again_and_undo_shows_the_one_before(tab, files):
    painted(tab, files)
    number = tab.locator('#strength input[type=number]')
    number.fill('0.3')
    number.press('Enter')
    number.blur()
    expect(results(tab)).to_have_count(2, timeout=PATIENCE)
    tab.get_by_text('How it is made').click()
    expect(tab.locator('#command')).to_contain_text('--strength=0.3')
    tab.click('#undo')
    expect(tab.locator('#command')).not_to_contain_text('--strength')


def test_work_under_way_shows_its_progress_and_keeps_the_best_when_it_is_stopped(tab, files):
    painted(tab, files)
    drop(tab, 'painting', files / 'painting.png')
    expect(results(tab)).to_have_count(2, timeout=PATIENCE)
    tab.get_by_text('Paint it properly').first.click()
    tab.locator('#paint').click()
    expect(tab.locator('#status')).to_contain_text('done, about', timeout=PATIENCE)
    tab.click('#stop')
    expect(results(tab)).to_have_count(3, timeout=PATIENCE)
    expect(tab.locator('#status')).to_contain_text('painted properly')


def test_a_dream_of_a_layer_that_was_clicked(tab, files):
    drop(tab, 'photo', files / 'photo.png')
    tab.wait_for_selector('#photo img')
    tab.get_by_role('tab', name='Dream').click()
    tab.get_by_text('Choose a layer of the network').click()
    tab.click('#explore')
    sheet = tab.locator('#layers button')
    expect(sheet).not_to_have_count(0, timeout=PATIENCE)
    tab.click('#stop')
    expect(tab.locator('#status')).to_contain_text('Click a layer', timeout=PATIENCE)
    sheet.first.click()
    expect(results(tab)).to_have_count(1, timeout=PATIENCE)
    tab.get_by_text('How it is made').click()
    expect(tab.locator('#command')).to_contain_text('--layers=')


def test_pictures_out_of_noise_and_the_way_from_one_to_another(tab):
    tab.get_by_role('tab', name='Out of noise').click()
    tab.fill('#seeds textarea, #seeds input', '3-6')
    tab.click('#draw')
    expect(tab.locator('#grid button')).to_have_count(4, timeout=PATIENCE)
    tab.locator('#grid button').nth(0).click()
    expect(results(tab)).to_have_count(1, timeout=PATIENCE)
    tab.locator('#grid button').nth(2).click()
    expect(tab.locator('#status')).to_contain_text('seed 3 to 5', timeout=PATIENCE)


@pytest.fixture
def killed(browser, tmp_path):
    """Another browser, and a function that kills it."""
    profile = tmp_path / 'profile'
    words = [CHROMIUM, '--headless', '--no-sandbox', '--remote-debugging-port=0', f'--user-data-dir={profile}']
    with open(tmp_path / 'log', 'w') as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)

    def kill():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    try:
        told = profile / 'DevToolsActivePort'
        wait_for(lambda: told.exists() and len(told.read_text().split()) == 2, 60)
        yield browser.browser_type.connect_over_cdp(f'http://127.0.0.1:{told.read_text().split()[0]}'), kill
    finally:
        kill()


def test_the_work_of_a_killed_browser_ends_and_the_next_visitor_is_served(tab, killed, url, files):
    other, kill = killed
    with visit(other.contexts[0], url) as lost:
        drop(lost, 'photo', files / 'photo.png')
        lost.wait_for_selector('#photo img')
        drop(lost, 'painting', files / 'painting.png')
        expect(results(lost)).to_have_count(1, timeout=PATIENCE)
        lost.get_by_text('Paint it properly').first.click()
        lost.locator('#paint').click()
        expect(lost.locator('#status')).to_contain_text('done, about', timeout=PATIENCE)
        kill()
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == 'stylegen job'], 30)
    painted(tab, files)


def test_the_settings_of_a_result_come_back(tab, files):
    from stylegen.studio.works import Works

    works = Works(size=64)
    made = works.paint_now(works.photo(files / 'photo.png'), 'irises', strength=0.4, color='luminance', mask=None)
    images.save_image(files / 'made.png', images.from_uint8(made.pixels), settings=made.record)
    tab.get_by_role('tab', name='Replay').click()
    drop(tab, 'made', files / 'made.png')
    expect(tab.locator('#strength input[type=number]')).to_have_value('0.4', timeout=PATIENCE)
    expect(tab.locator('#color input')).to_have_value("the photo's")
    drop(tab, 'photo', files / 'photo.png')
    expect(results(tab)).to_have_count(1, timeout=PATIENCE)


def test_only_the_part_that_was_drawn_over_is_painted(tab, files):
    images.save_image(files / 'photo.png', photo(300, 400, 1))
    painted(tab, files)
    tab.get_by_text('Paint only a part').click()
    canvas = tab.locator('#mask canvas').first
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    for _ in range(STROKES):
        time.sleep(1)  # a stroke before the editor has drawn its picture is lost
        box = canvas.bounding_box()
        tab.mouse.move(box['x'] + box['width'] * 0.5, box['y'] + box['height'] * 0.5)
        tab.mouse.down()
        tab.mouse.move(box['x'] + box['width'] * 0.55, box['y'] + box['height'] * 0.5, steps=5)
        tab.mouse.up()
        with contextlib.suppress(AssertionError):
            expect(results(tab).nth(1)).to_be_visible(timeout=PATIENCE / STROKES)
            break
    expect(results(tab).nth(1)).to_be_visible()  # what is drawn is painted anew
    with tab.expect_download() as download:
        tab.click('#png')
    download.value.save_as(files / 'part.png')
    before, after = (images.load_image(files / name, 64) for name in ('photo.png', 'part.png'))
    changed = np.abs(before - after).max(-1) > 0.02
    assert changed[20:28, 28:36].any() and not changed[:6].any() and not changed[:, :6].any()


def test_two_visitors_do_not_mix(browser, url, files):
    one, other = browser.new_context(), browser.new_context()
    with visit(one, url) as first, visit(other, url) as second:
        painted(first, files)
        expect(results(second)).to_have_count(0)
        painted(second, files)
        expect(results(first)).to_have_count(1)
    one.close()
    other.close()


def bomb(path, side=20_000):
    """A PNG of a few kB that unpacks to `side` x `side` pixels."""
    chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    head = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', rows) + chunk(b'IEND', b''))


def test_broken_files_and_bombs_are_told_in_a_line_and_the_page_goes_on(tab, files):
    (files / 'broken.png').write_bytes((files / 'photo.png').read_bytes()[:90])
    bomb(files / 'bomb.png')
    assert (files / 'bomb.png').stat().st_size < 100_000
    tab.locator('#styles button').nth(1).click()
    expect(tab.get_by_text('drop a photo first')).to_be_visible(timeout=PATIENCE)
    for name, told in (('broken.png', 'damaged'), ('bomb.png', 'above the limit')):
        drop(tab, 'photo', files / name)
        toast = tab.locator('.toast-body')
        expect(toast).to_contain_text(told, timeout=PATIENCE)
        expect(toast).to_contain_text(f"'{name}'")  # and not where the page keeps it
        tab.reload()
        tab.wait_for_selector('#styles button')
    painted(tab, files)


def test_a_file_above_the_bound_is_refused(tab, files):
    rng = np.random.default_rng(0)
    images.save_image(files / 'noise.png', rng.random((700, 700, 3)).astype(np.float32))
    assert (files / 'noise.png').stat().st_size > 2**20
    drop(tab, 'photo', files / 'noise.png')
    expect(tab.get_by_text('maximum').or_(tab.get_by_text('exceed')).first).to_be_visible(timeout=PATIENCE)


def test_files_beside_the_sessions_are_not_served(tab, url):
    for path in ('/etc/passwd', images.__file__):
        answer = tab.request.get(f'{url.rstrip("/")}/gradio_api/file={path}')
        assert answer.status in (403, 404)


def test_every_field_and_picture_has_a_name(tab, files):
    painted(tab, files)
    unnamed = tab.evaluate(
        """() => [...document.querySelectorAll('input, textarea, button, img')].filter(e => e.offsetParent &&
        !(e.alt || e.ariaLabel || e.title || e.textContent.trim() || e.closest('label') || e.labels?.length ||
          e.getAttribute('aria-labelledby'))).map(e => e.outerHTML.slice(0, 160))"""
    )
    assert unnamed == []


STOPS = '#photo, #tabs, #styles, #painting, #strength, #fine, #color, #part, #properly, #png, #gallery'
AT_FOCUS = f"""() => [document.activeElement.closest('{STOPS}')?.id,
    getComputedStyle(document.activeElement).outlineStyle]"""


def test_all_is_done_by_the_keyboard(tab, files):
    drop(tab, 'photo', files / 'photo.png')
    tab.wait_for_selector('#photo img')
    for number, key in ((1, 'Enter'), (2, 'Space')):
        style = tab.locator('#styles button').nth(number)
        style.focus()
        tab.keyboard.press(key)
        expect(results(tab)).to_have_count(number, timeout=PATIENCE)
        expect(style).to_be_focused()
        expect(tab.locator('#styles button[aria-pressed=true]')).to_have_count(1)
    tab.locator('#strength input[type=range]').focus()
    tab.keyboard.press('ArrowLeft')
    expect(results(tab)).to_have_count(3, timeout=PATIENCE)
    handle = tab.locator('#compare .outer')
    handle.focus()
    tab.keyboard.press('ArrowLeft')
    expect(handle).not_to_have_attribute('aria-valuenow', '50')
    tab.mouse.click(2, 2)
    walked = []
    while 'gallery' not in walked and len(walked) < 100:
        tab.keyboard.press('Tab')
        place, outline = tab.evaluate(AT_FOCUS)
        assert outline == 'solid'  # the focus is seen
        walked.append(place)
    order = [place for place, before in zip(walked, [None, *walked], strict=False) if place and place != before]
    assert order == STOPS.replace('#', '').split(', ')


def test_a_phone_shows_the_photo_then_the_result_then_all_tabs(browser, url, files):
    context = browser.new_context(viewport={'width': 390, 'height': 844})
    with visit(context, url) as tab:
        painted(tab, files)
        assert tab.evaluate('document.documentElement.scrollWidth') <= 390
        tops = [
            tab.locator(place).bounding_box()['y'] for place in ('#photo', '#compare', '[role=tablist]', '#gallery')
        ]
        assert tops == sorted(tops)
        assert tab.get_by_role('tab').count() == 5
        cut = "() => [...document.querySelectorAll('.choices span')].filter(e => e.scrollWidth > e.clientWidth).length"
        assert tab.evaluate(cut) == 0
    context.close()


def test_a_full_disk_is_told_in_a_line(tab, files, monkeypatch):
    from stylegen.studio import sessions

    painted(tab, files)
    monkeypatch.setattr(sessions, 'ROOM', 2**62)
    tab.click('#png')
    expect(tab.locator('.toast-body')).to_contain_text("the page's disk is full", timeout=PATIENCE)


def test_a_password_is_asked_for(browser):
    from stylegen.studio.server import close, start
    from stylegen.studio.settings import StudioSettings

    page, address = start(StudioSettings(port=0, browser=False, size=64, password='secret word'))
    try:
        context = browser.new_context()
        assert context.request.get(f'{address}config').status == 401
        for typed, status in (('wrong', 400), ('secret word', 200)):
            answer = context.request.post(f'{address}login', form={'username': 'anyone', 'password': typed})
            assert answer.status == status
        context.close()
    finally:
        close(page)
