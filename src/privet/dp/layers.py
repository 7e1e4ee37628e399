"""The operations that read a parameter as a matrix: products, convolutions and look-ups.

Each is a function that looks at a node and answers how its parameter's gradient comes apart into
factors, or None where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from privet.dp.factors import Layout
from privet.graph import Node, Value

_MANY = 8
_IN_BOUNDS, _CLIPPED, _DROPPED = "PROMISE_IN_BOUNDS", "CLIP", "FILL_OR_DROP"


@dataclass(frozen=True, eq=False)
class Read:
    """One node that reads a parameter as a matrix.

    Attributes:
        node: the node.
        view: which of its inputs is the parameter.
        layout: of the gradient with respect to that input.
        run: (*inputs) -> (output, what to note for `factors`).
        factors: (what was noted, gradient of the output) -> l (T, i) or (T,), and r (T, o), for
            one unit.
    """

    node: Node
    view: int
    layout: Layout
    run: Callable[..., tuple[Any, Any]]
    factors: Callable[[Any, Any], tuple[Any, Any]]


def read_of(node: Node, view: int) -> Read | None:
    """How a node reads its input number `view`; None if not as a matrix."""
    reader = _READERS.get(node.op)
    return reader(node, view) if reader else None


def _product(node: Node, view: int) -> Read | None:
    contracted, batched = node.params["dimension_numbers"]
    if any(batched) or len(node.inputs) != 2:
        return None
    other = 1 - view
    matrix, rows = node.inputs[view], node.inputs[other]
    inner, outer = list(contracted[view]), _rest(matrix, contracted[view])
    places = _rest(rows, contracted[other])
    order = [*places, *contracted[other]]
    layout = _layout(matrix, inner, outer, math.prod(rows.shape[axis] for axis in places))

    def run(*args: Any) -> tuple[Any, Any]:
        return node.run(*args)[0], args[other]

    def factors(noted: Any, slope: Any) -> tuple[Any, Any]:
        if view == 0:  # the output's axes: those of the parameter, then the places
            slope = slope.reshape(layout.columns, layout.places).T
        left = noted.transpose(order).reshape(layout.places, layout.rows)
        return left, slope.reshape(layout.places, layout.columns)

    return Read(node, view, layout, run, factors)


def _look_up(node: Node, view: int) -> Read | None:
    table, at, made = node.inputs[0], node.inputs[1], node.outputs[0]
    numbers, sizes = node.params["dimension_numbers"], tuple(node.params["slice_sizes"])
    mode = getattr(node.params["mode"], "name", str(node.params["mode"]))
    leading = len(made.shape) - len(table.shape) + 1
    simple = (
        view == 0
        and tuple(numbers.start_index_map) == tuple(numbers.collapsed_slice_dims) == (0,)
        and sizes == (1, *table.shape[1:])
        and tuple(numbers.offset_dims) == tuple(range(leading, len(made.shape)))
        and not getattr(numbers, "operand_batching_dims", ())
        and mode in (_IN_BOUNDS, _CLIPPED, _DROPPED)
    )
    if not simple:
        return None
    entries = table.shape[0]
    layout = _layout(table, [0], [*range(1, len(table.shape))], math.prod(at.shape[:-1]),
                     found=True)  # fmt: skip

    def run(*args: Any) -> tuple[Any, Any]:
        return node.run(*args)[0], args[1]

    def factors(noted: Any, slope: Any) -> tuple[Any, Any]:
        import jax.numpy as jnp

        position = noted.reshape(layout.places)
        right = slope.reshape(layout.places, layout.columns)
        if mode == _DROPPED:  # what is out of bounds reads a constant
            inside = (position >= 0) & (position < entries)
            right = jnp.where(inside[:, None], right, 0.0)
        return jnp.clip(position, 0, entries - 1).astype(jnp.int32), right

    return Read(node, view, layout, run, factors)


def _convolution(node: Node, view: int) -> Read | None:
    params, kernel = node.params, node.inputs[1]
    spec = params["dimension_numbers"]
    groups = params["feature_group_count"], params["batch_group_count"]
    if view != 1 or groups != (1, 1) or any(step != 1 for step in params["lhs_dilation"]):
        return None
    out, into, *sides = spec.rhs_spec
    layout = _layout(kernel, [*sides, into], [out],
                     math.prod(node.outputs[0].shape) // kernel.shape[out])  # fmt: skip
    made = [node.outputs[0].shape[axis] for axis in spec.out_spec]
    columns_last = [spec.out_spec[0], *spec.out_spec[2:], spec.out_spec[1]]

    def run(*args: Any) -> tuple[Any, Any]:
        patches = patches_of(args[0], [kernel.shape[side] for side in sides], params)
        matrix = args[1].transpose(layout.axes).reshape(layout.rows, layout.columns)
        flat = (patches @ matrix).reshape(made[0], *made[2:], made[1])
        back = sorted(range(len(columns_last)), key=columns_last.__getitem__)
        return flat.transpose(back), patches

    def factors(noted: Any, slope: Any) -> tuple[Any, Any]:
        return noted, slope.transpose(columns_last).reshape(layout.places, layout.columns)

    return Read(node, view, layout, run, factors)


def patches_of(image: Any, window: Sequence[int], params: Any) -> Any:
    """(images x places, window x channels): what a kernel sees at each place.

    By strided slices along one axis after another, several times faster on a CPU than XLA's own
    patches. What lies innermost while they are stacked should be long: the channels where there
    are many, else the places.
    """
    import jax.numpy as jnp
    from jax import lax

    lhs = params["dimension_numbers"].lhs_spec
    channels = image.shape[lhs[1]]
    sides = range(1, 1 + len(window))
    image = image.transpose((lhs[0], *lhs[2:], lhs[1]))
    edges = [(0, 0, 0), *((low, high, 0) for low, high in params["padding"]), (0, 0, 0)]
    image = lax.pad(image, jnp.zeros((), image.dtype), edges)
    inner = channels >= _MANY
    if not inner:  # (images, channels, window so far, sides)
        image = jnp.moveaxis(image, -1, 1)[:, :, None]
        sides = range(3, 3 + len(window))
    else:  # (images, sides, window so far, channels)
        image = image[..., None, :]
    stack = image.ndim - 2 if inner else 2
    for axis, size, step, spread in zip(
        sides, window, params["window_strides"], params["rhs_dilation"], strict=True
    ):
        last = image.shape[axis] - (size - 1) * spread
        parts = [lax.slice_in_dim(image, at * spread, at * spread + last, step, axis)
                 for at in range(size)]  # fmt: skip
        image = _stacked(parts, stack)
    if inner:
        return image.reshape(-1, image.shape[-2] * channels)
    image = jnp.moveaxis(image, 1, 2).reshape(image.shape[0], image.shape[2] * channels, -1)
    return jnp.swapaxes(image, 1, 2).reshape(-1, image.shape[1])


def _stacked(parts: list[Any], axis: int) -> Any:
    """The parts side by side, each entry of `axis` followed by those of the next parts."""
    import jax.numpy as jnp

    whole = jnp.stack(parts, axis=axis + 1)
    shape = whole.shape
    return whole.reshape(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])


_READERS: dict[str, Callable[[Node, int], Read | None]] = {
    "dot_general": _product,
    "gather": _look_up,
    "conv_general_dilated": _convolution,
}


def _rest(value: Value, taken: Sequence[int]) -> list[int]:
    return [axis for axis in range(len(value.shape)) if axis not in taken]


def _layout(
    array: Value, rows: list[int], columns: list[int], places: int, found: bool = False
) -> Layout:
    axes = (*rows, *columns)
    return Layout(places, tuple(array.shape[axis] for axis in axes), axes, len(rows), found)
