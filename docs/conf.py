"""How Sphinx makes the site of the pages in this folder: ``make docs``.

Pages are plain Markdown, which a forge shows as well: ``site/`` has what the site needs besides.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))

from vmprof.version import __version__

project = "vmprof"
author = "The vmprof maintainers"
copyright = f"{author}. Licence: Apache-2.0"  # noqa: A001
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "links",  # these are in site/
    "names",
    "looks",
]
exclude_patterns = ["data", "examples", "pictures", "scripts", "site"]

# Whatever a page refers to has to be there; --option stays as it is written.
nitpicky = True
smartquotes = False
myst_heading_anchors = 4
# What is not said to be something else: commands and what they print (looks.py).
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": True}
# What is called by a name in the code is so on the page.
autodoc_type_aliases = {
    name: name for name in ("Given", "Metric", "Progress", "Row", "Source", "Weights")
}
maximum_signature_line_length = 72
python_display_short_literal_types = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"vmprof {release}"
html_logo = html_favicon = "pictures/logo.svg"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#9a3412", "color-brand-content": "#a04708"},
    "dark_css_variables": {"color-brand-primary": "#fdba74", "color-brand-content": "#fb923c"},
}
copybutton_exclude = ".linenos, .gp"

# make docs-links, where there is a network.
linkcheck_timeout = 20
linkcheck_retries = 2
