"""Whether data index beyond an axis of a model: JAX would take its last entry instead, without a word.

Read from the traced program, of which nothing runs: each gather, and the values that its indices can have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from latlas.bayes.targets._arguments import Arguments
from latlas.core import DataError

# they hand the entries of their first argument on, all of them or some
_KEEP = {
    "broadcast_in_dim", "convert_element_type", "copy", "dynamic_slice", "expand_dims", "gather", "reshape", "rev", "slice",
    "squeeze", "stop_gradient", "transpose",
}  # fmt: skip
_REARRANGE = _KEEP - {"dynamic_slice", "gather", "slice"}
# cheap ones of one result, computed where all their arguments are known
_COMPUTE = {
    "abs", "add", "and", "clamp", "concatenate", "cumsum", "div", "eq", "floor", "ge", "gt", "iota", "le", "lt", "max",
    "min", "mul", "ne", "neg", "not", "or", "rem", "round", "select_n", "sign", "sub",
}  # fmt: skip
_DEEP = 100  # operations one after another


def refuse_indices_beyond(program: ClosedJaxpr, data: Arguments) -> None:
    """Refuses a program whose data index an axis beyond its end, or from its end.

    Args:
        program: its first arguments are the data; what the others are is not known.
        data: of a model.

    Raises:
        DataError: naming the array, the entry and the length of the axis.
    """
    arrays = {place: np.asarray(leaf) for place, leaf in data.arrays.items()}
    given = dict(zip(program.jaxpr.invars, map(np.asarray, data.leaves), strict=False))
    frame = _Frame(given | _constants(program.jaxpr, program.consts), data=frozenset(given))
    for index in _indices(frame, program.jaxpr):
        values = _possible(index.given)
        if values is None or not values.size:
            continue
        name = _name(values, arrays)
        if values.max() >= index.size:
            raise DataError(_beyond(name, int(values.max()), index.size))
        # in the code an index from the end is meant; in data it is a code for what is missing
        meant = index.from_the_end and name is None and not _is_data(index.given)
        if values.min() < 0 and not meant:
            raise DataError(_before(name, int(values.min()), index.size))


def _beyond(name, value, size):
    return (
        f"{name or 'An index of the model'} has the value {value} as an index into {size} entries, of which the last is "
        f"{size - 1}; JAX would take that one instead. Number them from 0, and give the model as many as there are; for "
        "groups that were not fitted see `anew` of latlas.bayes.posterior_predictive."
    )


def _before(name, value, size):
    return (
        f"{name or 'An index of the model'} has the value {value} as an index into {size} entries, which would count from "
        "the end; pandas writes -1 for a category that is missing or unknown. Leave these rows out, or give what is missing "
        "a number of its own."
    )


def _name(values, arrays):
    """Of the array in the data that holds these very values; None for what was computed."""
    for name, array in arrays.items():
        if array.dtype.kind == "i" and np.array_equal(array.ravel(), values.ravel()):
            return name
    return None


@dataclass(frozen=True)
class _Node:
    """A value of a program, and the call of that program in which it has it."""

    frame: "_Frame"
    atom: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Node) and self.frame is other.frame and self.atom is other.atom

    def __hash__(self) -> int:
        return hash((id(self.frame), id(self.atom)))


@dataclass(eq=False)
class _Frame:
    """One call of a program.

    Attributes:
        known: values of what is data or constant.
        data: those of them that are data.
        given: arguments -> what they are outside.
        rows_of: arguments that are one row of something outside, as in a scan.
        made_by: results -> the equation.
        inside: results of a call -> what they are in it.
        computed: values that were worked out from known ones.
    """

    known: Mapping[Any, np.ndarray | None]
    data: frozenset = frozenset()
    given: dict[Any, _Node] = field(default_factory=dict)
    rows_of: dict[Any, _Node] = field(default_factory=dict)
    made_by: dict[Any, JaxprEqn] = field(default_factory=dict)
    inside: dict[Any, _Node] = field(default_factory=dict)
    computed: dict[Any, np.ndarray | None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Index:
    """An index as it was given, how many entries it may choose from, and whether negative ones count from the end."""

    given: _Node
    size: int
    from_the_end: bool


def _indices(frame: _Frame, program: Jaxpr) -> Iterator[_Index]:
    for equation in program.eqns:
        found = _inner(equation)
        if found is not None:
            yield from _indices_inside(frame, equation, *found)
            continue
        frame.made_by |= dict.fromkeys(equation.outvars, equation)
        if equation.primitive.name == "gather":
            yield from _of_gather(frame, equation)
        elif equation.primitive.name == "dynamic_slice":
            shape, taken = _shape(equation.invars[0]), equation.params["slice_sizes"]
            for start, length, size in zip(equation.invars[1:], shape, taken, strict=False):
                yield _index(_Node(frame, start), length, size)


def _of_gather(frame, equation):
    params, shape = equation.params, _shape(equation.invars[0])
    columns = _columns(_Node(frame, equation.invars[1]))
    axes = params["dimension_numbers"].start_index_map
    if _is_decided(params) or len(columns) != len(axes):
        return
    for column, axis in zip(columns, axes, strict=True):
        yield _index(column, shape[axis], params["slice_sizes"][axis])


def _shape(atom: Any) -> tuple[int, ...]:
    return atom.aval.shape


def _is_decided(params):
    """Whether somebody said what is to happen beyond the end; a mapped `x[i]` is clipped without being asked."""
    mode, fill, taken = str(params["mode"]), params["fill_value"], params["dimension_numbers"]
    if "CLIP" in mode:
        return set(taken.start_index_map) <= set(taken.collapsed_slice_dims)
    return "FILL" in mode and fill is not None and fill == fill


def _columns(node):
    """The indices into one axis each."""
    node = _resolved(node)
    equation = node.frame.made_by.get(node.atom) if not isinstance(node.atom, Literal) else None
    if equation is None or _shape(node.atom)[-1:] == (1,):
        return [node]
    if equation.primitive.name == "concatenate":
        return [_Node(node.frame, atom) for atom in equation.invars]
    return [node]


def _index(node, length, taken):
    """Undoes what JAX does to negative indices: `select(i < 0, i, i + length)`."""
    found = _source(node)
    equation = None if isinstance(found.atom, Literal) else found.frame.made_by.get(found.atom)
    if equation is not None and equation.primitive.name == "select_n" and len(equation.invars) == 3:
        plain = _source(_Node(found.frame, equation.invars[1]))
        if _is_shifted(_Node(found.frame, equation.invars[2]), plain, length):
            return _Index(plain, length - taken + 1, True)
    return _Index(found, length - taken + 1, False)


def _is_shifted(node, plain, length):
    node = _source(node)
    equation = None if isinstance(node.atom, Literal) else node.frame.made_by.get(node.atom)
    if equation is None or equation.primitive.name != "add":
        return False
    base, shift = equation.invars
    if not isinstance(shift, Literal) or int(shift.val) != length:
        return False
    base = _source(_Node(node.frame, base))
    if isinstance(plain.atom, Literal) and isinstance(base.atom, Literal):
        return int(base.atom.val) == int(plain.atom.val)
    return base == plain


def _resolved(node):
    """The same value where it was made: inside of a call, or outside."""
    while not isinstance(node.atom, Literal):
        frame = node.frame
        further = frame.given.get(node.atom) or frame.inside.get(node.atom)
        if further is None:
            break
        node = further
    return node


def _source(node):
    """Through what only rearranges."""
    node = _resolved(node)
    while not isinstance(node.atom, Literal):
        equation = node.frame.made_by.get(node.atom)
        if equation is None or equation.primitive.name not in _REARRANGE:
            break
        node = _resolved(_Node(node.frame, equation.invars[0]))
    return node


def _possible(node) -> np.ndarray | None:
    """Values among which those of the node are, in no order; None where they are not known before it runs."""
    node = _resolved(node)
    if not isinstance(node.atom, Literal) and (outer := node.frame.rows_of.get(node.atom)) is not None:
        return _possible(outer)
    equation = None if isinstance(node.atom, Literal) else node.frame.made_by.get(node.atom)
    if equation is not None and equation.primitive.name in _KEEP:
        return _possible(_Node(node.frame, equation.invars[0]))
    return _exact(node)


def _is_data(node):
    """Whether data enter it."""
    todo, seen = [node], set()
    while todo:
        node = _resolved(todo.pop())
        if isinstance(node.atom, Literal) or node in seen:
            continue
        seen.add(node)
        if node.atom in node.frame.data:
            return True
        if (outer := node.frame.rows_of.get(node.atom)) is not None:
            todo.append(outer)
        equation = node.frame.made_by.get(node.atom)
        todo += [] if equation is None else [_Node(node.frame, atom) for atom in equation.invars]
    return False


def _exact(node, depth=0) -> np.ndarray | None:
    """The values of the node; None where they are not known, or take more than some cheap operations."""
    node = _resolved(node)
    if isinstance(node.atom, Literal):
        return np.asarray(node.atom.val)
    frame, equation = node.frame, node.frame.made_by.get(node.atom)
    if equation is None:
        return frame.known.get(node.atom)
    if equation.primitive.name not in _COMPUTE | _KEEP or depth > _DEEP:
        return None
    if node.atom not in frame.computed:
        arguments = [_exact(_Node(frame, atom), depth + 1) for atom in equation.invars]
        unknown = any(argument is None for argument in arguments)
        value = None if unknown else np.asarray(equation.primitive.bind(*arguments, **equation.params))
        frame.computed[node.atom] = value
    return frame.computed[node.atom]


def _indices_inside(frame, equation, program, consts):
    """Those of a program that the equation calls, once or for each row of a scan."""
    called = _Frame(_constants(program, consts))
    outside = [_Node(frame, atom) for atom in equation.invars]
    if equation.primitive.name == "scan":
        shared, carried = equation.params["num_consts"], equation.params["num_carry"]
        called.given |= dict(zip(program.invars[:shared], outside[:shared], strict=True))
        rows = slice(shared + carried, None)
        called.rows_of |= dict(zip(program.invars[rows], outside[rows], strict=True))
    else:
        called.given |= dict(zip(program.invars, outside, strict=True))
        frame.inside |= {
            outer: _Node(called, inner)
            for outer, inner in zip(equation.outvars, program.outvars, strict=True)
        }
    yield from _indices(called, program)


def _inner(equation):
    """The program that an equation runs as it stands, and the values of its constants; None: there is none."""
    if equation.primitive.name in ("while", "cond"):
        return None  # what a branch takes may never be taken
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        program = equation.params.get(name)
        if isinstance(program, ClosedJaxpr):
            return program.jaxpr, program.consts
        if isinstance(program, Jaxpr):
            return program, ()
    return None


def _constants(program, consts):
    return dict(zip(program.constvars, map(_whole, consts), strict=True)) if consts else {}


def _whole(const):
    """Whole numbers and truth values; other constants are no indices."""
    array = np.asarray(const) if isinstance(getattr(const, "dtype", None), np.dtype) else None
    return array if array is not None and array.dtype.kind in "iub" else None
