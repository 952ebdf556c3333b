"""NumPy's .npz files, read without pickles and without trusting their sizes."""

from __future__ import annotations

import zipfile
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sepconv.errors import WeightsError, shown
from sepconv.weights.checks import Arrays, check_array, check_names, filled, virtual

MAX_HEADER = 16384  # bytes before an array's values; np.save writes 128
MAX_EXTRA = MAX_HEADER + 2 * 65535 + 256  # and twice its name, in the archive's directories
MOST_PACKED = 16  # times its size that an archive of unknown arrays may hold
ENCRYPTED = 0x1  # of a member's flag bits


def write(file: IO[bytes], arrays: Arrays, config: str | None) -> None:
    """Write `arrays` as an uncompressed archive: the same arrays give the same bytes."""
    assert config is None, "an .npz holds weights alone"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, not today
            member.external_attr = 0o644 << 16
            with archive.open(member, "w", force_zip64=array.nbytes > 2**31) as out:
                npy.write_array(out, _storable(np.asarray(array, order="C")), allow_pickle=False)


def naming(file: IO[bytes]) -> str:
    """Return how the file names weights."""
    return "own"


def config(file: IO[bytes]) -> None:
    """Return that there is no config."""


def examples(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return that there is no self-test."""
    return {}


def contents(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive, whatever they are."""
    held = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_names([member.filename for member in members], {m.filename for m in members})
        declared = sum(member.file_size for member in members)
        if declared > MOST_PACKED * held:
            raise WeightsError(f"declares {declared} bytes in an archive of {held}")
        return {
            member.filename.removesuffix(".npy"): _read_member(
                archive, member, member.filename, _declared(archive, member)
            )
            for member in members
        }


def _declared(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        shape, _, dtype = _read_header(file)
    return virtual(shape, "bfloat16" if dtype == np.dtype("V2") else dtype.name)


def read(file: IO[bytes], expected: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive that holds exactly what is expected."""
    held = file.seek(0, 2)
    most = sum(array.nbytes + MAX_EXTRA for array in expected.values()) + 4096
    if held > most:
        raise WeightsError(f"holds {held} bytes, the expected weights take at most {most}")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_names([member.filename for member in members], [f"{name}.npy" for name in expected])
        # A list of members may have any order; what is returned has the expected one.
        by_name = {member.filename: member for member in members}
        return {
            name: _read_member(archive, by_name[f"{name}.npy"], name, like)
            for name, like in expected.items()
        }


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, like: NDArray[Any]
) -> NDArray[Any]:
    if member.flag_bits & ENCRYPTED:
        raise WeightsError(f"{shown(name)} is encrypted")
    if member.file_size > like.nbytes + MAX_HEADER:
        raise WeightsError(
            f"{shown(name)} must hold {like.nbytes} bytes, the file declares {member.file_size}"
        )
    with archive.open(member) as file:  # which yields no more bytes than declared
        shape, fortran, dtype = _read_header(file)
        check_array(name, shape, dtype, like, _holds(dtype, like.dtype))
        array = filled(name, file, member.file_size - file.tell(), like)
    if dtype.byteorder == ">":
        array = array.byteswap()
    return np.ascontiguousarray(array.reshape(shape[::-1]).T) if fortran else array


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    if version == (2, 0):
        return npy.read_array_header_2_0(file)
    raise WeightsError(f"holds an array of .npy version {version}; 1.0 and 2.0 are read")


def _storable(array: NDArray[Any]) -> NDArray[Any]:
    # .npy has no name for bfloat16; NumPy itself would write it as two raw bytes, as here.
    return array.view("V2") if array.dtype.name == "bfloat16" else array


def _holds(dtype: np.dtype[Any], expected: np.dtype[Any]) -> bool:
    if expected.name == "bfloat16":
        return dtype == np.dtype("V2")
    return dtype.newbyteorder("=") == expected
