//! What a model file must satisfy before tract may see it.
//!
//! tract trusts the graph that it optimises: an output that no node makes or a tensor whose size
//! contradicts its bytes would end in a panic or in runaway memory. So those are looked for first,
//! on the decoded file alone; [`fold`](crate::fold) then measures what the graph computes.

use std::collections::HashSet;

use tract_onnx::Onnx;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

/// The largest model file that is read.
pub const MAX_MODEL_BYTES: u64 = 512 << 20;
/// The most values that one tensor of a model may have.
pub const MAX_TENSOR_ELEMENTS: usize = 64 << 20;
/// The most nodes that a graph may have.
pub const MAX_NODES: usize = 20_000;

/// Operators that no streaming network needs and whose cost has no bound, or whose output is not
/// the same each time.
const REFUSED: [&str; 7] = [
    "Loop",
    "Scan",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
];

/// Checks a decoded file; the message names what is wrong and the remedy.
pub(crate) fn check(model: &ModelProto, onnx: &Onnx) -> Result<(), String> {
    let graph = model
        .graph
        .as_ref()
        .ok_or("it holds no graph; export it again")?;
    if graph.node.len() > MAX_NODES {
        return Err(format!(
            "it has {} nodes, the limit is {MAX_NODES}; fold its shapes",
            graph.node.len()
        ));
    }
    if let Some(tensor) = graph.sparse_initializer.first() {
        let name = tensor
            .values
            .as_ref()
            .map_or("", |values| values.name.as_str());
        return Err(format!("tensor `{name}` is sparse; export it dense"));
    }
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
    }
    for node in &graph.node {
        check_node(node, onnx)?;
    }
    check_edges(graph)
}

/// Checks one stored tensor.
fn check_tensor(tensor: &TensorProto) -> Result<(), String> {
    let name = &tensor.name;
    if tensor.data_location == Some(1) || !tensor.external_data.is_empty() {
        return Err(format!(
            "tensor `{name}` lies in another file; save the model as one file"
        ));
    }
    let elements = tensor.dims.iter().try_fold(1usize, |product, &dim| {
        usize::try_from(dim)
            .ok()
            .and_then(|dim| product.checked_mul(dim))
    });
    let elements = elements
        .filter(|&n| n <= MAX_TENSOR_ELEMENTS)
        .ok_or_else(|| {
            format!(
                "tensor `{name}` has shape {:?}, the limit is {MAX_TENSOR_ELEMENTS} values",
                tensor.dims
            )
        })?;
    let width = element_bytes(tensor.data_type).ok_or_else(|| {
        format!(
            "tensor `{name}` has the unsupported data type {}",
            tensor.data_type
        )
    })?;
    let listed = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
        tensor.string_data.len(),
    ];
    let stored = if tensor.raw_data.is_empty() {
        listed.into_iter().max().unwrap_or(0)
    } else if tensor.raw_data.len().is_multiple_of(width) {
        tensor.raw_data.len() / width
    } else {
        usize::MAX
    };
    if stored != elements {
        return Err(format!(
            "tensor `{name}` of shape {:?} does not hold that many values; the file is damaged",
            tensor.dims
        ));
    }
    Ok(())
}

/// Bytes of one value of an ONNX data type, for the types that networks use.
const fn element_bytes(data_type: i32) -> Option<usize> {
    match data_type {
        2 | 3 | 9 => Some(1),
        4 | 5 | 10 => Some(2),
        1 | 6 | 12 => Some(4),
        7 | 11 | 13 => Some(8),
        _ => None,
    }
}

/// Checks one node: known, without a subgraph, its tensors whole.
fn check_node(node: &NodeProto, onnx: &Onnx) -> Result<(), String> {
    let operator = node.op_type.as_str();
    let label = if node.name.is_empty() {
        node.output.first().map_or("", String::as_str)
    } else {
        node.name.as_str()
    };
    let is_known = onnx.op_register.0.contains_key(operator);
    if !is_known || REFUSED.contains(&operator) {
        return Err(format!(
            "node `{label}` is the unsupported operator `{operator}`; export the model without it"
        ));
    }
    for attribute in &node.attribute {
        if attribute.g.is_some() || !attribute.graphs.is_empty() {
            return Err(format!(
                "node `{label}` (`{operator}`) holds a subgraph; export the model without control \
                 flow"
            ));
        }
        let mut held = attribute.t.iter().chain(&attribute.tensors);
        held.try_for_each(check_tensor)?;
    }
    Ok(())
}

/// Every tensor that is used is made, once, and before it is used.
fn check_edges(graph: &GraphProto) -> Result<(), String> {
    let mut made: HashSet<&str> = HashSet::new();
    let given = graph.input.iter().map(|input| input.name.as_str());
    let stored = graph.initializer.iter().map(|tensor| tensor.name.as_str());
    made.extend(given.chain(stored));
    for node in &graph.node {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !made.contains(input.as_str()) {
                return Err(format!(
                    "tensor `{input}` is used before any node makes it; the file is damaged"
                ));
            }
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !made.insert(output) {
                return Err(format!(
                    "tensor `{output}` is made twice; the file is damaged"
                ));
            }
        }
    }
    for output in &graph.output {
        if !made.contains(output.name.as_str()) {
            return Err(format!(
                "no node makes the output `{}`; the file is damaged",
                output.name
            ));
        }
    }
    Ok(())
}
