"""Small documents of every kind that the search index reads, made by hand, and mail that carries them."""

import io
import zlib
from base64 import encodebytes
from collections.abc import Mapping
from zipfile import ZIP_DEFLATED, ZipFile

OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN = "application/vnd.oasis.opendocument."


def pdf(*pages: str) -> bytes:
    """A PDF file with some lines of Latin-1 text on each page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    objects[2] = objects[2][:-2] + b"/Encoding /WinAnsiEncoding >>"
    kids = []
    for page in pages:
        lines = " T* ".join(f"({line}) Tj" for line in page.split("\n"))
        content = zlib.compress(f"BT /F1 12 Tf 14 TL 72 720 Td {lines} ET".encode("cp1252"))
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(kids), b" ".join(kids))
    file = b"%PDF-1.4\n"
    offsets = []
    for number, each in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return file + b"xref\n0 %d\n0000000000 65535 f \n%btrailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
        len(objects) + 1,
        len(file),
    )


def package(files: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive."""
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def docx(*paragraphs: str) -> bytes:
    """A text document; ``|`` cuts a paragraph into runs, as a program does in the middle of words."""
    text = "".join(
        "<w:p>" + "".join(f'<w:r><w:t xml:space="preserve">{run}</w:t></w:r>' for run in each.split("|")) + "</w:p>"
        for each in paragraphs
    )
    return package(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f'<w:document xmlns:w="urn:w"><w:body>{text}</w:body></w:document>',
            "word/footer1.xml": '<w:ftr xmlns:w="urn:w"><w:p><w:r><w:t>footing</w:t></w:r></w:p></w:ftr>',
        }
    )


def xlsx(*texts: str) -> bytes:
    """A table with texts, a number, and a text of its own."""
    shared = "".join(f"<si><t>{text}</t><rPh><t>spoken</t></rPh></si>" for text in texts)
    cells = "".join(f'<c t="s"><v>{number}77</v></c>' for number in range(len(texts)))
    return package(
        {
            "xl/worksheets/sheet1.xml": f"<worksheet><sheetData><row>{cells}<c><v>4711.5</v></c>"
            '<c t="inlineStr"><is><t>inline</t></is></c></row></sheetData></worksheet>',
            "xl/workbook.xml": '<workbook><sheets><sheet name="Quarter" sheetId="1"/></sheets></workbook>',
            "xl/sharedStrings.xml": f"<sst>{shared}</sst>",
        }
    )


def pptx(*slides: str) -> bytes:
    """A presentation."""
    return package(
        {
            f"ppt/slides/slide{number}.xml": f'<p:sld xmlns:p="urn:p" xmlns:a="urn:a"><a:p><a:r><a:t>{text}</a:t></a:r>'
            "<a:br/><a:r><a:t>below</a:t></a:r></a:p></p:sld>"
            for number, text in enumerate(slides, 1)
        }
    )


def open_document(*paragraphs: str) -> bytes:
    """An OpenDocument file of any kind."""
    text = "".join(f"<text:p>{each}</text:p>" for each in paragraphs)
    return package(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": '<office:document-content xmlns:office="urn:o" xmlns:text="urn:t"><office:body>'
            "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
            f"<text:h>Heading<text:s/>here</text:h>{text}</office:body></office:document-content>",
        }
    )


def attached(document: bytes, kind: str = "application/pdf", name: str = "", subject: str = "x") -> bytes:
    """A message with a document."""
    disposition = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
    return (
        f"Subject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n"
        f"--b\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n{disposition}\r\n".encode()
        + encodebytes(document).replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )
