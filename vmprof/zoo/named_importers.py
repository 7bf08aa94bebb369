"""TVM's importers, which also say of what layer of the model each call is.

That is the name of an ONNX node, or the path of the innermost PyTorch module. The importers go
over a graph's nodes one by one; here they are told of to the builder, which names what is bound
until the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from vmprof.zoo.layers import NamingBuilder

Graph = Any  # neither TVM nor the frameworks have types


def from_onnx(model: Any) -> Any:
    """As TVM's ``from_onnx``."""
    from tvm.relax.frontend.onnx import from_onnx, onnx_frontend

    class Importer(onnx_frontend.ONNXGraphImporter):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.bb = NamingBuilder()

        def _construct_nodes(self, graph: Graph) -> None:
            super()._construct_nodes(_Watched(graph, self.bb))

        def _convert_subgraph(self, bb: Any, graph: Graph) -> Any:
            return super()._convert_subgraph(bb, _Watched(graph, self.bb))

    with _in_place(onnx_frontend, "ONNXGraphImporter", Importer):
        return from_onnx(model)


def from_exported_program(program: Any) -> Any:
    """As TVM's ``from_exported_program``."""
    from tvm.relax.frontend.torch import exported_program_translator, from_exported_program

    class Importer(exported_program_translator.ExportedProgramImporter):  # type: ignore[misc]
        @property
        def block_builder(self) -> Any:
            return self._builder

        @block_builder.setter
        def block_builder(self, builder: Any) -> None:
            self._builder = None if builder is None else NamingBuilder()

        def _translate_fx_graph(
            self, module: Any, nodes: Iterable[Any], *arguments: Any, **named: Any
        ) -> Any:
            watched = _each(nodes, self.block_builder, _path_of)
            return super()._translate_fx_graph(module, watched, *arguments, **named)

    with _in_place(exported_program_translator, "ExportedProgramImporter", Importer):
        return from_exported_program(program, unwrap_unit_return_tuple=True)


class _Watched:
    """An ONNX graph that names the layer as its nodes are gone over."""

    def __init__(self, graph: Graph, builder: NamingBuilder) -> None:
        self._graph = graph
        self._builder = builder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    @property
    def node(self) -> Iterator[Any]:
        return _each(self._graph.node, self._builder, _name_of)


def _each(
    nodes: Iterable[Any], builder: NamingBuilder, name_of: Callable[[Any], str]
) -> Iterator[Any]:
    for node in nodes:
        builder.layer = name_of(node)
        yield node
    builder.layer = None


def _name_of(node: Any) -> str:
    """Of an ONNX node; one without a name has that of what it gives."""
    return str(node.name or next(iter(node.output), node.op_type))


def _path_of(node: Any) -> str:
    """Of the innermost module that a node of an exported program is in; else its own."""
    modules = [*(node.meta.get("nn_module_stack") or {}).values()]
    return str((modules and modules[-1][0]) or node.name)


@contextmanager
def _in_place(module: Any, name: str, importer: type) -> Iterator[None]:
    """TVM makes its importer by this ``name`` in ``module``."""
    own = getattr(module, name)
    setattr(module, name, importer)
    try:
        yield
    finally:
        setattr(module, name, own)
