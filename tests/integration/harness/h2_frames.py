"""HTTP/2 frames to bytes and back, without a library's opinion on what may be sent. Field sections are
written as plain literals; they are read by libnghttp2, which Weir itself needs."""

import ctypes
import ctypes.util
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, ENABLE_CONNECT_PROTOCOL = 5, 6, 8


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(values=None, ack=False):
    payload = b"".join(struct.pack(">HI", key, value) for key, value in (values or {}).items())
    return frame(SETTINGS, ACK if ack else 0, 0, payload)


def rst_stream(stream, error):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", error))


def goaway(last, error=NO_ERROR, debug=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, error) + debug)


def window_update(stream, amount):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", amount))


def ping(payload=b"\0" * 8, ack=False):
    return frame(PING, ACK if ack else 0, 0, payload)


def data(stream, payload, end=False):
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def integer(value, prefix, first=0):
    """An integer of RFC 7541 section 5.1 behind the bits of `first`."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    out = bytearray([first | most])
    value -= most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def literal(name, value, first=0x00):
    """A field as a literal with a literal name, without Huffman's code; `first` 0x40: it goes into
    the table."""
    name, value = (text if isinstance(text, bytes) else text.encode("latin-1")
                   for text in (name, value))
    return bytes([first]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def section(fields):
    return b"".join(literal(name, value) for name, value in fields)


def headers(stream, fields, end=False, piece=16384):
    """HEADERS with as many CONTINUATIONs as it takes."""
    whole = section(fields)
    pieces = [whole[at:at + piece] for at in range(0, len(whole), piece)] or [b""]
    out = b""
    for index, part in enumerate(pieces):
        flags = END_HEADERS if index == len(pieces) - 1 else 0
        if index == 0 and end:
            flags |= END_STREAM
        out += frame(HEADERS if index == 0 else CONTINUATION, flags, stream, part)
    return out


class _Field(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_ubyte)), ("value", ctypes.POINTER(ctypes.c_ubyte)),
                ("name_size", ctypes.c_size_t), ("value_size", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]


class FieldReader:
    """HPACK's decoder (RFC 7541) with its table: the field sections of one connection, in order."""

    _library = None

    def __init__(self):
        if FieldReader._library is None:
            library = ctypes.CDLL(ctypes.util.find_library("nghttp2") or "libnghttp2.so.14")
            library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
            library.nghttp2_hd_inflate_hd2.argtypes = [
                ctypes.c_void_p, ctypes.POINTER(_Field), ctypes.POINTER(ctypes.c_int),
                ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
            library.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
            library.nghttp2_hd_inflate_del.argtypes = [ctypes.c_void_p]
            FieldReader._library = library
        self._inflater = ctypes.c_void_p()
        if self._library.nghttp2_hd_inflate_new(ctypes.byref(self._inflater)) != 0:
            raise MemoryError

    def read(self, payload):
        fields = []
        while True:
            field, flags = _Field(), ctypes.c_int()
            used = self._library.nghttp2_hd_inflate_hd2(
                self._inflater, ctypes.byref(field), ctypes.byref(flags), payload, len(payload), 1)
            if used < 0:
                raise AssertionError(f"Weir sent a field section that does not decode: {used}")
            payload = payload[used:]
            if flags.value & 2:
                fields.append((ctypes.string_at(field.name, field.name_size).decode("latin-1"),
                               ctypes.string_at(field.value, field.value_size).decode("latin-1")))
            if flags.value & 1:
                self._library.nghttp2_hd_inflate_end_headers(self._inflater)
                return fields

    def __del__(self):
        self._library.nghttp2_hd_inflate_del(self._inflater)
