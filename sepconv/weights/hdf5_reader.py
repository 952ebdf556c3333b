"""HDF5, as far as Keras writes it, read without trusting a byte of it.

libhdf5 reads more, and loops forever on some files with a flipped bit. This reader knows what
h5py writes by default (superblock 0, symbol tables, contiguous datasets) and refuses the rest:
links, external and virtual data, chunks, filters. Each object is visited once, so time is bounded
by the file's size. Source: "HDF5 File Format Specification Version 3.0", The HDF Group.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from sepconv.errors import WeightsError, shown

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1
MAX_OBJECTS = 100_000  # groups and datasets of a file
MAX_DEPTH = 64
MAX_HEADER = 2**20  # bytes of one object's header; a single attribute has at most 64 KiB
MAX_TEXT = 2**24  # bytes of an attribute's text; a config has at most 1 MiB

# Kinds of header messages.
SPACE, TYPE, LINK_INFO, LINK, EXTERNAL, LAYOUT, FILTERS = 0x1, 0x3, 0x2, 0x6, 0x7, 0x8, 0xB
ATTRIBUTE, CONTINUATION, SYMBOLS, ATTRIBUTE_INFO = 0xC, 0x10, 0x11, 0x15
SHARED = 0x2  # of a message's flags

REFUSED = {
    LINK_INFO: "a group of HDF5 1.8's new form",
    LINK: "a link of HDF5 1.8's new form",
    EXTERNAL: "an external dataset",
    FILTERS: "a compressed or filtered dataset",
    ATTRIBUTE_INFO: "attributes of HDF5 1.8's new form",
}

# Datatype messages of little-endian numbers, as libhdf5 writes them.
TYPES = {
    "float16": "11200f0002000000 00001000 0a05000a 0f000000",
    "float32": "11201f0004000000 00002000 17080017 7f000000",
    "float64": "11203f0008000000 00004000 340b0034 ff030000",
    "int32": "1008000004000000 00002000",  # a counter
}
NUMBERS = {bytes.fromhex(text): name for name, text in TYPES.items()}
STRING, OPAQUE, VARIABLE = 3, 5, 9  # classes of datatypes


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where a dataset's values stand, and what they are; no dtype if sepconv has none for it."""

    shape: tuple[int, ...]
    dtype: str | None
    offset: int
    size: int
    attributes: dict[str, Any]


