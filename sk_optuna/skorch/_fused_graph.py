"""Rewrite a step that was written down as a graph: for another number of models, without what changes nothing.

A graph for two models and one for three differ in the numbers that grow with the number of models, so that one for any
number is made of them.
"""

from typing import Any

import torch
from torch import Tensor, fx

from sk_optuna._compat._torch import RESHAPES
from sk_optuna.skorch._fused_draws import CannotFuseError

_aten = torch.ops.aten
_SAME = (_aten.detach.default, _aten.alias.default)
# Numbers that a processor computes at a time, and to which it likes memory to be aligned; a multiple of both.
BLOCK = 32


def scaled(two: fx.GraphModule, three: fx.GraphModule, n_models: int) -> fx.GraphModule | None:
    """Return the step for a number of models, made of those for two and three; None if they differ otherwise."""
    graph, places = fx.Graph(), dict[fx.Node, fx.Node]()
    nodes, others = list(two.graph.nodes), list(three.graph.nodes)
    if [(node.op, node.target) for node in nodes] != [(node.op, node.target) for node in others]:
        return None
    twins = dict(zip(nodes, others, strict=True))
    try:
        for node in nodes:
            new = graph.node_copy(node, lambda each: places[each])
            new.args = _scaled((node.args, twins[node].args), n_models, twins, places)
            new.kwargs = _scaled((node.kwargs, twins[node].kwargs), n_models, twins, places)
            places[node] = new
    except CannotFuseError:
        return None
    return fx.GraphModule(two, graph)


def _scaled(pair: tuple[Any, Any], n: int, twins: dict[fx.Node, fx.Node], places: dict[fx.Node, fx.Node]) -> Any:
    two, three = pair
    if isinstance(two, fx.Node):
        if twins[two] is not three:
            raise CannotFuseError("the step has another order for another number of models")
        return places[two]
    if isinstance(two, (list, tuple)) and len(two) == len(three):
        return type(two)(_scaled(each, n, twins, places) for each in zip(two, three, strict=True))
    if isinstance(two, dict):
        return {name: _scaled((value, three[name]), n, twins, places) for name, value in two.items()}
    if type(two) is int and two != three and two * 3 == three * 2:
        return two // 2 * n
    if two is three or two == three:
        return two
    raise CannotFuseError("the step has numbers that do not grow with the number of models")


def shortened(graph_module: fx.GraphModule) -> fx.GraphModule:
    """Take out operations that change nothing, and the trees of arguments."""
    graph = graph_module.graph
    for node in list(graph.nodes):
        if node.op == "call_function" and _changes_nothing(node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    for node in list(graph.nodes):
        if node.target is _aten.transpose.int and _is_product(node):
            _transpose_factors(graph, node)
    for node in graph.nodes:
        if node.target is _aten.bmm.default and not _lies_in_blocks(node.meta["tensor_meta"].shape[1:]):
            node.target = product
    graph.eliminate_dead_code()
    graph.set_codegen(fx.graph.CodeGen())
    graph_module.recompile()
    return graph_module


def _changes_nothing(node: fx.Node) -> bool:
    if node.target in _SAME:
        return True
    if node.target is _aten.mul.Scalar:
        return type(node.args[1]) is int and node.args[1] == 1
    source = node.args[0]
    if node.target not in RESHAPES or not isinstance(source, fx.Node):
        return False
    shapes = [getattr(each.meta.get("tensor_meta"), "shape", None) for each in (source, node)]
    return shapes[0] is not None and shapes[0] == shapes[1]


def product(first: Tensor, second: Tensor) -> Tensor:
    """Return the products of matrices, computed where each row begins at a multiple of some bytes."""
    n_models, n_rows, n_columns = len(first), first.shape[1], second.shape[2]
    place = first.new_empty((n_models, n_rows, -(-n_columns // BLOCK) * BLOCK))[:, :, :n_columns]
    return torch.bmm(first, second, out=place).contiguous()


def _lies_in_blocks(shape: Any) -> bool:
    return bool(torch.Size(shape).numel() % BLOCK == 0)


def _is_product(node: fx.Node) -> bool:
    """Return whether a node is the transpose of a product that nobody else uses."""
    product = node.args[0]
    return (
        isinstance(product, fx.Node)
        and product.target is _aten.bmm.default
        and len(product.users) == 1
        and node.args[1:] == (1, 2)
    )


def _transpose_factors(graph: fx.Graph, node: fx.Node) -> None:
    """Replace the transpose of a product by the product of the transposes, which lies in memory without gaps."""
    first, second = node.args[0].args
    with graph.inserting_before(node):
        turned = [_transposed(graph, each) for each in (second, first)]
        made = graph.call_function(_aten.bmm.default, tuple(turned))
    made.meta.update(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)


def _transposed(graph: fx.Graph, node: Any) -> fx.Node:
    if node.target is _aten.transpose.int and node.args[1:] == (1, 2):
        return node.args[0]
    return graph.call_function(_aten.transpose.int, (node, 1, 2))


def bytes_in(graph_module: fx.GraphModule) -> int:
    """Return the bytes of all tensors that the operations of a graph make."""
    metas = [node.meta.get("tensor_meta") for node in graph_module.graph.nodes if node.op == "call_function"]
    return sum(meta.shape.numel() * meta.dtype.itemsize for meta in metas if hasattr(meta, "dtype"))
