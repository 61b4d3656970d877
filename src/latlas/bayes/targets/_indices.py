"""Whether data index beyond an axis of a model: JAX would take its last entry instead, without a word.

Read from the traced program: each gather, and the values that its indices can have. Of the program only what indices are
computed from runs, and that only where it needs no parameter. An index that depends on a parameter is left to the model.
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
        possible = _possible(index.given)
        values = _exact(index.given) if _is_known(index.given) else possible
        if values is None or not values.size:
            continue
        name = _name(possible, arrays)
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
        data: arguments that are data, or carried by a loop, where data may have entered.
        is_whole: whether every row is reached; a `while` may stop before.
        given: arguments -> what they are outside.
        rows_of: arguments that are one row of something outside, as in a scan.
        made_by: results -> the equation.
        inside: results of a call -> what they are in it.
        computed: results of what is known -> their values, None until one asks for them.
    """

    known: Mapping[Any, Any]
    data: frozenset = frozenset()
    is_whole: bool = True
    given: dict[Any, _Node] = field(default_factory=dict)
    rows_of: dict[Any, _Node] = field(default_factory=dict)
    made_by: dict[Any, JaxprEqn] = field(default_factory=dict)
    inside: dict[Any, _Node] = field(default_factory=dict)
    computed: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Index:
    """An index as it was given, how many entries it may choose from, and whether negative ones count from the end."""

    given: _Node
    size: int
    from_the_end: bool


def _indices(frame: _Frame, program: Jaxpr) -> Iterator[_Index]:
    for equation in program.eqns:
        name, found = equation.primitive.name, _inner(equation)
        if found is not None:
            yield from _indices_of_call(frame, equation.invars, *found, equation.outvars)
            continue
        frame.made_by |= dict.fromkeys(equation.outvars, equation)
        if not equation.effects and all(_is_known(_Node(frame, atom)) for atom in equation.invars):
            frame.computed |= dict.fromkeys(equation.outvars)
        if name == "cond":
            yield from _indices_of_branches(frame, equation)
        elif name in ("scan", "while"):
            yield from _indices_of_loop(frame, equation)
        elif name == "gather":
            yield from _of_gather(frame, equation)
        elif name == "dynamic_slice":
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
    if not node.frame.is_whole:
        return _exact(node) if _is_known(node) else None
    if not isinstance(node.atom, Literal) and (outer := node.frame.rows_of.get(node.atom)) is not None:
        return _possible(outer)
    equation = None if isinstance(node.atom, Literal) else node.frame.made_by.get(node.atom)
    if equation is not None and equation.primitive.name in _KEEP:
        return _possible(_Node(node.frame, equation.invars[0]))
    return _exact(node) if _is_known(node) else None


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


def _is_known(node):
    """Whether it is data, constant, or computed from nothing else."""
    node = _resolved(node)
    return isinstance(node.atom, Literal) or node.atom in node.frame.known or node.atom in node.frame.computed


def _exact(node) -> np.ndarray:
    """The values of a node that is known."""
    todo = [_resolved(node)]
    while todo:
        if _has_value(todo[-1]):
            todo.pop()
            continue
        frame, equation = todo[-1].frame, todo[-1].frame.made_by[todo[-1].atom]
        arguments = [_resolved(_Node(frame, atom)) for atom in equation.invars]
        if missing := [argument for argument in arguments if not _has_value(argument)]:
            todo += missing
            continue
        results = equation.primitive.bind(*map(_value, arguments), **equation.params)
        results = results if equation.primitive.multiple_results else [results]
        frame.computed |= dict(zip(equation.outvars, results, strict=True))
    return np.asarray(_value(_resolved(node)))


def _has_value(node):
    frame = node.frame
    return (
        isinstance(node.atom, Literal)
        or node.atom in frame.known
        or frame.computed.get(node.atom) is not None
    )


def _value(node):
    if isinstance(node.atom, Literal):
        aval: Any = node.atom.aval
        return np.asarray(node.atom.val, aval.dtype)
    frame = node.frame
    return frame.known[node.atom] if node.atom in frame.known else frame.computed[node.atom]


def _indices_of_call(frame, arguments, program, consts, results=()):
    """Those of a program that is run once; `results` are what its own ones are called outside."""
    called = _Frame(_constants(program, consts), is_whole=frame.is_whole)
    called.given |= dict(zip(program.invars, (_Node(frame, atom) for atom in arguments), strict=True))
    if results:
        frame.inside |= {
            outer: _Node(called, inner) for outer, inner in zip(results, program.outvars, strict=True)
        }
    yield from _indices(called, program)


def _indices_of_branches(frame, equation):
    """Those of the branch that is taken, or of all where the parameters decide: each is taken somewhere.

    Where data or a loop have a say in what is not known, the branch may be there to keep an index within bounds.
    """
    which, branches = _Node(frame, equation.invars[0]), equation.params["branches"]
    arguments = equation.invars[1:]
    if _is_known(which):
        taken = branches[int(np.clip(_exact(which), 0, len(branches) - 1))]
        yield from _indices_of_call(frame, arguments, taken.jaxpr, taken.consts, equation.outvars)
    elif not _is_data(which):
        for branch in branches:
            yield from _indices_of_call(frame, arguments, branch.jaxpr, branch.consts)


def _indices_of_loop(frame, equation):
    """Those of what is run for each row of a scan, or again and again."""
    params, outside = equation.params, [_Node(frame, atom) for atom in equation.invars]
    if equation.primitive.name == "scan":
        body, shared, carried, is_whole = params["jaxpr"], params["num_consts"], params["num_carry"], True
    else:
        body, shared, is_whole = params["body_jaxpr"], params["body_nconsts"], False
        outside = outside[params["cond_nconsts"] :]
        carried = len(outside) - shared
    inner, rows = body.jaxpr.invars, slice(shared + carried, None)
    called = _Frame(
        _constants(body.jaxpr, body.consts),
        data=frozenset(inner[shared : shared + carried]),
        is_whole=is_whole and frame.is_whole,
    )
    called.given |= dict(zip(inner[:shared], outside[:shared], strict=True))
    called.rows_of |= dict(zip(inner[rows], outside[rows], strict=True))
    yield from _indices(called, body.jaxpr)


def _inner(equation):
    """The program that an equation runs once, as it stands, and the values of its constants; None: there is none."""
    if equation.primitive.name in ("cond", "scan", "while"):
        return None
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        program = equation.params.get(name)
        if isinstance(program, ClosedJaxpr):
            return program.jaxpr, program.consts
        if isinstance(program, Jaxpr):
            return program, ()
    return None


def _constants(program, consts):
    return dict(zip(program.constvars, consts, strict=True)) if consts else {}
