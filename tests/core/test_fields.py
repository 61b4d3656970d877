"""Fields of a file are of their kind, or named with what was expected."""

import pytest

from latlas.core import (
    checked_fields,
    list_of,
    mapping,
    mapping_of,
    number,
    one_of,
    optional,
    plain,
    switch,
    text,
    whole_number,
)

KINDS = {
    "text": (text, ["", "a"], [None, 1, []]),
    "number": (number, [1, -2.5], [None, True, "1"]),
    "switch": (switch, [True, False], [0, 1, None]),
    "plain": (plain, [1, 2.5, "a", None, True], [[], {}]),
    "mapping": (mapping, [{}, {"a": []}], [[], None, "a"]),
    "mapping of texts": (mapping_of(text), [{}, {"a": "b"}], [{"a": 1}, []]),
    "whole number": (whole_number(1, 9), [1, 9], [0, 10, 1.0, True, None, "1"]),
    "list": (list_of(whole_number(0), fewest=1), [[0], [1, 2]], [[], [1, None], 3, "12", {}]),
    "one of": (one_of("a", "b"), ["a", "b"], ["c", None, ["a"]]),
    "optional": (optional(text), [None, "a"], [1, []]),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_takes_its_values_and_says_what_it_expected_of_others(name):
    kind, good, bad = KINDS[name]
    for value in good:
        assert checked_fields({"a": value, "other": object()}, {"a": kind})["a"] == value
    for value in bad:
        with pytest.raises(ValueError, match=r"^a is .*, where .* expected$"):
            checked_fields({"a": value}, {"a": kind})


def test_a_field_that_is_missing_is_named():
    with pytest.raises(ValueError, match="the field a is missing"):
        checked_fields({}, {"a": text})
    with pytest.raises(ValueError, match="An object was expected"):
        checked_fields([], {"a": text})


def test_a_long_value_is_cut():
    with pytest.raises(ValueError, match=r"^a is x{80}, where"):
        checked_fields({"a": "x" * 10_000}, {"a": number})
