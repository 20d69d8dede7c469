"""Everything that is computed of a message once, when it arrives. Never raises, whatever the octets; linear time."""

from mailwren.message.api import ParsedMessage
from mailwren.message.bodystructure import build_body_structure
from mailwren.message.dates import parse_date
from mailwren.message.encoded_words import decode_header
from mailwren.message.envelope import build_envelope
from mailwren.message.message_ids import message_id, references
from mailwren.message.parameters import first_decoded
from mailwren.message.preview import preview
from mailwren.message.sort_keys import sort_keys
from mailwren.message.structure import Octets, Structure, parse_structure


def parse_message(octets: Octets, structure: Structure | None = None) -> ParsedMessage:
    """What FETCH, SEARCH, SORT and THREAD ask of a message.

    Args:
        octets: the whole message, with line ends of any kind.
        structure: its parts, if they are known already.
    """
    if structure is None:
        structure = parse_structure(octets)
    root, header = structure.root, structure.headers[0]
    hint = first_decoded(root.parameters, "charset")
    body, body_structure = build_body_structure(structure)
    sent = parse_date(header.unfolded(b"date"))
    return ParsedMessage(
        size=len(octets),
        root=root,
        envelope=build_envelope(header, hint),
        body=body,
        body_structure=body_structure,
        header_size=root.body_start,
        sent_date=sent[0] if sent else None,
        sent_time=sent[1] if sent else None,
        message_id=message_id(header.get(b"message-id")),
        references=references(header.get(b"references"), header.get(b"in-reply-to")),
        subject=decode_header(header.get(b"subject") or b"", hint),
        sort_keys=sort_keys(header, hint),
        preview=preview(octets, root),
    )
