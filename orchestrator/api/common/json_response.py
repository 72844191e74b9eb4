"""How answers are written."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response


class JsonAnswer(Response):
    """A JSON answer. A lone surrogate, which has no UTF-8 form, goes out as the escape it was."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode; the keys keep their order, which is made for people."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8", "backslashreplace")
