"""A one-page PDF with some lines of text: the same text gives the same bytes."""

from collections.abc import Sequence

FIRST_LINE = 780
LINE_HEIGHT = 18


def pdf(lines: Sequence[str]) -> bytes:
    """Characters that Latin-1 does not have become question marks."""
    text = _content(lines)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    return _assembled(objects)


def _content(lines: Sequence[str]) -> bytes:
    shown = [f"BT /F1 12 Tf 60 {FIRST_LINE} Td {LINE_HEIGHT} TL"]
    shown += [f"({_escaped(line)}) Tj T*" for line in lines]
    return "\n".join([*shown, "ET"]).encode("latin-1", "replace")


def _escaped(text: str) -> str:
    for special in ("\\", "(", ")"):
        text = text.replace(special, f"\\{special}")
    return text


def _assembled(objects: Sequence[bytes]) -> bytes:
    """Header, the objects, and the table that says at which byte each of them begins."""
    document, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % size
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(document))
    return document + head + table + trailer
