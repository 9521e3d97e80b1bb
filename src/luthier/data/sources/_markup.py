"""Markup as running text: headings, lists, tables and code as in Markdown, nothing around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from luthier.core.errors import DataError, missing

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_NO_TEXT = (
    "script, style, noscript, template, iframe, object, svg, canvas, audio, video, img, head > "
    "title, button, select, input, textarea, dialog, [hidden], [aria-hidden=true]"
)
_AROUND = (
    "nav, aside, footer, [role=navigation], [role=banner], [role=contentinfo], [role=search], "
    "[role=complementary], [role=menu], [role=menubar]"
)
_MAIN = ("main, [role=main]", "article")
_FEWEST_LINKS = 3
_BLANKS = re.compile(r"[ \t\u00a0]+(?=\n)|\u00ad|\u200b")
_LINES = re.compile(r"\n{3,}")


def plain_text(markup: str, *, where: str) -> tuple[str, int]:
    """The main text, and how many blocks around it were left out (menus, notes at the side).

    Args: where: the file, for messages.
    Raises: DataError: it is nested deeper than can be walked.
    """
    try:
        from bs4 import BeautifulSoup
        from markdownify import MarkdownConverter
    except ImportError as error:
        raise missing("beautifulsoup4 and markdownify", "documents", "Reading pages") from error
    writer = MarkdownConverter(
        heading_style="atx",
        bullets="-",
        strip=["a", "abbr"],
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
        wrap=False,
        table_infer_header=True,
    )
    try:
        page = BeautifulSoup(markup, "lxml")
        main, num_out = _main_of(page)
        text = str(writer.convert_soup(main))
    except RecursionError:
        raise DataError(
            f"{where}: elements are nested too deep for a page.\n    Save its text, and name that"
        ) from None
    return _LINES.sub("\n\n", _BLANKS.sub("", text)).strip(), num_out


def _main_of(page: BeautifulSoup) -> tuple[Tag, int]:
    """The element that holds the text, without what is none, and how much of that was text."""
    for element in page.select(_NO_TEXT):
        element.decompose()
    out = [element for element in page.select(_AROUND) if element.get_text(strip=True)]
    out += [element for element in page.select("header") if _is_of_page(element)]
    out += [element for element in page.select("ul, ol") if _is_menu(element)]
    outer = [element for element in out if not any(parent in out for parent in element.parents)]
    for element in outer:
        element.decompose()
    found = (page.select(kind) for kind in _MAIN)
    main = next((held[0] for held in found if len(held) == 1), page.body or page)
    return main, len(outer)


def _is_of_page(header: Tag) -> bool:
    """Whether a header stands over the whole page and not over its text."""
    is_inside = header.find_parent(["main", "article", "section"]) is not None
    return not is_inside and header.find("h1") is None and bool(header.get_text(strip=True))


def _is_menu(element: Tag) -> bool:
    """Whether a list holds nothing but links."""
    links = element.find_all("a")
    if len(links) < _FEWEST_LINKS:
        return False
    linked = sum(len(link.get_text(strip=True)) for link in links)
    return linked >= len(element.get_text(strip=True))
