"""The schemas of one example, whatever file it came from."""

from luthier.data.rows.base import Origin, PartOrigin, Row, Splits
from luthier.data.rows.conversations import (
    ROLES,
    Chat,
    Message,
    Preference,
    Prompt,
    Rated,
    Role,
    SpanWeight,
    spoken,
)
from luthier.data.rows.picture import check_picture, open_picture
from luthier.data.rows.ranked import Candidate, Ranked
from luthier.data.rows.texts import (
    Labeled,
    Multilabeled,
    Question,
    Scored,
    Span,
    Tagged,
    Text,
    name_of,
)
from luthier.data.rows.triplets import Triplet

__all__ = [
    "ROLES",
    "Candidate",
    "Chat",
    "Labeled",
    "Message",
    "Multilabeled",
    "Origin",
    "PartOrigin",
    "Preference",
    "Prompt",
    "Question",
    "Ranked",
    "Rated",
    "Role",
    "Row",
    "Scored",
    "Span",
    "SpanWeight",
    "Splits",
    "Tagged",
    "Text",
    "Triplet",
    "check_picture",
    "name_of",
    "open_picture",
    "spoken",
]
