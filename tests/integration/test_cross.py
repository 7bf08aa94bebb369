"""What is compiled for a target that was named, or for another host."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tvm
from tvm import relax

import vmprof
from vmprof import VmprofError
from vmprof.program.info import read_info
from vmprof.subject.cross import compiled_for
from vmprof.subject.options import Subject
from vmprof.zoo.compiler.linking import NotLinkedError
from vmprof.zoo.lowering.host import this_target
from vmprof.zoo.options import Toolchain

HOST = this_target()


def with_target(**attributes: object) -> str:
    """That of this host, but for its instruction sets."""
    return json.dumps({"kind": "llvm", "mtriple": json.loads(HOST.text)["mtriple"], **attributes})


def scaled() -> tvm.IRModule:
    """``x * w``, to which the model brings ``w``."""
    x, w = (relax.Var(name, relax.TensorType((4,), "float32")) for name in "xw")
    builder = relax.BlockBuilder()
    with builder.function("main", [x, w], attrs={"num_input": 1}):
        with builder.dataflow():
            result = builder.emit_output(relax.op.multiply(x, w))
        builder.emit_func_output(result)
    module = builder.get()
    weight = tvm.runtime.tensor(np.arange(4, dtype="float32"))
    module["main"] = module["main"].with_attr("params", [weight])
    return module


def test_a_target_that_is_named() -> None:
    """Its vectors are those of the target, not of this machine."""
    report = vmprof.profile("mlp", target=with_target(), repeats=2, warmup=0)
    assert report.configuration["Model"] == "mlp"
    first = next(op for op in report.operators() if "dense_pack_add_nn_relu" in op.name)
    assert first.get("weight_layout") == "NC4n"


def test_weights_go_along() -> None:
    subject = compiled_for(Subject(scaled()), HOST)
    assert list(read_info(subject.source).kernels) == ["multiply"]
    (name,) = subject.params
    assert name == "w"
    np.testing.assert_array_equal(subject.params["w"].numpy(), [0, 1, 2, 3])
    assert compiled_for(Subject(scaled(), params={"w": 5}), HOST).params == {"w": 5}


def test_what_was_compiled_before() -> None:
    compiled = vmprof.compile(scaled())
    subject = compiled_for(Subject(compiled), HOST)
    assert read_info(subject.source).kernels == compiled.kernels
    program = vmprof.load_program(subject.source)
    assert compiled_for(Subject(program), HOST).source == subject.source
    with pytest.raises(VmprofError, match="what you hand in was compiled for sparc64"):
        compiled_for(Subject(vmprof.compile(scaled(), target="sparc64-linux-gnu")), HOST)


def test_what_cannot_be_linked() -> None:
    toolchain = Toolchain(options=("-lno-such-library",))
    with pytest.raises(NotLinkedError, match=r"no library can be linked: .*no-such-library"):
        compiled_for(Subject(scaled(), toolchain=toolchain), HOST)
    with pytest.raises(VmprofError, match="the module has no function 'nothing'"):
        compiled_for(Subject(scaled(), entry="nothing"), HOST)
