"""The names of a file's columns are kept with the run, and every verb goes by them."""

import numpy as np
import pytest

from latlas.bayes.engines._names import ENGINES
from latlas.data import Table, fingerprint, write
from latlas.estimators import LIKELIHOODS, load

NAMES = ["id", "length", "width", "species", "depth"]
FIT = ["--epochs", 2, "--latent-dim", 1, "--hidden", 4, "--batch-size", 20, "--likelihood", "gaussian"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return 10.0 ** np.arange(3) * rng.normal(size=(60, 3))


def written(path, rows, names=NAMES, first=1):
    """The rows with the number of each and its species, as a table with the columns in this order."""
    columns = {
        "id": np.arange(first, first + len(rows)).astype(str),
        "species": np.array(["a", "b"])[np.arange(len(rows)) % 2],
    }
    columns |= {name: rows[:, i].astype(str) for i, name in enumerate(("length", "width", "depth"))}
    lines = [",".join(names), *(",".join(columns[name][i] for name in names) for i in range(len(rows)))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("columns")
    written(folder / "train.csv", rows)
    return folder


@pytest.fixture
def fitted(latlas, run):
    out = run / "run"
    if not out.exists():
        done = latlas("fit", run / "train.csv", "--out", out, "--label", "species", *FIT)
        assert done.code == 0, done.err
        (run / "said").write_text(done.err)
    return out


def test_a_fit_says_what_it_read_before_it_begins(fitted, run):
    assert (run / "said").read_text().splitlines()[0] == (
        "train.csv: 60 rows x 3 columns (length, width, depth); labels from 'species' (2 values), not part of the data; "
        "'id' taken as the index, not part of the data; no holes. Likelihood: gaussian, as asked for."
    )


def test_columns_in_another_order_give_the_same_figures(latlas, fitted, run, rows):
    straight = latlas("evaluate", fitted, run / "train.csv", "--num-samples", 10, "--json")
    other = written(run / "other.csv", rows, ["depth", "species", "width", "length", "id"])
    moved = latlas("evaluate", fitted, other, "--num-samples", 10, "--json")
    assert moved.code == 0, moved.err
    assert moved.json["log_evidence"] == straight.json["log_evidence"]
    latlas("encode", fitted, other, "--out", run / "z.csv", "--overwrite")
    np.testing.assert_allclose(
        np.loadtxt(run / "z.csv", delimiter=",", skiprows=1),
        load(fitted).transform(Table(rows, columns=("length", "width", "depth")))[:, 0],
        rtol=1e-5,
    )


def test_other_names_are_refused(latlas, fitted, run):
    text = (run / "train.csv").read_text()
    (run / "renamed.csv").write_text(text.replace("width", "breadth", 1))
    for verb, more in {
        "evaluate": (), "diagnose": (), "report": (), "encode": ("--out", run / "never.csv")
    }.items():  # fmt: skip
        done = latlas(verb, fitted, run / "renamed.csv", *more)
        assert done.code == 2, verb
        assert "lacks the columns width (it has breadth besides)" in done.err, verb


def test_a_file_without_names_is_taken_in_its_order_and_says_so(latlas, fitted, run, rows, caplog):
    np.save(run / "bare.npy", rows)
    straight = latlas("evaluate", fitted, run / "train.csv", "--num-samples", 10, "--json")
    done = latlas("evaluate", fitted, run / "bare.npy", "--num-samples", 10, "--json")
    assert done.json["log_evidence"] == straight.json["log_evidence"]
    assert (
        "bare.npy: there are no names of columns in the data, so they are taken in their order."
        in caplog.messages
    )


def test_samples_carry_the_names(latlas, fitted, run):
    assert latlas("sample", fitted, "--num", 3, "--out", run / "new.csv", "--overwrite").code == 0
    assert (run / "new.csv").read_text().splitlines()[0] == "length,width,depth"
    assert latlas("evaluate", fitted, run / "new.csv", "--num-samples", 2).code == 0


def test_a_mask_that_came_with_the_data_is_not_passed_over(latlas, tmp_path, rows):
    observed = np.ones(rows.shape, bool)
    observed[3, 1] = False
    np.savez(tmp_path / "holed.npz", x=np.where(observed, rows, -999.0), observed=observed)
    done = latlas("fit", tmp_path / "holed.npz", "--out", tmp_path / "run", *FIT)
    assert done.code == 2
    assert "holed.npz marks 1 of its 180 entries as not observed" in done.err
    np.savez(tmp_path / "whole.npz", x=rows, observed=np.ones(rows.shape, bool))
    assert latlas("fit", tmp_path / "whole.npz", "--out", tmp_path / "run", *FIT).code == 0


def test_a_y_beside_x_and_z_is_fitted(latlas, tmp_path, rows):
    write(tmp_path / "points.csv", columns=["x", "y", "z"], x=rows)
    done = latlas("fit", tmp_path / "points.csv", "--out", tmp_path / "run", *FIT)
    assert "points.csv: 60 rows x 3 columns (x, y, z); no holes." in done.err
    assert load(tmp_path / "run").n_features_in_ == 3


def test_a_run_is_gone_on_with_by_its_own_options(latlas, tmp_path, rows):
    write(tmp_path / "a.csv", columns=["x", "b", "label"], x=rows)
    out = tmp_path / "run"
    begun = latlas(
        "fit",
        tmp_path / "a.csv",
        "--out",
        out,
        "--hidden",
        "4,3",
        "--label",
        "none",
        "--patience",
        0,
        *FIT[:4],
        "--json",
    )
    assert begun.code == 0, begun.err
    again = latlas("fit", tmp_path / "a.csv", "--out", out, "--resume", "--json")
    assert again.code == 0, again.err
    assert again.json["elbo"] == begun.json["elbo"]
    other = latlas("fit", tmp_path / "a.csv", "--out", out, "--resume", "--latent-dim", 2)
    assert (other.code, "begun with latent_dim=1, and now 2" in other.err) == (2, True)


def test_widths_have_commas_or_spaces(latlas, tmp_path, rows):
    np.save(tmp_path / "a.npy", rows)
    done = latlas("fit", tmp_path / "a.npy", "--out", tmp_path / "run", "--hidden", "8,x", *FIT[:2])
    assert (done.code, "expected whole numbers, such as 200,200" in done.err) == (2, True)
    done = latlas("fit", tmp_path / "a.npy", "--out", tmp_path / "run", "--hidden", "8,7", "--epochs", 1)
    assert done.code == 0, done.err
    assert load(tmp_path / "run").record_.spec.hidden == (8, 7)


def test_help_lists_what_may_be_chosen(latlas):
    words = " ".join(latlas("fit", "--help").out.replace("│", " ").split())
    assert all(name in words for name in LIKELIHOODS)
    words = " ".join(latlas("bayes", "--help").out.replace("│", " ").split())
    assert all(name in words for name in ENGINES)
    assert "env var" not in words


def test_the_columns_to_fit_are_chosen_by_name(latlas, tmp_path, rows, caplog):
    written(tmp_path / "a.csv", rows)
    done = latlas("fit", tmp_path / "a.csv", "--out", tmp_path / "run", "--columns", "depth,length", *FIT)
    assert done.code == 0, done.err
    assert "a.csv: 60 rows x 2 columns (depth, length); 'id' taken as the index" in done.err
    assert any(message.endswith("left out the columns width, species.") for message in caplog.messages)
    np.testing.assert_array_equal(load(tmp_path / "run").feature_names_in_, ["depth", "length"])
    assert latlas("evaluate", tmp_path / "run", tmp_path / "a.csv", "--num-samples", 2).code == 0
    done = latlas("fit", tmp_path / "a.csv", "--out", tmp_path / "run2", "--columns", "depth,breadth", *FIT)
    assert (done.code, "lacks the columns breadth" in done.err) == (2, True)


def test_latents_are_decoded_by_their_names(latlas, fitted, run, tmp_path, rows):
    two = tmp_path / "two"
    done = latlas(
        "fit", run / "train.csv", "--out", two, "--label", "species", *FIT[:2], *FIT[4:], "--latent-dim", 2
    )
    assert done.code == 0, done.err
    latlas("encode", two, run / "train.csv", "--out", tmp_path / "z.csv")
    lines = [line.split(",") for line in (tmp_path / "z.csv").read_text().splitlines()]
    assert lines[0] == ["atlas0", "atlas1"]

    def decoded(name, lines):
        (tmp_path / name).write_text("".join(",".join(cells) + "\n" for cells in lines))
        return latlas("decode", two, tmp_path / name, "--out", tmp_path / "x.npy", "--overwrite")

    assert decoded("z.csv", lines).code == 0
    straight = np.load(tmp_path / "x.npy")
    for name, other in {"swapped.csv": [cells[::-1] for cells in lines], "nameless.csv": lines[1:]}.items():
        assert decoded(name, other).code == 0
        np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), straight)
    done = decoded("renamed.csv", [["foo", "bar"], *lines[1:]])
    assert (done.code, "lacks the columns atlas0, atlas1 (it has foo, bar besides)" in done.err) == (2, True)


