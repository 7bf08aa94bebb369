"""The code of VM functions as the shim runs it: values, what is kept alive, what raised."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import tvm_ffi

from vmprof.vm.code import Code, failed_frame


def packed(function: Callable[..., Any]) -> tvm_ffi.Function:
    return tvm_ffi.convert(function)


ADD = packed(lambda a, b: a + b)


def test_steps_hand_values_from_register_to_register() -> None:
    code = Code(num_registers=3)
    code.add_step(ADD, [0, 1], 2)
    code.add_step(ADD, [2, code.constant("ten", 10)], 2)
    code.add_block(0, given=2)
    activate, run = code.finish(straight=True)
    assert run is not None
    assert run(1, 2) == 13
    assert activate(3, 4)(0) == 17


def test_every_frame_has_registers_of_its_own() -> None:
    code = Code(num_registers=1)
    code.add_step(ADD, [0, code.constant("one", 1)], 0)
    code.add_block(0, given=0)
    activate, _ = code.finish(straight=False)
    one, other = activate(0), activate(100)
    assert [one(0), one(0), other(0), one(0)] == [1, 2, 101, 3]


def test_a_value_that_is_handed_in_goes_where_the_block_wants_it() -> None:
    code = Code(num_registers=2)
    code.add_block(0, incoming=1, given=1)
    code.add_block(0, given=1)
    code.add_block(0)
    activate, _ = code.finish(straight=False)
    frame = activate(1)
    assert frame(0, "text") == "text"
    assert frame(1) == "text"
    assert frame(2) is None
    assert frame(2, "dropped") is None
    assert frame(1) == "text"


def test_the_call_behind_a_block_is_given_its_operands() -> None:
    code = Code(num_registers=2)
    code.add_block(0, call=[1, code.constant("half", 0.5), 0])
    activate, _ = code.finish(straight=False)
    frame = activate(7, 8)
    assert list(frame(~0)) == [8, 0.5, 7]
    assert frame(~0, packed(lambda *operands: sum(operands))) == 15.5


class Value:
    """Something that can be seen to go."""

    def __call__(self) -> None:
        """So that it can be a packed function, which registers can hold."""


def test_registers_let_go_of_what_is_overwritten_cleared_dropped_or_over() -> None:
    made: list[weakref.ref[Value]] = []

    def make() -> tvm_ffi.Function:
        value = Value()
        made.append(weakref.ref(value))
        return packed(value)

    def alive() -> list[bool]:
        return [value() is not None for value in made]

    seen: list[list[bool]] = []
    maker, look = packed(make), packed(lambda: seen.append(alive()))
    code = Code(num_registers=2)
    for destination in (0, 1, 0, None):  # two kept, one overwritten, one dropped
        code.add_step(maker, [], destination)
    code.add_step(look, [], None)
    code.add_step(None, [], 1)  # cleared
    code.add_step(look, [], None)
    code.add_block(0)
    _, run = code.finish(straight=True)
    assert run is not None
    run()
    assert seen == [[False, True, True, False], [False, False, True, False]]
    assert not any(alive())


def test_a_frame_tells_the_step_that_raised_and_its_operands() -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("no")

    code = Code(num_registers=2)
    code.add_step(ADD, [0, 0], 1)
    code.add_step(packed(refuse), [1, code.constant("c", "constant"), 0], 1)
    code.add_block(0, given=1)
    activate, run = code.finish(straight=True)
    frame = activate(4)
    assert list(frame()) == [-1]
    with pytest.raises(ValueError, match="no"):
        frame(0)
    assert list(frame()) == [1, 8, "constant", 4]

    assert run is not None
    with pytest.raises(ValueError, match="no"):
        run(5)
    assert list(failed_frame()()) == [1, 10, "constant", 5]
    assert failed_frame() is None


def test_code_lives_as_long_as_what_was_made_of_it() -> None:
    value = Value()
    gone = weakref.ref(value)
    code = Code(num_registers=1)
    code.add_block(0, given=code.constant("value", packed(value)))
    activate, _ = code.finish(straight=False)
    del code, value
    frame = activate()
    del activate
    assert gone() is not None
    assert frame(0) is not None
    del frame
    assert gone() is None


def test_more_constants_and_callees_than_go_over_at_once() -> None:
    count = 1000
    code = Code(num_registers=1)
    for number in range(count):
        add = packed(lambda a, b: a + b)
        code.add_step(add, [0, code.constant(number, number)], 0)
    code.add_block(0, given=0)
    _, run = code.finish(straight=True)
    assert run is not None
    assert run(0) == sum(range(count))
