"""The flows of the bench, as an author writes them."""

from __future__ import annotations

from typing import Any

from crewai.flow import Flow, human_feedback, listen, or_, start


class OneReview(Flow):  # type: ignore[type-arg]
    """Three methods, of which a person reviews the second."""

    @start()
    def begin(self) -> str:
        """First."""
        return "begun"

    @listen(begin)
    @human_feedback(message="Good?")
    def review(self) -> str:
        """What a person is asked about."""
        return "draft"

    @listen(review)
    def publish(self, _: Any) -> str:
        """What follows from the answer."""
        return "published"


class Rounds(Flow):  # type: ignore[type-arg]
    """One method that a person sends back as often as they like."""

    @start()
    def begin(self) -> str:
        """First."""
        return "begun"

    @listen(or_(begin, "again"))
    @human_feedback(message="Good?", emit=["again", "done"])
    def write(self) -> str:
        """What a person is asked about."""
        return "draft"
