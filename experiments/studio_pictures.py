"""Take the pictures of the page that README shows.

Command:   python experiments/studio_pictures.py --output=assets
Time:      under a minute on two idle cores, most of it TensorFlow's start (30 CPU seconds were measured)
Expected:  studio.jpg (1024 x 720, three results beside the photo that ships), studio_phone.jpg (333 x 720)
"""

import io
from pathlib import Path

from absl import app, flags, logging
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.studio.server import close, start
from stylegen.studio.settings import StudioSettings

CLICKED = 'composition vii', 'the scream', 'houses at murnau'  # one after the other
HEIGHT = 720
SCREENS = {'studio.jpg': (1280, 900), 'studio_phone.jpg': (390, 844)}


def take(browser, address, size):
    """Paints in three styles, and takes what a screen of this size shows then."""
    tab = browser.new_page(viewport=dict(zip(('width', 'height'), size, strict=True)))
    tab.goto(address)
    tab.set_input_files('#photo input[type=file]', str(DEFAULT_PICTURE))
    tab.wait_for_selector('#photo img')
    for number, name in enumerate(CLICKED):
        tab.locator('#styles').get_by_text(name, exact=True).click()
        expect(tab.locator('#gallery button')).to_have_count(number + 1, timeout=120_000)
    expect(tab.locator('#status')).to_contain_text(f'{CLICKED[-1]} in one pass')
    tab.mouse.move(0, 0)
    tab.evaluate('window.scrollTo(0, 0)')
    tab.wait_for_timeout(2000)  # pictures arrive
    picture = Image.open(io.BytesIO(tab.screenshot())).convert('RGB')
    return picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)


def main(argv):
    del argv
    logging.set_verbosity(logging.WARNING)
    page, address = start(StudioSettings(port=0, browser=False, size=768))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=flags.FLAGS.browser, args=['--no-sandbox'])
        for name, size in SCREENS.items():
            take(browser, address, size).save(Path(flags.FLAGS.output) / name, quality=88)
            print(name)
        browser.close()
    close(page)


if __name__ == '__main__':
    flags.DEFINE_string('output', 'assets', 'folder')
    flags.DEFINE_string('browser', '/usr/bin/chromium', 'the browser to drive')
    app.run(main)
