"""Documents as people write them, made in code: PDF and Word."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
LOCKED_PDF = zlib.decompress(
    base64.b64decode(
        "eNqNUstu2zAQvPMr9uJjwiVFUiIg+JCHgaItYihpL0UOfDoKDCmgaSDpT/bQP2h/pJTapkLdQwUJEGZnZpezXG2vNmfs"
        "vCKrb9+/fCUMEEb7SNqW0G0a/dGFBK2uvVCNc0yvyXpNwuAnDl9w716eAtCt2YUDoZfjccjACH3b+wN8AlGIHdwvpNWJ"
        "9NJksx935KcHTN7dQiD+2YvQLhzGY3JFUSqFTt8H35uL8bm0xXOcv5pP7/1knUIZ7G9vufD+OI3dASf0XRh2+QEEFh0I"
        "roVWNdelsOn3uYRCb7MZvEme0BtogzSN56qprdceXYxaKFsbJ2WUDBvmXUTPmJJSOGGjs2hkEEJFpYMRjSmTf4AWNePO"
        "S+mNLm5RxaisddFpwSLqygS0nDHXBM1q9FbVpaXxyqJliAHVcjvPKUSCoAi+PlDaVxIivGKsnH2uDH8wqU8wxppTTNUn"
        "GF9qczL9PqQ51tv+cyij0G4cM1Rz/vTNEEdgv/6vyr5apQTnooQjsZFVlKZiTkfXaOtlpVGv/4dS9nw9uPTylEH+XvQh"
        "m5TnQERdbvrq+mZDfgC8XMOI"
    )
)
"""An empty page that opens with a password."""


@dataclass(frozen=True, slots=True)
class Put:
    """A line of a PDF, in points from the left and from the foot of the page."""

    text: str
    left: float
    base: float
    size: float = 10.0
    font: str = "plain"
    turned: bool = False
    """By a quarter: it runs upwards."""


_FONTS = {"plain": "Helvetica", "bold": "Helvetica-Bold", "fixed": "Courier"}


def pdf(*pages: Sequence[str]) -> bytes:
    """A PDF with these lines on each page."""
    return laid_out(
        *([Put(text, 72, 720 - 16 * at, 12) for at, text in enumerate(lines)] for lines in pages)
    )


def laid_out(*pages: Sequence[Put]) -> bytes:
    """A PDF with lines where they are put, written in that order."""
    fonts = [
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
        for name in _FONTS.values()
    ]
    named = " ".join(f"/{font} {number} 0 R" for number, font in enumerate(_FONTS, start=3))
    start = 3 + len(fonts)
    kids = " ".join(f"{start + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        *fonts,
    ]
    for number, lines in enumerate(pages):
        content = f"BT {' '.join(map(_shown, lines))} ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << {named} >> >> /Contents {start + 1 + 2 * number} 0 R >>"
        )
        size = len(content.encode("cp1252"))
        objects.append(f"<< /Length {size} >>\nstream\n{content}\nendstream")
    return _with_table(objects)


def _shown(line: Put) -> str:
    text = line.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    matrix = "0 1 -1 0" if line.turned else "1 0 0 1"
    return f"/{line.font} {line.size} Tf {matrix} {line.left} {line.base} Tm ({text}) Tj"


def _with_table(objects: Sequence[str]) -> bytes:
    """The objects with the table of where each begins."""
    data, starts = b"%PDF-1.4\n", list[int]()
    for number, held in enumerate(objects, start=1):
        starts.append(len(data))
        data += f"{number} 0 obj\n{held}\nendobj\n".encode("cp1252")
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    whole = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + (whole + end).encode()


def docx(*paragraphs: str, table: Sequence[Sequence[str]] = ()) -> bytes:
    """A document of Word; a paragraph that begins with `# ` is a heading."""
    heading = '<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    styles = f'<w:styles xmlns:w="{_WORD}">{heading}</w:styles>'
    rows = "".join(
        f"<w:tr>{''.join(f'<w:tc>{_paragraph(cell)}</w:tc>' for cell in row)}</w:tr>"
        for row in table
    )
    tables = f"<w:tbl>{rows}</w:tbl>" if rows else ""
    body = "".join(map(_paragraph, paragraphs)) + tables
    relation = f"{_OFFICE.rpartition('/')[0]}"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Override '
        f'PartName="/word/document.xml" ContentType="{_MAIN}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{_OFFICE}" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{relation}/styles" Target="styles.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>',
        "word/styles.xml": styles,
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return held.getvalue()


def _paragraph(text: str) -> str:
    style = '<w:pPr><w:pStyle w:val="H1"/></w:pPr>' if text.startswith("# ") else ""
    return f"<w:p>{style}<w:r><w:t>{text.removeprefix('# ')}</w:t></w:r></w:p>"
