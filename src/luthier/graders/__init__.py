"""One file per way of scoring a completion."""

from luthier.graders._build import build_grader, check_grader
from luthier.graders._registry import graders
from luthier.graders._review import Finding, Review, review
from luthier.graders.contract import Answer, Borrower, Grader, Lender, Reader, Score

__all__ = [
    "Answer",
    "Borrower",
    "Finding",
    "Grader",
    "Lender",
    "Reader",
    "Review",
    "Score",
    "build_grader",
    "check_grader",
    "graders",
    "review",
]
