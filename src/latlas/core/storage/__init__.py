"""What touches the disk: files written whole or not at all, with their own digests, and directories of runs."""

from latlas.core.storage._arrays import read_arrays as read_arrays
from latlas.core.storage._arrays import write_arrays as write_arrays
from latlas.core.storage._files import checked_path as checked_path
from latlas.core.storage._files import write_atomically as write_atomically
from latlas.core.storage._json import read_json as read_json
from latlas.core.storage._json import strict_json as strict_json
from latlas.core.storage._json import write_json as write_json
from latlas.core.storage._run_directory import RunDirectory as RunDirectory
