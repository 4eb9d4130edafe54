//! What a model file would take in memory once decoded, told from its bytes before it is.
//!
//! A decoder makes hundreds of bytes of two: an empty node is two bytes in the file. So the messages
//! are walked first, without making any, and what they would take is added up. Source of the numbers
//! of fields: `onnx.proto`; of the encoding: Protocol Buffers, "Encoding".

use std::mem::size_of;

use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto,
    StringStringEntryProto, TensorAnnotation, TensorProto, TrainingInfoProto, TypeProto,
    ValueInfoProto,
};

/// The most bytes that a decoded file may take beyond its own.
pub(crate) const MAX_DECODED_BYTES: usize = 512 << 20;
/// The deepest that messages may lie in each other; real models need eight.
const MAX_DEPTH: usize = 24;

const DAMAGED: &str = "it is no ONNX file, or a truncated one; install it again";

/// The messages of an ONNX file, as far as they hold others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    TypeTensor,
    Shape,
    Training,
    Function,
    Annotation,
    /// One that holds none.
    Leaf,
}

/// What one field of a message holds.
enum Field {
    Message(Kind),
    /// Whole numbers, several in one field where they are packed.
    Numbers,
    /// Text or bytes.
    Bytes,
}

impl Kind {
    const fn field(self, number: u64) -> Field {
        use Field::{Bytes, Message, Numbers};
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) | (Self::Training, 1 | 2) => {
                Message(Self::Graph)
            }
            (Self::Model, 20) => Message(Self::Training),
            (Self::Model, 25) => Message(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Message(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Message(Self::Tensor)
            }
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Message(Self::SparseTensor),
            (Self::Graph, 11..=13) => Message(Self::ValueInfo),
            (Self::Graph, 14) => Message(Self::Annotation),
            (Self::Node, 5) => Message(Self::Attribute),
            (Self::Attribute, 14 | 15) | (Self::ValueInfo, 2) => Message(Self::Type),
            (Self::Type, 1) => Message(Self::TypeTensor),
            (Self::TypeTensor, 2) => Message(Self::Shape),
            (Self::Model, 8 | 14)
            | (Self::Graph, 16)
            | (Self::Tensor, 3 | 13)
            | (Self::Training, 3 | 4)
            | (Self::Function, 9)
            | (Self::Annotation, 2)
            | (Self::Shape, 1) => Message(Self::Leaf),
            (Self::Tensor, 1 | 5 | 7 | 11) | (Self::Attribute, 8) | (Self::SparseTensor, 3) => {
                Numbers
            }
            _ => Bytes,
        }
    }

    /// Bytes of one such message, decoded, without what it points to.
    const fn size(self) -> usize {
        match self {
            Self::Model => size_of::<ModelProto>(),
            Self::Graph => size_of::<GraphProto>(),
            Self::Node => size_of::<NodeProto>(),
            Self::Attribute => size_of::<AttributeProto>(),
            Self::Tensor => size_of::<TensorProto>(),
            Self::SparseTensor => size_of::<SparseTensorProto>(),
            Self::ValueInfo => size_of::<ValueInfoProto>(),
            Self::Type | Self::TypeTensor | Self::Shape => size_of::<TypeProto>(),
            Self::Training => size_of::<TrainingInfoProto>(),
            Self::Function => size_of::<FunctionProto>(),
            Self::Annotation => size_of::<TensorAnnotation>(),
            Self::Leaf => size_of::<StringStringEntryProto>(),
        }
    }
}

/// Refuses bytes that are no ONNX file, or that would take too much memory once decoded.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut left = MAX_DECODED_BYTES;
    walk(bytes, Kind::Model, MAX_DEPTH, &mut left)
}

fn walk(mut bytes: &[u8], kind: Kind, depth: usize, left: &mut usize) -> Result<(), String> {
    let depth = depth
        .checked_sub(1)
        .ok_or("its messages lie too deep in each other; export it again")?;
    spend(left, kind.size())?;
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let skipped = match tag & 7 {
            0 => {
                number(&mut bytes)?;
                spend(left, size_of::<u64>())?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(number(&mut bytes)?).map_err(|_| DAMAGED)?,
            5 => 4,
            // Groups were never part of ONNX.
            _ => return Err(DAMAGED.to_owned()),
        };
        let (held, rest) = bytes.split_at_checked(skipped).ok_or(DAMAGED)?;
        bytes = rest;
        if tag & 7 != 2 {
            spend(left, skipped)?;
            continue;
        }
        match kind.field(tag >> 3) {
            Field::Message(inner) => walk(held, inner, depth, left)?,
            Field::Numbers => {
                let ends = held.iter().filter(|&&byte| byte < 0x80).count();
                spend(left, ends * size_of::<u64>())?;
            }
            Field::Bytes => spend(left, size_of::<String>())?,
        }
    }
    Ok(())
}

/// A variable-length number from the front of the bytes.
fn number(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(DAMAGED)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(DAMAGED.to_owned())
}

fn spend(left: &mut usize, bytes: usize) -> Result<(), String> {
    *left = left.checked_sub(bytes).ok_or_else(|| {
        format!(
            "its parts would take more than {MAX_DECODED_BYTES} bytes of memory; export it with \
             its weights as raw data"
        )
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// A field that holds bytes.
    fn field(number: u8, held: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut length = held.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(held);
        bytes
    }

    #[test]
    fn many_empty_messages_are_refused_before_they_are_decoded() {
        // 32 MB of empty nodes, of attributes without a word, of numbers of one byte each.
        let nodes = field(7, &[0x0a, 0].repeat(16 << 20));
        let attributes = field(7, &field(1, &[0x2a, 0].repeat(4 << 20)));
        let numbers = field(7, &field(5, &field(7, &vec![1; 65 << 20])));
        for bomb in [nodes, attributes, numbers] {
            let message = check(&bomb).unwrap_err();
            assert!(message.contains("bytes of memory"), "{message}");
        }
    }

    #[test]
    fn a_graph_within_a_graph_without_end_is_refused() {
        let mut bytes = Vec::new();
        for _ in 0..40 {
            bytes = field(1, &field(5, &field(6, &bytes)));
        }
        let message = check(&field(7, &bytes)).unwrap_err();
        assert!(message.contains("too deep"), "{message}");
    }

    #[test]
    fn real_models_pass_and_their_beginnings_do_not() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("zh-en-1/model.onnx");
        let bytes = fs::read(file).unwrap();
        check(&bytes).unwrap();
        for length in [1, 1_000, bytes.len() / 2, bytes.len() - 1] {
            assert!(check(&bytes[..length]).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
        }
    }
}
