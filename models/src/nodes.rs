//! What the nodes of an ONNX graph say, for every way to run one.

use tract_onnx::pb::{AttributeProto, NodeProto};

/// The attribute of that name, where it is given.
pub(crate) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
}

/// An axis counted from either end.
pub(crate) fn axis(wanted: i64, rank: usize) -> Option<usize> {
    let axis = if wanted < 0 {
        wanted.checked_add(rank as i64)?
    } else {
        wanted
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}