@dataclass(slots=True)
class Tree:
    """All datasets of a file by path, and the attributes of its groups; the root is ""."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)


def tree(file: IO[bytes]) -> Tree:
    """Return what a file holds, without any dataset's values.

    Raises:
        WeightsError: damaged, or with anything that Keras does not write.
    """
    return _Reader(file).tree()


class _Reader:
    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.length = file.seek(0, 2)
        self.seen: set[int] = set()
        self.spans: list[tuple[int, int, str]] = []  # of all that has a place: offset, size, what
        self.leaf, self.fanout = 0, 0  # the most entries of a leaf and of a node of groups' trees
        self.objects = 0
        self.heaps: dict[int, dict[int, bytes]] = {}

    def tree(self) -> Tree:
        head = self.at(0, 96)
        if head[:8] != SIGNATURE:
            raise WeightsError("is no HDF5 file")
        if head[8:16] != bytes((0, 0, 0, 0, 0, 8, 8, 0)):
            raise WeightsError(
                f"is of an HDF5 version that Keras does not write: superblock {head[8]}"
            )
        self.spans.append((0, 96, "the superblock"))
        self.leaf, self.fanout = (2 * half for half in struct.unpack_from("<HH", head, 16))
        base, _, end, driver = struct.unpack_from("<4Q", head, 24)
        if base != 0 or driver != UNDEFINED or end != self.length:
            raise WeightsError(f"declares {end} bytes from {base} on, the file holds {self.length}")
        found = Tree()
        (root,) = struct.unpack_from("<Q", head, 64)
        self.object(root, "", found, 0)
        self.refuse_overlaps()
        return found

    def at(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""
        if size > self.length or offset > self.length - size:
            raise WeightsError(f"points to byte {offset + size} of {self.length}")
        self.file.seek(offset)
        data = self.file.read(size)
        if len(data) != size:
            raise WeightsError("became shorter while it was read")
        return data

    def once(self, offset: int, size: int, what: str) -> None:
        """Remember that `what` stands at `offset`; nothing is read twice."""
        if offset in self.seen:
            raise WeightsError(f"leads to {what} on two ways, at byte {offset}")
        self.seen.add(offset)
        self.spans.append((offset, size, what))

    def refuse_overlaps(self) -> None:
        """Raise WeightsError if anything stands where something else does."""
        end, before = 0, ""
        for offset, size, what in sorted(span for span in self.spans if span[1]):
            if offset < end:
                raise WeightsError(f"stores {what} at byte {offset}, where {before} stands")
            end, before = offset + size, what
        if end > self.length:
            raise WeightsError(f"is cut: {before} ends at byte {end} of {self.length}")

    # --- groups and datasets -----------------------------------------------------------------

    def object(self, offset: int, path: str, found: Tree, depth: int) -> None:
        self.once(offset, 16, "one object")
        self.objects += 1
        if self.objects > MAX_OBJECTS or depth > MAX_DEPTH:
            raise WeightsError(f"holds more than {MAX_OBJECTS} objects, or {MAX_DEPTH} levels")
        messages: dict[int, bytes] = {}
        attributes: dict[str, Any] = {}
        for kind, data in self.messages(offset):
            if kind in REFUSED:
                raise WeightsError(f"holds {REFUSED[kind]}: {shown(path)}; Keras writes none")
            if kind == ATTRIBUTE:
                name, value = self.attribute(data)
                if attributes.setdefault(name, value) is not value:
                    raise WeightsError(f"gives {shown(path)} the attribute {shown(name)} twice")
            elif messages.setdefault(kind, data) is not data and kind in (SPACE, TYPE, LAYOUT):
                raise WeightsError(f"describes {shown(path)} twice")
        if SYMBOLS in messages:
            found.groups[path] = attributes
            for name, child in self.members(messages[SYMBOLS]):
                self.object(child, f"{path}/{name}" if path else name, found, depth + 1)
        elif {SPACE, TYPE, LAYOUT} <= messages.keys():
            found.datasets[path] = self.dataset(messages, path, attributes)
        else:
            raise WeightsError(f"holds {shown(path)}, which is no group and no dataset")

    def messages(self, offset: int) -> Iterator[tuple[int, bytes]]:
        version, _, count, _, size = struct.unpack("<BBHII", self.at(offset, 12))
        if version != 1:
            raise WeightsError(f"has an object header of version {version} at byte {offset}")
        blocks = [(offset + 16, size)]
        total = 0
        while blocks:
            start, size = blocks.pop(0)
            total += size
            if total > MAX_HEADER:
                raise WeightsError(f"has an object header of {total} bytes at byte {offset}")
            self.once(start, size, "one header")
            data = self.at(start, size)
            at = 0
            while at + 8 <= size and count:
                kind, length, flags = struct.unpack_from("<HHB", data, at)
                body = data[at + 8 : at + 8 + length]
                if len(body) != length or flags & SHARED:
                    raise WeightsError(f"has a header message that lies, at byte {start + at}")
                count -= 1
                at += 8 + length
                if kind == CONTINUATION:
                    blocks.append(_unpack("<QQ", body))
                elif kind:
                    yield kind, body
        if count:
            raise WeightsError(f"lacks {count} messages of the object at byte {offset}")

    def members(self, symbols: bytes) -> Iterator[tuple[str, int]]:
        """Yield the names of a group's members and the offsets of their headers."""
        tree, heap = _unpack("<QQ", symbols)
        magic, _, size, _, segment = struct.unpack("<4sIQQQ", self.at(heap, 32))
        if magic != b"HEAP":
            raise WeightsError(f"has no heap of names at byte {heap}")
        names = self.at(segment, size)
        self.spans += [(heap, 32, "a heap of names"), (segment, size, "names")]
        seen: set[str] = set()
        for entry in self.entries(tree, 0):
            at, child, kind = struct.unpack_from("<QQI", entry)
            end = names.find(b"\0", at)
            if kind not in (0, 1):
                raise WeightsError("holds a soft or external link")
            name = names[at:end].decode("utf-8") if end > at else ""
            if not name or "/" in name or name in (".", "..") or name in seen:
                raise WeightsError(f"holds a member called {shown(name)}, empty, odd or twice")
            seen.add(name)
            yield name, child

    def entries(self, offset: int, depth: int) -> Iterator[bytes]:
        """Yield the entries of a group's symbol table."""
        head = self.at(offset, 8)
        if head[:4] == b"SNOD" and depth:
            self.once(offset, 8 + 40 * self.leaf, "one leaf")
            count = _unpack("<H", head[6:])[0]
            data = self.at(offset + 8, 40 * count)
            yield from (data[at : at + 40] for at in range(0, 40 * count, 40))
            return
        magic, kind, _, count = struct.unpack("<4sBBH", head)
        if magic != b"TREE" or kind != 0 or depth > 8:
            raise WeightsError(f"has no symbol table at byte {offset}")
        self.once(offset, 24 + 16 * self.fanout + 8, "one table")
        data = self.at(offset + 24, 16 * count + 8)
        for number in range(count):
            yield from self.entries(_unpack("<Q", data[16 * number + 8 :][:8])[0], depth + 1)

    def dataset(self, messages: dict[int, bytes], path: str, attributes: dict[str, Any]) -> Dataset:
        shape = _shape(messages[SPACE])
        item, dtype = _dtype(messages[TYPE])
        version, kind, offset, size = struct.unpack("<BBQQ", messages[LAYOUT][:18].ljust(18, b"\0"))
        if version != 3 or kind != 1:
            raise WeightsError(f"holds {shown(path)}, which is not stored as one piece")
        if size != math.prod(shape) * item:
            raise WeightsError(f"declares {size} bytes for {shown(path)} of shape {shown(shape)}")
        if size and (size > self.length or offset > self.length - size):
            raise WeightsError(f"declares more bytes for {shown(path)} than it holds")
        if size:
            self.spans.append((offset, size, f"the dataset {shown(path)}"))
        return Dataset(shape, dtype, offset if size else 0, size, attributes)

    # --- attributes --------------------------------------------------------------------------

    def attribute(self, data: bytes) -> tuple[str, Any]:
        """Return an attribute's name and its text or list of texts; None if it is no text."""
        version, _, name_size, type_size, space_size = struct.unpack("<BBHHH", data[:8])
        if version not in (1, 2, 3):
            raise WeightsError(f"has an attribute of version {version}")
        parts = []
        at = 9 if version == 3 else 8
        for size in (name_size, type_size, space_size):
            parts.append(data[at : at + size])
            at += -(-size // 8) * 8 if version == 1 else size
        name = parts[0].rstrip(b"\0").decode("utf-8")
        shape = _shape(parts[2])
        count = math.prod(shape)
        size = _unpack("<I", parts[1][4:8])[0]
        if count * size > len(data) - at:
            raise WeightsError(f"declares more bytes for the attribute {shown(name)} than it has")
        kind = parts[1][0] & 15
        if kind not in (STRING, VARIABLE) or (
            kind == VARIABLE and (size, parts[1][1] & 15) != (16, 1)
        ):
            return name, [] if shape == (0,) else None
        items = [data[at + size * i : at + size * (i + 1)] for i in range(count)]
        texts = [
            (item.rstrip(b"\0") if kind == STRING else self.in_heap(item)).decode("utf-8")
            for item in items
        ]
        return name, texts if shape else texts[0]

    def in_heap(self, reference: bytes) -> bytes:
        length, offset, index = struct.unpack("<IQI", reference)
        if not length:
            return b""
        if offset not in self.heaps:
            self.heaps[offset] = dict(self.heap(offset))
        text = self.heaps[offset].get(index, b"")
        if len(text) != length:
            raise WeightsError(f"declares a text of {length} bytes, it holds {len(text)}")
        return text

    def heap(self, offset: int) -> Iterator[tuple[int, bytes]]:
        magic, _, size = struct.unpack("<4sIQ", self.at(offset, 16))
        if magic != b"GCOL" or not 16 <= size <= MAX_TEXT:
            raise WeightsError(f"has no heap of texts at byte {offset}")
        self.once(offset, size, "one heap")
        data = self.at(offset, size)
        at = 16
        while at + 16 <= size:
            index, _, _, length = struct.unpack_from("<HHIQ", data, at)
            if index == 0:  # the free rest
                return
            if length > size - at - 16:
                raise WeightsError(f"declares a text of {length} bytes in a heap of {size}")
            yield index, data[at + 16 : at + 16 + length]
            at += 16 + -(-length // 8) * 8


def _shape(space: bytes) -> tuple[int, ...]:
    version, rank = struct.unpack("<BB", space[:2])
    start = {1: 8, 2: 4}.get(version)
    if start is None or rank > 32 or (version == 2 and space[3] == 2):
        raise WeightsError(f"has a shape of version {version} and rank {rank}")
    return struct.unpack_from(f"<{rank}Q", space, start)


def _dtype(data: bytes) -> tuple[int, str | None]:
    """Return the bytes of one value, and the dtype's name if sepconv has one for it."""
    size = int(_unpack("<I", data[4:8])[0])
    if data[0] & 15 == OPAQUE and size == 2:
        return 2, "bfloat16"  # which has no name in HDF5; NumPy's two raw bytes
    return size, NUMBERS.get(data[:20]) or NUMBERS.get(data[:12])


def _unpack(form: str, data: bytes) -> Any:
    if len(data) < struct.calcsize(form):
        raise WeightsError("has a header message that is cut")
    return struct.unpack_from(form, data)
