"""Every way of ending is one sentence and an exit code, also where no verb has begun, and Ctrl-C is never lost."""

import os
import signal
import subprocess
import sys
import threading
import time

import jax
import jax.numpy as jnp
import pytest

from latlas.cli._ending import sentence
from latlas.cli._environment import refused
from latlas.cli._interrupt import Interrupt, interruptible, was_interrupted
from latlas.cli._session import _own_cache, checking_verb, verb

CALL = [sys.executable, "-m", "latlas"]


def ended(command, **options):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, check=False, **options
    )


@pytest.fixture(autouse=True)
def interrupts_are_not_ignored():
    """As they are by a process in the background, and by those that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def with_module(folder, name, text):
    """An environment in which `import name` runs this text."""
    (folder / f"{name}.py").write_text(text)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}


@pytest.fixture
def run(tmp_path):
    """A folder that looks like a run until it is read."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    return tmp_path / "run"


def test_an_import_that_fails_is_named(tmp_path, run):
    environment = with_module(tmp_path, "numpyro", 'raise ImportError("libfoo.so: cannot open")')
    done = ended([*CALL, "inspect", run], env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("latlas: a part of latlas could not be loaded (libfoo.so: cannot open).")
    assert len(done.stderr.splitlines()) == 1


def test_a_device_that_is_not_there_is_named(latlas, run, monkeypatch):
    def none():
        raise AssertionError  # as JAX does

    monkeypatch.setattr(jax, "devices", none)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    result = latlas("inspect", run)
    assert result.code == 1
    assert "no device of the kind that JAX_PLATFORMS=cuda asks for. Unset JAX_PLATFORMS" in result.err
    assert len(result.err.splitlines()) == 1


def test_a_cache_that_is_no_folder_is_named(latlas, run, monkeypatch):
    place = str(run / "config.json")
    monkeypatch.setenv("LATLAS_CACHE", place)
    asked = latlas("inspect", run)
    assert asked.code == 2
    assert asked.err.startswith(f"latlas: LATLAS_CACHE is '{place}' in the environment, which is no folder")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", place)
    before = jax.config.jax_compilation_cache_dir
    try:
        jax.config.update("jax_compilation_cache_dir", place)
        assert "JAX_COMPILATION_CACHE_DIR" in latlas("inspect", run).err
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_the_users_cache_is_made_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # as if it were not set, says its standard
    assert _own_cache() == str(tmp_path / ".cache" / "latlas" / "compiled")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert _own_cache() is None


@pytest.mark.parametrize(
    "place", ["import os, signal; os.kill(os.getpid(), signal.SIGINT)", "import time; time.sleep(60)"]
)
def test_ctrl_c_while_the_verbs_are_loaded_ends_the_command(tmp_path, run, place):
    """At a moment in an import, which would catch it and go on without that part."""
    text = (
        f"try:\n    print('here', flush=True)\n    {place}\nexcept KeyboardInterrupt:\n    raise ImportError"
    )
    environment = with_module(tmp_path, "ml_dtypes", text)
    with subprocess.Popen(
        [*CALL, "inspect", run], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "here\n"
        if "sleep" in place:
            child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert err == "latlas: interrupted.\n"
    assert child.returncode == 130


def test_ctrl_c_before_anything_is_loaded_ends_without_a_traceback(tmp_path):
    environment = with_module(tmp_path, "cyclopts", "print('here', flush=True)\nimport time; time.sleep(60)")
    with subprocess.Popen(
        [*CALL, "--help"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (-signal.SIGINT, "")


@pytest.fixture
def interrupts(monkeypatch):
    """They are repeated quickly."""
    monkeypatch.setattr("latlas.cli._interrupt.SECONDS", 0.05)


def pressed(_=0.0):
    """Presses Ctrl-C."""
    signal.raise_signal(signal.SIGINT)
    return jnp.float32(0)


def swallow(times):
    """Catches so many interrupts, as others do."""
    for number in range(times):
        try:
            pressed() if number == 0 else time.sleep(5)
        except KeyboardInterrupt:
            continue
        pytest.fail("nothing came")
    time.sleep(5)


def test_an_interrupt_that_somebody_catches_comes_again(interrupts):
    with interruptible(), pytest.raises(KeyboardInterrupt):
        swallow(times=3)
    assert was_interrupted()
    time.sleep(0.15)  # it ended: nothing comes any more


def test_ctrl_c_in_a_callback_of_jax_ends_a_verb(interrupts):
    @verb
    def work(*, show):
        jax.jit(
            lambda: jax.pure_callback(pressed, jax.ShapeDtypeStruct((), jnp.float32))
        )().block_until_ready()
        time.sleep(5)

    with interruptible(), pytest.raises(KeyboardInterrupt):
        work(json=False)


def test_a_command_that_finished_all_the_same_was_interrupted(latlas, monkeypatch, tmp_path, run):
    def work(run, *, json):
        try:
            pressed()
        except KeyboardInterrupt:
            return 0

    monkeypatch.setattr("latlas.cli._app._verbs", type("", (), {"inspect": staticmethod(work)}))
    result = latlas("inspect", run)
    assert (result.code, result.err) == (130, "latlas: interrupted.\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_nobody_catches_is_told(latlas, monkeypatch, run):
    work = staticmethod(lambda run, *, json: pressed())
    monkeypatch.setattr("latlas.cli._app._verbs", type("", (), {"inspect": work}))
    result = latlas("inspect", run)
    assert (result.code, result.err) == (130, "latlas: interrupted.\n")


def test_an_interrupt_changes_nothing_in_another_thread():
    found = []

    def elsewhere():
        with interruptible() as interrupt:
            found.append(isinstance(interrupt, Interrupt))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_that_the_process_ignores_stays_ignored(interrupts):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible():
        pressed()
    assert not was_interrupted()


def test_an_interrupt_that_nobody_can_catch_is_not_printed(interrupts, capsys):
    class Collected:
        def __del__(self):
            pressed()

    with interruptible(), pytest.raises(KeyboardInterrupt):
        swallow_in(Collected)
    assert capsys.readouterr().err == ""


def swallow_in(cls):
    """Python lets no error out of the end of an object."""
    cls()
    time.sleep(5)


# --- streams that are closed or full


def test_a_closed_standard_error_does_not_stray(tmp_path):
    done = ended(["sh", "-c", f'"{sys.executable}" -m latlas inspect "{tmp_path / "none"}" --json 2>&-'])
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")  # nobody hears it


CLOSED = """
import os, sys
os.close(2); os.close(1)
sys.stderr = sys.stdout = None
from latlas.cli._ending import open_streams
open_streams()
file = open(sys.argv[1], "w")
assert file.fileno() > 2, file.fileno()
print("lost"); print("lost", file=sys.stderr); assert not sys.stderr.isatty()
"""


def test_no_file_is_taken_for_a_stream_that_was_closed(tmp_path):
    assert ended([sys.executable, "-c", CLOSED, tmp_path / "file"]).returncode == 0
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_result_that_cannot_be_written_is_no_success(run):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*CALL, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "standard output" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# --- words and codes


def test_memory_that_xla_does_not_get_is_called_memory():
    for error in (MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")):
        assert "memory is not enough" in sentence(error)
    assert "an error of our own, KeyError" in sentence(KeyError("x"))


def raised(error, enum_values=()):
    """An error that a library raises while it is loaded, from a function that knows `enum_values`."""
    try:
        raise error
    except ValueError as caught:
        return caught


@pytest.mark.parametrize(
    ("variable", "value", "text", "expected"),
    [
        (
            "JAX_ENABLE_X64",
            "maybe",
            "invalid truth value 'maybe' for environment 'JAX_ENABLE_X64'",
            "; expected 1, true",
        ),
        (
            "JAX_LOGGING_LEVEL",
            "maybe",
            'Invalid value "maybe" for JAX flag jax_logging_level',
            "one of 'low', 'high'. Unset",
        ),
        (
            "EQX_ON_ERROR",
            "maybe",
            "Unrecognised value for `EQX_ON_ERROR`. Valid: nan",
            "refused (Unrecognised value for",
        ),
        (
            "MPLBACKEND",
            "no",
            "Key backend: 'no' is not a valid value; supported values are ['a', 'b']",
            "one of 'a', 'b'.",
        ),
        ("JAX_X", "a", "invalid literal for int() with base 10: 'a'", "expected a whole number"),
        ("JAX_X", "a", "could not convert string to float: 'a'", "expected a number"),
    ],
)
def test_a_variable_that_a_library_refuses_is_named(monkeypatch, variable, value, text, expected):
    assert refused(raised(ValueError(text))) is None
    monkeypatch.setenv(variable, value)
    said = refused(raised(ValueError(text), enum_values=["low", "high"] if "JAX flag" in text else ()))
    assert said.startswith(f"{variable} is {value!r} in the environment")
    assert expected in said
    assert refused(KeyError(text)) is None
    assert refused(ValueError("another")) is None


def test_an_error_of_jax_is_not_called_ours_where_a_variable_can_be_why(monkeypatch):
    monkeypatch.setenv("JAX_TRANSFER_GUARD", "disallow")
    said = sentence(RuntimeError("Disallowed transfer"))
    assert said.startswith("RuntimeError: Disallowed transfer. The environment sets JAX_")
    assert "JAX_TRANSFER_GUARD" in said


def test_a_variable_that_holds_nonsense_is_a_wrong_request(run):
    done = ended([*CALL, "inspect", run], env={**os.environ, "JAX_DEFAULT_PRNG_IMPL": "maybe"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "latlas: JAX_DEFAULT_PRNG_IMPL is 'maybe' in the environment; expected one of 'threefry"
    )
    assert len(done.stderr.splitlines()) == 1


def test_a_verb_that_looks_for_problems_fails_where_it_finds_some(capsys):
    for problems in ([], ["damaged"]):
        assert checking_verb(lambda *, show, found=problems: {"problems": found})(json=True) == len(problems)
    assert capsys.readouterr().out.splitlines() == ['{"problems": []}', '{"problems": ["damaged"]}']


def test_a_pipe_that_is_read_no_further_is_no_news(capsys):
    def work(*, show):
        raise BrokenPipeError(32, "Broken pipe")

    assert verb(work)(json=False) == 1
    assert capsys.readouterr().err == ""
