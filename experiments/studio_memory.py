"""Does the page keep its memory? Two hundred pictures by clicks in a real browser, and the server's memory on the way.

Command:   python experiments/studio_memory.py
Time:      17 minutes at nice 8 on two cores with much other work (load 15); about 1 minute of it is the start
Expected:  as much memory after 200 jobs as after 20. On 2026-11-27, at 64 px: 796 MB after 1 job, 798 after 20, 803
           after 50, 803 after 100, 803 after 150, 804 after 200; 0.4 MB of files in the page's folder

Each job is another question (style and strength), so that none is answered from the results that are kept. The page is
this process; the browser is another one.
"""

import gc
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags, logging
from playwright.sync_api import expect, sync_playwright

from stylegen import images
from stylegen.studio.server import close, start
from stylegen.studio.settings import StudioSettings

SHOWN = (1, 20, 50, 100, 150, 200)  # after so many jobs
PATIENCE = 120_000  # milliseconds for a job


def resident():
    """Megabytes of this process that are in memory."""
    gc.collect()
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def work(tab, jobs, styles, tell):
    """Clicks through styles and strengths, one job after the other."""
    number = tab.locator('#strength input[type=number]')
    for job in range(jobs):
        if job % styles == 0:  # the first click afterwards paints with the new strength
            number.fill(f'{0.5 + 0.05 * (job // styles):.2f}')
        button = tab.locator('#styles button').nth(job % styles)
        button.click()
        name = button.locator('span').inner_text()
        expect(tab.locator('#status')).to_contain_text(f'{name} in one pass', timeout=PATIENCE)
        if job + 1 in SHOWN:
            tell(job + 1)


def main(argv):
    del argv
    logging.set_verbosity(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        photo = Path(folder) / 'photo.png'
        images.save_image(photo, np.random.default_rng(0).random((48, 64, 3)).astype(np.float32))
        page, address = start(StudioSettings(port=0, browser=False, size=64))
        browser = playwright.chromium.launch(executable_path=flags.FLAGS.browser, args=['--no-sandbox'])
        tab, began = browser.new_page(), time.monotonic()
        tab.goto(address)
        tab.set_input_files('#photo input[type=file]', str(photo))
        tab.wait_for_selector('#photo img')
        tell = lambda job: print(
            f'{job:4d} jobs: {resident():6.0f} MB after {time.monotonic() - began:.0f} s', flush=True
        )
        work(tab, flags.FLAGS.jobs, tab.locator('#styles button').count(), tell)
        kept = sum(one.stat().st_size for one in Path(os.environ['GRADIO_TEMP_DIR']).rglob('*') if one.is_file())
        print(f"{kept / 2**20:.1f} MB of files in the page's folder")
        browser.close()
        close(page)


if __name__ == '__main__':
    flags.DEFINE_integer('jobs', 200, 'pictures to paint')
    flags.DEFINE_string('browser', '/usr/bin/chromium', 'the browser to drive')
    app.run(main)
