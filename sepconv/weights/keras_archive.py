"""Keras's `.keras` files: a zip of the config, the weights as HDF5, and a note on their making."""

from __future__ import annotations

import json
import zipfile
from io import BufferedReader, BytesIO, RawIOBase
from typing import IO, Any

from numpy.typing import NDArray

from sepconv.errors import WeightsError, shown
from sepconv.weights import hdf5, hdf5_writer
from sepconv.weights.checks import Arrays, check_names

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAX_CONFIG = 2**20  # bytes, as for any config
SLOTS = 8  # copies of the weights: their own, and what an optimizer keeps for each
MAX_DIRECTORY = 2**16  # bytes of the archive's list of members
CHUNK = 2**16  # bytes whose CRC is computed at a time
LOCAL_HEADER = 30  # bytes before a member's name
ENCRYPTED = 0x1  # of a member's flag bits
MADE = {"keras_version": "3.15.1", "date_saved": "1980-01-01@00:00:00", "writer": "sepconv"}


def write(file: IO[bytes], arrays: Arrays, config: str | None) -> None:
    """Write a whole model; the same model gives the same bytes."""
    assert config is not None, "a .keras holds a whole model"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, text in ((METADATA, json.dumps(MADE)), (CONFIG, config)):
            archive.writestr(_entry(name), text)
        size = sum(array.nbytes for array in arrays.values())
        with archive.open(_entry(WEIGHTS), "w", force_zip64=size > 2**30) as out:
            hdf5_writer.write(out, arrays, {})  # the zip has a checksum of its own


def naming(file: IO[bytes]) -> str:
    """Return how the file names weights."""
    return "keras"


def config(file: IO[bytes]) -> str:
    """Return the config."""
    return _member(file, CONFIG, MAX_CONFIG).read().decode("utf-8")


def read(file: IO[bytes], expected: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file that holds exactly what is expected, optimizers aside."""
    most = sum(SLOTS * array.nbytes + 8192 for array in expected.values()) + 2**22
    return hdf5.read(_member(file, WEIGHTS, most), expected)


def examples(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a self-test."""
    return hdf5.examples(_member(file, WEIGHTS, file.seek(0, 2)))


class Part(RawIOBase):
    """A part of a file, read as a file of its own.

    Arguments:
        file: the whole.
        start, size: of the part, in bytes.
    """

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        super().__init__()
        self.file, self.start, self.size = file, start, size
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def readinto(self, buffer: Any) -> int:
        self.file.seek(self.start + self.at)
        data = self.file.read(max(0, min(len(buffer), self.size - self.at)))
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def _member(file: IO[bytes], name: str, most: int) -> IO[bytes]:
    """Return a member, whose CRC is checked, of an archive that holds the three and no other.

    One that is stored as it is, as Keras does, is read where it stands; another is unpacked.

    Raises:
        WeightsError: the member would take more than `most` bytes, or it is damaged.
    """
    _refuse_long_directory(file)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_names([member.filename for member in members], [METADATA, CONFIG, WEIGHTS])
        (member,) = (member for member in members if member.filename == name)
        if member.flag_bits & ENCRYPTED:
            raise WeightsError(f"{shown(name)} is encrypted")
        if member.file_size > most:
            raise WeightsError(
                f"{shown(name)} declares {member.file_size} bytes; the model takes at most {most}"
            )
        is_stored = member.compress_type == zipfile.ZIP_STORED
        if is_stored and member.compress_size != member.file_size:
            raise WeightsError(f"{shown(name)} declares two sizes")
        with archive.open(member) as content:  # which yields no more bytes than declared
            if not is_stored:
                return BytesIO(content.read())
            while content.read(CHUNK):  # to the end, where the CRC is compared
                pass
    file.seek(member.header_offset)
    head = file.read(LOCAL_HEADER)
    lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    start = member.header_offset + LOCAL_HEADER + lengths  # behind its name and extra field
    return BufferedReader(Part(file, start, member.file_size))


def _refuse_long_directory(file: IO[bytes]) -> None:
    """Raise WeightsError if the archive's list of members is longer than three members take.

    zipfile would read all of it: a file of 1 GB can list 20 million members.
    """
    file.seek(max(0, file.seek(0, 2) - 98))
    tail = file.read()
    head = tail[-22:]
    if head[:4] != b"PK\x05\x06" or int.from_bytes(head[12:16], "little") > MAX_DIRECTORY:
        raise WeightsError("is no archive of three members, or is cut")
    large = tail.find(b"PK\x06\x06")  # the record of archives beyond 4 GB, 76 bytes before
    if large >= 0 and int.from_bytes(tail[large + 40 : large + 48], "little") > MAX_DIRECTORY:
        raise WeightsError("is no archive of three members")


def _entry(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # dated 1980, not today
    member.external_attr = 0o644 << 16
    return member
