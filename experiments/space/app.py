"""The studio as a Space of Hugging Face. Others reach it, so its secret STYLEGEN_PASSWORD must be set there first.

Command:   STYLEGEN_PASSWORD=... python experiments/space/app.py
Time:      some seconds until the address is printed; it runs until Ctrl-C
Expected:  'the page is at http://localhost:7860/ (Ctrl-C ends it)'; without the password one line that asks for it
"""

import sys

from stylegen.studio.server import serve
from stylegen.studio.settings import StudioSettings
from stylegen.utils.console import Console
from stylegen.utils.errors import UserError

if __name__ == '__main__':
    try:
        serve(StudioSettings(host='0.0.0.0', browser=False, size=1024, upload=20), Console(False))
    except KeyboardInterrupt:
        sys.exit(130)
    except UserError as error:
        sys.exit(f'app: {error}')
