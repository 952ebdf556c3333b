"""HDF5: what libhdf5 writes for Keras is read, what we write libhdf5 reads, and nothing else is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes
from numpy.typing import NDArray

from sepconv.errors import WeightsError
from sepconv.weights import hdf5_reader, hdf5_writer

DTYPES = ["float16", "float32", "float64", "bfloat16", "int32"]
RNG = np.random.default_rng(0)


def array(shape: tuple[int, ...], dtype: str = "float32") -> NDArray[Any]:
    return RNG.normal(size=shape).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def by_libhdf5(fill: Callable[[h5py.File], None], **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as held:
        fill(held)
    return file


def held_at(file: io.BytesIO, dataset: hdf5_reader.Dataset) -> bytes:
    return file.getvalue()[dataset.offset : dataset.offset + dataset.size]


letters = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
names = st.text(letters, min_size=1, max_size=50).filter(lambda name: name not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: tuple(parts))


@given(
    st.dictionaries(
        paths,
        st.tuples(array_shapes(min_dims=0, min_side=0, max_side=4), st.sampled_from(DTYPES)),
        max_size=12,
    )
)
@settings(max_examples=60)
def test_what_is_written_both_libraries_read(declared: dict[tuple[str, ...], Any]) -> None:
    # A dataset cannot be a group, too.
    declared = {
        path: value
        for path, value in declared.items()
        if not any(path != other and other[: len(path)] == path for other in declared)
    }
    arrays = {"/".join(path): array(*value) for path, value in declared.items()}
    file = io.BytesIO()
    hdf5_writer.write(file, arrays, {"note": "größer"})
    found = hdf5_reader.tree(file)
    assert found.groups[""] == {"note": "größer"}
    with h5py.File(io.BytesIO(file.getvalue()), "r") as held:
        assert held.attrs["note"] == "größer"
        for name, value in arrays.items():
            dataset = found.datasets[name]
            assert (dataset.shape, dataset.dtype) == (value.shape, value.dtype.name)
            assert held_at(file, dataset) == value.tobytes()
            assert held[name].shape == value.shape
            assert np.asarray(held[name]).tobytes() == value.tobytes()
            if value.dtype.name == "bfloat16":
                assert held[name].attrs["dtype"] == "bfloat16"  # what Keras looks for
    assert found.datasets.keys() == arrays.keys()


def test_group_of_thousands_is_written_and_read() -> None:
    arrays = {f"layers/dense_{i}/vars/0": array((2,)) for i in range(3000)}
    file = io.BytesIO()
    hdf5_writer.write(file, arrays, {})
    assert hdf5_reader.tree(file).datasets.keys() == arrays.keys()
    with h5py.File(file, "r+") as held:  # and libhdf5 can add to it
        assert (held["layers/dense_2999/vars/0"][()] == arrays["layers/dense_2999/vars/0"]).all()
        held["layers/added"] = np.ones(3)
    assert "layers/added" in hdf5_reader.tree(file).datasets


def test_what_libhdf5_writes_is_read() -> None:
    def fill(file: h5py.File) -> None:
        for i in range(500):  # several leaves, and levels, of the group's tree
            file[f"g{i}/x"] = np.float32(i)
        file["g0"].attrs["name"] = "größer"
        file["g0"].attrs["names"] = [b"a", b"bc"]
        file["g0"].attrs["long"] = ["x" * 30_000, "y" * 70_000]
        file["g0"].attrs["none"] = np.zeros(0)
        file["g0"].attrs["number"] = 3
        file["g1"].attrs.update({f"a{i}": "b" * i for i in range(200)})  # several header blocks
        file["step"] = np.int64(3)

    file = by_libhdf5(fill)
    found = hdf5_reader.tree(file)
    assert found.datasets["step"].dtype is None
    for i in range(500):
        assert held_at(file, found.datasets[f"g{i}/x"]) == np.float32(i).tobytes()
    assert found.groups["g0"] == {
        **{"name": "größer", "names": ["a", "bc"], "long": ["x" * 30_000, "y" * 70_000]},
        **{"none": [], "number": None},
    }
    assert found.groups["g1"] == {f"a{i}": "b" * i for i in range(200)}


def _external(file: h5py.File) -> None:
    file.create_dataset("x", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("x", layout)


def _twice(file: h5py.File) -> None:
    file["x"] = np.ones(3, "f4")
    file["y"] = file["x"]


def _ring(file: h5py.File) -> None:
    file.create_group("a/b")
    file["a/b/c"] = file["a"]


@pytest.mark.parametrize(
    ("fill", "told"),
    [
        (lambda f: f.__setitem__("x", h5py.SoftLink("/y")), "soft or external link"),
        (lambda f: f.__setitem__("x", h5py.ExternalLink("o.h5", "/y")), "link|new form"),
        (_external, "external dataset"),
        (_virtual, "not stored as one piece|external"),
        (_twice, "one object on two ways"),
        (_ring, "one object on two ways"),
        (lambda f: f.create_dataset("x", (4,), "f4", chunks=(2,)), "not stored as one piece"),
        (lambda f: f.create_dataset("x", (10**9,), "f4", compression="gzip"), "filtered"),
        (lambda f: f.create_dataset("x", (10**9,), "f4"), "declares more bytes for 'x'"),
        (lambda f: f.create_dataset("x", (4,), "f4", maxshape=(None,)), "not stored as one piece"),
        (lambda f: f.__setitem__("x", np.dtype("f4")), "no group and no dataset"),
        (lambda f: f.create_group("/".join("a" * 70)), "64 levels"),
    ],
)  # fmt: skip
def test_what_keras_does_not_write_is_refused(fill: Callable[[Any], None], told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        hdf5_reader.tree(by_libhdf5(fill))


def test_dataset_that_stands_on_something_else_is_refused() -> None:
    raw = by_libhdf5(lambda f: f.update(x=np.ones(3, "f4"), y=np.ones(3, "f4"))).getvalue()
    held = hdf5_reader.tree(io.BytesIO(raw)).datasets
    places = {
        "the dataset 'x'": held["x"].offset + 4,
        "one leaf": raw.index(b"SNOD") + 300,  # in the room for more entries
        "one table": raw.index(b"TREE") + 400,
        "names": raw.index(b"HEAP") + 40,
        "one object": 100,  # the root's, behind the superblock
        "one header": 120,
        "the superblock": 40,
    }
    for what, place in places.items():
        moved = raw.replace(held["y"].offset.to_bytes(8, "little"), place.to_bytes(8, "little"))
        with pytest.raises(WeightsError, match=f"where {what} stands"):
            hdf5_reader.tree(io.BytesIO(moved))


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"userblock_size": 512}])
def test_other_versions_of_the_format_are_refused(options: dict[str, Any]) -> None:
    file = by_libhdf5(lambda f: f.__setitem__("x", np.ones(3)), **options)
    with pytest.raises(WeightsError, match="HDF5"):
        hdf5_reader.tree(file)


def test_file_of_keras_without_and_with_more_bytes_is_refused(tmp_path: Path) -> None:
    raw = by_libhdf5(lambda f: f.__setitem__("a/x", np.ones(3, "f4"))).getvalue()
    for data in (raw[:-1], raw + b"\0", raw[:100], b"", b"\x89HDF\r\n\x1a\n"):
        with pytest.raises(WeightsError):
            hdf5_reader.tree(io.BytesIO(data))
