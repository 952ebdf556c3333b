"""HDF5 as h5py writes it for Keras, the same bytes for the same arrays.

Groups with symbol tables, datasets in one piece, texts in one heap: superblock 0, which any HDF5
library reads. Source: "HDF5 File Format Specification Version 3.0", The HDF Group.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sepconv.weights.hdf5_reader import (
    ATTRIBUTE,
    LAYOUT,
    SIGNATURE,
    SPACE,
    SYMBOLS,
    TYPE,
    TYPES,
    UNDEFINED,
)  # fmt: skip

FILL = 0x5  # the header message about values that nobody wrote
SUPERBLOCK = 96  # bytes
LEAF = 8  # members in a leaf of a group's tree: twice libhdf5's default K
HEAP = 4096  # bytes, the least that libhdf5 gives a heap of texts
OPAQUE_2 = bytes.fromhex("15000000 02000000")  # two raw bytes: bfloat16
TEXT = bytes.fromhex("19010100 10000000 13100000 01000000")  # UTF-8 of any length
SCALAR = bytes.fromhex("01000000 00000000")

Arrays = Mapping[str, NDArray[Any]]


def write(file: IO[bytes], arrays: Arrays, attributes: Mapping[str, str]) -> None:
    """Write `arrays`, named by their paths, and the root's `attributes`."""
    writer = _Writer(arrays, attributes)
    file.write(writer.structure())
    for array in arrays.values():
        data = np.ascontiguousarray(array)
        file.write(data.view(np.uint8).data if data.size else b"")
        file.write(bytes(-data.nbytes % 8))


class _Writer:
    """Structure first, then values: every address is known before anything is written."""

    def __init__(self, arrays: Arrays, attributes: Mapping[str, str]) -> None:
        self.arrays = arrays
        self.root = _nested(arrays)
        self.texts = list(dict.fromkeys(["bfloat16", *attributes.values()]))
        self.attributes = attributes
        largest = max(math.ceil(len(group) / LEAF) for group in _groups(self.root))
        self.fanout = max(32, largest + largest % 2)  # leaves of a group's tree
        self.parts: list[bytes] = []
        self.at = SUPERBLOCK
        # A first pass with made-up addresses tells how long the structure is.
        self.offsets = dict.fromkeys(arrays, 0)
        self.heap = 0

    def structure(self) -> bytes:
        """Return all that stands before the values."""
        length = len(self._structure())
        for name, array in self.arrays.items():
            self.offsets[name] = length if array.nbytes else UNDEFINED
            length += -(-array.nbytes // 8) * 8
        return self._structure(length)

    def _structure(self, end: int = 0) -> bytes:
        self.parts, self.at = [], SUPERBLOCK
        self.heap = self.place(self.texts_heap())
        attributes = b"".join(self.attribute(*item) for item in self.attributes.items())
        root, tree, names = self.group(self.root, attributes)
        head = SIGNATURE + bytes((0, 0, 0, 0, 0, 8, 8, 0))
        head += struct.pack("<HHI4Q", LEAF // 2, self.fanout // 2, 0, 0, UNDEFINED, end, UNDEFINED)
        return head + struct.pack("<QQIIQQ", 0, root, 1, 0, tree, names) + b"".join(self.parts)

    def place(self, data: bytes) -> int:
        """Append `data` and return its address."""
        address = self.at
        self.parts.append(data)
        self.at += len(data)
        return address

    def group(self, members: Mapping[str, Any], attributes: bytes = b"") -> tuple[int, int, int]:
        """Write a group and all in it; return the addresses of its header, tree and names."""
        entries: list[tuple[int, bytes]] = []
        names = bytearray(8)  # the empty name stands first
        for name in sorted(members, key=lambda name: name.encode()):
            member = members[name]
            entry = struct.pack("<Q", len(names))
            if isinstance(member, str):
                entry += struct.pack("<QII16x", self.dataset(member), 0, 0)
            else:
                header, tree, heap = self.group(member)
                entry += struct.pack("<QIIQQ", header, 1, 0, tree, heap)
            entries.append((len(names), entry))
            names += _padded(name.encode() + b"\0")
        segment = self.place(bytes(names))
        heap = self.place(struct.pack("<4s4xQQQ", b"HEAP", len(names), 1, segment))
        tree = self.tree(entries)
        symbols = _message(SYMBOLS, struct.pack("<QQ", tree, heap))
        return self.place(_header(symbols + attributes)), tree, heap

    def tree(self, entries: list[tuple[int, bytes]]) -> int:
        node = struct.pack("<Q", 0)  # the key before the first leaf: the empty name
        leaves = range(0, len(entries), LEAF)
        for start in leaves:
            leaf = entries[start : start + LEAF]
            data = struct.pack("<4sBBH", b"SNOD", 1, 0, len(leaf))
            data += b"".join(entry for _, entry in leaf)
            address = self.place(data.ljust(8 + 40 * LEAF, b"\0"))
            node += struct.pack("<QQ", address, leaf[-1][0])
        head = struct.pack("<4sBBHQQ", b"TREE", 0, 0, len(leaves), UNDEFINED, UNDEFINED)
        return self.place(head + node.ljust(16 * self.fanout + 8, b"\0"))

    def dataset(self, name: str) -> int:
        array = self.arrays[name]
        dims = struct.pack(f"<{array.ndim}Q", *array.shape)
        is_bfloat16 = array.dtype.name == "bfloat16"
        dtype = OPAQUE_2 if is_bfloat16 else bytes.fromhex(TYPES[array.dtype.name])
        where = struct.pack("<BBQQ", 3, 1, self.offsets[name], array.nbytes)
        messages = _message(SPACE, struct.pack("<BB6x", 1, array.ndim) + dims)
        messages += _message(TYPE, dtype) + _message(FILL, bytes((2, 2, 2, 1, 0, 0, 0, 0)))
        messages += _message(LAYOUT, where)
        if is_bfloat16:  # as Keras tells it from other raw bytes
            messages += self.attribute("dtype", "bfloat16")
        return self.place(_header(messages))

    def attribute(self, name: str, text: str) -> bytes:
        raw = name.encode() + b"\0"
        head = struct.pack("<BBHHH", 1, 0, len(raw), len(TEXT), len(SCALAR))
        where = struct.pack("<IQI", len(text.encode()), self.heap, self.texts.index(text) + 1)
        return _message(ATTRIBUTE, head + _padded(raw) + TEXT + SCALAR + where)

    def texts_heap(self) -> bytes:
        data = b""
        for number, text in enumerate(self.texts, 1):
            raw = text.encode()
            data += struct.pack("<HHIQ", number, 1, 0, len(raw)) + _padded(raw)
        size = max(HEAP, 16 + len(data) + 16)
        free = struct.pack("<HHIQ", 0, 0, 0, size - 16 - len(data))
        return (struct.pack("<4sB3xQ", b"GCOL", 1, size) + data + free).ljust(size, b"\0")


def _nested(arrays: Arrays) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path in arrays:
        *groups, name = path.split("/")
        group = root
        for part in groups:
            group = group.setdefault(part, {})
        group[name] = path
    return root


def _groups(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield group
    for member in group.values():
        if isinstance(member, dict):
            yield from _groups(member)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _message(kind: int, data: bytes) -> bytes:
    data = _padded(data)
    return struct.pack("<HHB3x", kind, len(data), 0) + data


def _header(messages: bytes) -> bytes:
    count, at = 0, 0
    while at < len(messages):
        at += 8 + int.from_bytes(messages[at + 2 : at + 4], "little")
        count += 1
    return struct.pack("<BBHII4x", 1, 0, count, 1, len(messages)) + messages
