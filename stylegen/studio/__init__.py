"""A page in the browser, on this machine, for people who do not type commands.

`python -m stylegen.studio` opens it. It needs Gradio: `pip install "stylegen[studio]"`. The page offers what the
programs do for a picture; `works.Works` does it without a page.
"""
