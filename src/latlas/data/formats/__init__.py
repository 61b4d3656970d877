"""One reader a format, told by suffix and content; nothing executes what a file says."""

from latlas.data.formats._read import read as read
from latlas.data.formats._read import read_named as read_named
from latlas.data.formats._read import suffixes as suffixes
from latlas.data.formats._write import write as write
