"""Readers give back what was written, and refuse everything else in one sentence."""

import gzip
import io
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import fingerprint, read, suffixes, write

X = np.arange(12, dtype=np.uint8).reshape(4, 3)


def npy_bytes(x, **options):
    buffer = io.BytesIO()
    np.save(buffer, x, **options)
    return buffer.getvalue()


def npz_bytes(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy_claiming(shape, descr="<f8", data=b""):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


def bomb(num_bytes):
    """An archive whose member unpacks to zeros, a thousand times its size."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as f,
    ):
        f.write(npy_claiming((num_bytes // 8, 1)))
        for _ in range(num_bytes // 2**22):
            f.write(bytes(2**22))
    return buffer.getvalue()


class Malicious:
    def __reduce__(self):
        return (os.system, ("touch /tmp/latlas_was_here",))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, ">f8", ">i2"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays_come_back_with_their_type_and_values(tmp_path, dtype, suffix):
    x = (np.arange(24).reshape(4, 3, 2) % 2).astype(dtype)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(npy_bytes(np.asfortranarray(x)) if suffix == "npy" else npz_bytes(x=x))
    table = read(path)
    np.testing.assert_array_equal(table.x, x)
    assert table.dtype == np.dtype(dtype).newbyteorder("=")
    assert table.fingerprint == fingerprint(x) == fingerprint(np.asfortranarray(x))
    assert (table.name, table.shape, len(table)) == (f"a.{suffix}", (4, 3, 2), 4)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }",
        "{'shape':(2,3),'descr':'<i2','fortran_order':False}",
        '{"descr": "<i2", "fortran_order": False, "shape": (2L, 3L)}',
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }".ljust(9_000),
    ],
    ids=["NumPy", "others", "Python 2", "long"],
)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_form_of_a_header_is_read(tmp_path, header, version):
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    start = b"\x93NUMPY" + bytes([version, 0]) + length + header.encode()
    (tmp_path / "a.npy").write_bytes(start + np.arange(6, dtype="<i2").tobytes())
    np.testing.assert_array_equal(read(tmp_path / "a.npy").x, [[0, 1, 2], [3, 4, 5]])


def test_an_array_takes_its_own_size_of_memory_to_read(tmp_path):
    x = np.zeros((2**15, 2**10), np.float32)
    np.save(tmp_path / "a.npy", x)
    tracemalloc.start()
    read(tmp_path / "a.npy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * x.nbytes


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_memory_that_is_not_enough_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch, suffix):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("latlas.data.formats._npy._values", full)
    path = write(tmp_path / f"a.{suffix}", x=X)
    with pytest.raises(DataError, match="does not fit into the memory"):
        read(path)


def test_an_archive_packed_as_numpy_never_packs_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", npy_bytes(X))
    with pytest.raises(DataError, match="another method, or with a password"):
        read(path)
    locked = bytearray(npz_bytes(x=X))
    for place in (locked.index(b"PK\x03\x04") + 6, locked.index(b"PK\x01\x02") + 8):
        locked[place] |= 1
    path.write_bytes(locked)
    with pytest.raises(DataError, match="another method, or with a password"):
        read(path)


def test_an_archive_gives_the_data_its_labels_and_its_mask(tmp_path):
    path = tmp_path / "a.npz"
    observed = X > 2
    path.write_bytes(npz_bytes(other=X + 1, x=X, y=np.array(["a", "b", "a", "c"]), observed=observed))
    table = read(path)
    np.testing.assert_array_equal(table.x, X)
    assert table.label.tolist() == ["a", "b", "a", "c"]
    np.testing.assert_array_equal(table.observed, observed)
    np.testing.assert_array_equal(read(path, array="other").x, X + 1)


def test_the_only_array_of_an_archive_is_the_data_whatever_its_name(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes(images=X, label=np.arange(4)))
    np.testing.assert_array_equal(read(path).x, X)


@pytest.mark.parametrize(
    ("text", "columns", "label"),
    [
        ("1,2\n3,4.5\n", None, None),
        ("a,b\n1,2\n3,4.5\n", ("a", "b"), None),
        ("a;b\r\n1;2\r\n3;4.5\r\n", ("a", "b"), None),
        ("\ufeff\ufeffa\tb\n1\t2\n3\t4.5\n\n", ("a", "b"), None),
        ("a,class,b\n1,x,2\n3,y,4.5\n", ("a", "b"), ["x", "y"]),
        ("a,y,b\n1,0,2\n3,7,4.5\n", ("a", "b"), [0, 7]),
        ('"a, b",c\n"1",2\n3,4.5e0\n', ("a, b", "c"), None),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_tables_come_with_and_without_names(tmp_path, text, columns, label, zipped):
    path = tmp_path / ("a.csv.gz" if zipped else "a.csv")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    table = read(path)
    np.testing.assert_array_equal(table.x, [[1, 2], [3, 4.5]])
    assert table.columns == columns
    assert (None if table.label is None else table.label.tolist()) == label


def test_holes_are_masked_where_that_was_asked_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,NA\n,4\n")
    table = read(path, missing=True)
    np.testing.assert_array_equal(table.observed, [[True, False], [False, True]])


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv"])
def test_what_is_written_is_read_back(tmp_path, suffix):
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_array_equal(read(write(tmp_path / f"a.{suffix}", x=x)).x.astype(np.float32), x)


NAN = np.array([[1.0, np.nan], [2.0, np.inf]])
BAD = {
    "nan.npy": (npy_bytes(NAN[:1]), "one NaN, the first in row 0, column 1"),
    "infinite.npy": (npy_bytes(NAN), "one infinity, the first in row 1"),
    "zero-d.npy": (npy_bytes(np.array(3.0)), "one number"),
    "one-d.npy": (npy_bytes(np.arange(3.0)), "reshape(-1, 1)"),
    "no-rows.npy": (npy_bytes(np.zeros((0, 3))), "no data"),
    "no-columns.npy": (npy_bytes(np.zeros((3, 0))), "no data"),
    "empty.npy": (b"", "is empty (0 bytes)"),
    "strings.npy": (npy_bytes(np.array([["a", "b"]])), "strings"),
    "complex.npy": (npy_bytes(np.array([[1j]])), "complex numbers"),
    "dates.npy": (npy_bytes(np.array([["2020-01-01"]], "M8[D]")), "dates"),
    "records.npy": (npy_bytes(np.zeros((2, 2), [("a", "f8")])), "records"),
    "objects.npy": (npy_bytes(np.array([[Malicious()]], object), allow_pickle=True), "Python objects"),
    "pickle.npy": (pickle.dumps(Malicious()), "not the .npy file"),
    "truncated.npy": (npy_bytes(X)[:-1], "12 bytes, and 11 are there"),
    "longer.npy": (npy_bytes(X) + b"1", "13 are there"),
    "huge.npy": (npy_claiming((2**40, 1)), "8,796,093,022,208 bytes"),
    "overflow.npy": (npy_claiming((2**47, 2**47)), "at most"),
    "negative.npy": (npy_claiming((-1, 3)), "damaged"),
    "true.npy": (npy_claiming((True, 3), data=bytes(24)), "its shape is (True, 3)"),
    "fraction.npy": (npy_claiming((2.0, 3), data=bytes(48)), "its shape is (2.0, 3)"),
    "one-number.npy": (npy_claiming(3, data=bytes(24)), "descr, fortran_order and shape"),
    "no-bytes.npy": (npy_claiming((2, 3), "|S0"), "'|S0'"),
    "no-letters.npy": (npy_claiming((2, 3), "<U0"), "'<U0'"),
    "no-type.npy": (npy_claiming((2, 3), "<q9"), "'<q9'"),
    "too-empty.npy": (npy_claiming((0, 2**47, 2**47)), "is damaged"),
    "many-axes.npy": (npy_claiming((1,) * 17, data=bytes(8)), "is damaged"),
    "nested.npy": (npy_claiming("-" * 9000 + "1"), "descr, fortran_order and shape"),
    "surrogate.npz": (npz_bytes(x=X, label=np.array(["a", "\ud800", "b", "c"])), "Unicode"),
    "no-character.npz": (npz_bytes(x=X, label=np.array([2**21] * 4, "u4").view("U1")), "Unicode"),
    "half-header.npy": (npy_bytes(X)[:40], "write it again"),
    "version.npy": (b"\x93NUMPY\x09\x00" + npy_bytes(X)[8:], "write it again"),
    "archive.npy": (npz_bytes(x=X), "it is a .npz file, rename it"),
    "array.npz": (npy_bytes(X), "it is a .npy file, rename it"),
    "truncated.npz": (npz_bytes(x=X)[:-30], "no whole .npz file"),
    "objects.npz": (npz_bytes(x=np.array([[Malicious()]], object)), "Python objects"),
    "two.npz": (npz_bytes(a=X, b=X), "none of them is called 'x'"),
    "none.npz": (npz_bytes(), "no array"),
    "labels.npz": (npz_bytes(x=X, y=np.arange(3)), "one label per row"),
    "mask.npz": (npz_bytes(x=X, observed=np.ones(3, bool)), "one boolean per entry"),
    "words.csv": (b"a,b\n1,red\n", "'red' in line 2, column 'b'"),
    "ragged.csv": (b"1,2\n3\n", "1 columns in line 2 and 2 in the first"),
    "header.csv": (b"a,b\n", "no rows"),
    "blank.csv": (b"\n \n", "is empty"),
    "binary.csv": (npy_bytes(X), "is not text"),
    "latin.csv": ("é,b\n1,2\n".encode("latin-1"), "UTF-8"),
    "infinite.csv": (b"1,inf\n2,1e999\n", "2 infinities"),
    "hole.csv": (b"1,\n2,3\n", "one NaN"),
    "underscore.csv": (b"1,2\n1_000,2\n", "'1_000'"),
    "plain.csv.gz": (b"1,2\n", "is not the .csv.gz file"),
    "truncated.csv.gz": (gzip.compress(b"1,2\n" * 99)[:-9], "no whole gzip file"),
    "data.parquet": (b"PAR1", "no suffix that latlas can read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_sentence_with_its_name(tmp_path, name):
    data, expected = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert expected in message
    assert name in message
    assert message.endswith(".")
    assert "\n" not in message
    assert ": " in message  # what is wrong, then the cure
    assert not os.path.exists("/tmp/latlas_was_here")


def test_a_path_that_leads_nowhere_or_to_no_file_is_refused(tmp_path):
    (tmp_path / "folder.npy").mkdir()
    os.mkfifo(tmp_path / "pipe.npy")
    for name, expected in {
        "missing.npy": "no file",
        "folder.npy": "is a folder",
        "pipe.npy": "a pipe",
        "nul\0.npy": "no file",
    }.items():
        with pytest.raises(DataError, match=expected):
            read(tmp_path / name)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    path.write_bytes(bomb(2**29))
    with pytest.raises(DataError, match="made to fill the memory"):
        read(path)
    with pytest.raises(DataError, match="at most 1,000,000 are read"):
        read(path, max_bytes=10**6)


def test_a_gzip_bomb_is_refused_at_the_limit(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"1,2\n" * 10**6))
    with pytest.raises(DataError, match="more than 1,000,000 bytes"):
        read(path, max_bytes=10**6)


def test_writing_refuses_what_the_format_cannot_hold(tmp_path):
    for name, arrays in {"a.txt": {"x": X}, "a.npy": {"x": X, "y": X}, "a.csv": {"x": X[None]}}.items():
        with pytest.raises(ValueError, match=name):
            write(tmp_path / name, **arrays)
        assert not (tmp_path / name).exists()


FUZZED = {
    "a.npy": npy_bytes(X),
    "a.npz": npz_bytes(x=X, label=np.arange(4)),
    "a.csv": b"a,b,label\n1,2,x\n3,4,y\n",
    "a.csv.gz": gzip.compress(b"a,b\n1,2\n3,4\n"),
}


@pytest.mark.parametrize("name", FUZZED)
def test_mutated_files_are_read_or_refused_and_nothing_else(tmp_path, name):
    """300 flips, cuts and insertions of each format: an answer or a DataError, never another exception."""
    rng, path = np.random.default_rng(0), tmp_path / name
    messages = []
    for i in range(300):
        data = bytearray(FUZZED[name])
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(data)))
            match i % 3:
                case 0:
                    data[place] ^= 1 << int(rng.integers(8))
                case 1:
                    data = data[: place + 1]
                case _:
                    data[place:place] = rng.bytes(int(rng.integers(1, 9)))
        path.write_bytes(data)
        try:
            table = read(path, max_bytes=10**6)
            assert table.x.ndim >= 2
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all("\n" not in message and str(path) in message for message in messages)


def test_the_suffixes_are_those_of_the_table():
    assert suffixes() == (".csv", ".csv.gz", ".npy", ".npz")
