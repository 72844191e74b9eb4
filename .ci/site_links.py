"""For `make site`: what leads out of the documents, into the code, is named and not linked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leave the words of a link that leaves the documents."""
    folder = (DOCS / page.file.src_path).parent

    def inside(found: re.Match[str]) -> str:
        return found[0] if DOCS in (folder / found[2]).resolve().parents else found[1]

    return _LINK.sub(inside, markdown)