def test_the_columns_of_a_table_without_names_are_chosen_by_number(latlas, tmp_path, rows):
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",")
    np.save(tmp_path / "a.npy", rows)
    found = []
    for name in ("a.csv", "a.npy"):
        done = latlas("fit", tmp_path / name, "--out", tmp_path / f"of {name}", "--columns", "2,0", *FIT)
        assert done.code == 0, done.err
        assert f"{name}: 60 rows x 2 columns without names" in done.err
        found.append(load(tmp_path / f"of {name}").record_.data["fingerprint"])
        done = latlas("fit", tmp_path / name, "--out", tmp_path / "never", "--columns", "a,b", *FIT)
        assert done.code == 2
        assert "no column 'a': its columns are told by their numbers from 0 to 2" in done.err
    assert found[0] == found[1] == fingerprint(np.ascontiguousarray(rows[:, [2, 0]]))


def test_columns_other_than_those_of_the_fit_are_refused(latlas, fitted, run):
    done = latlas("evaluate", fitted, run / "train.csv", "--columns", "length,width", "--num-samples", 2)
    assert (done.code, "lacks the columns depth" in done.err) == (2, True)
    done = latlas(
        "evaluate", fitted, run / "train.csv", "--columns", "width,depth,length", "--num-samples", 2
    )
    assert done.code == 0, done.err
