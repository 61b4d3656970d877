"""One virtual environment per peer, made when first asked for.

A peer's requirement file (`peers/NAME.txt`) lists pinned versions, one a line, most important first. The
lines are installed one after the other, each under all the pins, so that a package that comes later can
never replace the PyTorch build of the first line.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".envs"


def python_of(name: str) -> Path:
    """The interpreter of the environment `name`, which is made here if it is not there or out of date."""
    requirements = HERE / "peers" / f"{name}.txt"
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    stamp = folder / "installed.txt"
    wanted = requirements.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"Setting up {folder.relative_to(HERE.parent)} (once; some minutes)", file=sys.stderr, flush=True)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    for pin in wanted.split():
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--constraint", str(requirements), pin], check=True)
    stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    for environment in sys.argv[1:] or ("torch", "pyro", "pythae"):
        print(python_of(environment))
