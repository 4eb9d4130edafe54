"""Weights of an exported model as a start for training: the same network, more units perhaps."""

import re

import onnx
import torch
from onnx import numpy_helper

from units import BLANK, IDS


def exported_weights(path, tokens):
    """A state dictionary of the file's weights; `out.*` rows stay in the file's own order of units.

    The exporter keeps most names behind `acoustic.` and folds each linear layer's weight into a
    transposed constant, which is found by the name of the MatMul that uses it.
    """
    graph = onnx.load(path).graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    weights = {n.removeprefix("acoustic."): v for n, v in values.items() if n.startswith("acoustic.")}
    for node in graph.node:
        layer = re.fullmatch(r"/acoustic/(.+)/MatMul", node.name)
        if layer:
            weights[layer[1].replace("/", ".") + ".weight"] = values[node.input[1]].T.contiguous()
    if not weights:
        raise SystemExit(f"`{path}` holds no weights of this network; give a model.onnx that export.py wrote")
    symbols = [line.rsplit(" ", 1)[0] for line in tokens.read_text("utf-8").splitlines()]
    return weights, symbols


def start_from(model, path, share=1.0):
    """Move `model` by `share` towards the weights of `path` (its tokens.txt beside it): 1 takes them as they are.

    Units that the file lacks keep their rows; blocks that it lacks count as blocks that add nothing, so that a deeper
    network begins by hearing what the shallower one heard. Returns how many units those are.
    """
    weights, symbols = exported_weights(path, path.parent / "tokens.txt")
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for name, value in weights.items():
        if not name.startswith("out."):
            if name not in state or state[name].shape != value.shape:
                raise SystemExit(f"`{path}`: `{name}` {tuple(value.shape)} does not fit this network")
            state[name] = torch.lerp(state[name], value, share)
    for name in state.keys() - weights.keys():
        if ".project." in name:
            state[name] *= 1 - share
    for row, symbol in enumerate(symbols):
        to = BLANK if symbol == "<blk>" else IDS.get(symbol)
        if to is not None:
            for name in ("out.weight", "out.bias"):
                state[name][to] = torch.lerp(state[name][to], weights[name][row], share)
    model.load_state_dict(state)
    return len(set(IDS) - set(symbols))
