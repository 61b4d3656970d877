import hashlib
import io
import pickle
import time
import zipfile

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from latlas.core._errors import CorruptFileError, RequestError
from latlas.core.storage._arrays import read_arrays, write_arrays

DTYPES = ["f4", "f8", "f2", ml_dtypes.bfloat16, "u1", "i4", "u4", "i8", "?"]


def test_arrays_of_every_type_come_back_bit_for_bit(tmp_path):
    arrays = {
        f".layers[{i}]['é/ü']": np.arange(6).reshape(2, 3).astype(dtype) for i, dtype in enumerate(DTYPES)
    }
    arrays |= {
        "scalar": np.float32(3),
        "empty": np.zeros((0, 4), np.float32),
        "nan": np.array([np.nan, -0.0]),
    }
    arrays |= {"transposed": np.arange(6).reshape(2, 3).T, "big endian": np.arange(3, dtype=">f4")}
    write_arrays(tmp_path / "a.safetensors", arrays, {"step": 3, "note": '"é"'})
    found, metadata = read_arrays(tmp_path / "a.safetensors")
    assert metadata == {"step": 3, "note": '"é"'}
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    arrays = {name: np.arange(5.0) for name in "abcdef"}
    first = write_arrays(tmp_path / "a", arrays, {"x": 1, "y": 2})
    second = write_arrays(tmp_path / "b", dict(reversed(arrays.items())), {"x": 1, "y": 2})
    assert first == second
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_safetensors_reader_opens_our_files(tmp_path):
    write_arrays(tmp_path / "a", {"w": np.arange(3.0)})
    np.testing.assert_array_equal(safetensors.numpy.load_file(tmp_path / "a")["w"], np.arange(3.0))


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..\\x", "a\nb", "a\0b"])
def test_names_that_climb_out_of_a_folder_are_neither_written_nor_read(tmp_path, name):
    with pytest.raises(RequestError):
        write_arrays(tmp_path / "a", {name: np.zeros(1)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latlas.core.storage._arrays._is_plain", lambda _: True)
        write_arrays(tmp_path / "a", {name: np.zeros(1)})
    with pytest.raises(CorruptFileError, match="control characters"):
        read_arrays(tmp_path / "a")


@pytest.mark.parametrize(
    "array", [np.array([object()]), np.array(["a"]), np.zeros(2, "c8"), np.zeros(2, "M8[s]")]
)
def test_arrays_that_are_no_numbers_are_refused(tmp_path, array):
    with pytest.raises(RequestError, match="'w' has the type"):
        write_arrays(tmp_path / "a", {"w": array})


def test_a_digest_in_the_name_must_agree(tmp_path):
    path = tmp_path / "a.safetensors"
    sealed = write_arrays(path, {"w": np.zeros(2)})
    read_arrays(path.rename(tmp_path / f"step-1-{sealed[:16]}.safetensors"))
    write_arrays(tmp_path / f"step-1-{sealed[:16]}.safetensors", {"w": np.ones(2)})
    with pytest.raises(CorruptFileError, match="SHA-256"):
        read_arrays(tmp_path / f"step-1-{sealed[:16]}.safetensors")


class Bomb:
    def __reduce__(self):
        return (print, ("executed",))


def zip_bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(10_000_000))
    return buffer.getvalue()


HEADER = b'{"__metadata__":{"latlas":"sha256:' + b"0" * 64 + b' {}"},"w":'
HOSTILE_ARRAYS = {
    "empty": b"",
    "pickle": pickle.dumps(Bomb()),
    "zip bomb": zip_bomb(),
    "header of 1 TiB": (2**40).to_bytes(8, "little") + HEADER + b"}" * 100,
    "header of 2^64": b"\xff" * 8 + HEADER + b"}" * 100,
    "foreign safetensors": safetensors.numpy.save({"w": np.zeros(3)}),
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in HOSTILE_ARRAYS.items()])
def test_hostile_files_are_refused_at_once_and_named(tmp_path, data, capfd):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(CorruptFileError, match=r"model\.safetensors"):
        read_arrays(path)
    assert time.process_time() - start < 1
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "entry",
    [
        b'{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}',
        b'{"dtype":"F32","shape":[3],"data_offsets":[0,4]}}',
        b'{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}',
        b'{"dtype":"O","shape":[1],"data_offsets":[0,4]}}',
        b"[" * 10_000,
    ],
    ids=["1 TiB of data", "shape and bytes disagree", "unknown type", "objects", "deep"],
)
def test_a_well_sealed_file_with_a_false_header_is_refused(tmp_path, entry):
    header = HEADER + entry
    data = bytearray(len(header).to_bytes(8, "little") + header + bytes(4))
    data[42:106] = hashlib.sha256(data).hexdigest().encode()
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(CorruptFileError, match="not a valid safetensors file"):
        read_arrays(tmp_path / "a")


def test_a_header_that_cannot_be_there_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "a").write_bytes(HOSTILE_ARRAYS["header of 1 TiB"])
    with pytest.raises(CorruptFileError, match=r"claims a header of 1,099,511,627,776 bytes"):
        read_arrays(tmp_path / "a")


def test_a_sparse_file_of_a_tebibyte_is_refused_at_once(tmp_path):
    path = write_arrays(tmp_path / "a", {"w": np.zeros(2)}) and tmp_path / "a"
    with path.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(CorruptFileError, match="reads no more"):
        read_arrays(path)
