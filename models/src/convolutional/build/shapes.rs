//! What shapes and stored tensors say.

use tract_onnx::pb::TensorProto;

use super::Value;
use crate::convolutional::kernels::Spread;

/// How values of a shape spread over those of another one, if they do so evenly.
pub(super) fn spread(over: &[usize], shape: &[usize]) -> Option<Spread> {
    let missing = over.len().checked_sub(shape.len())?;
    let shape: Vec<usize> = std::iter::repeat_n(1, missing)
        .chain(shape.iter().copied())
        .collect();
    let ones = |part: &[usize]| part.iter().all(|&dim| dim == 1);
    for at in 0..=over.len() {
        if shape[..at] == over[..at] && ones(&shape[at..]) {
            return Some(Spread::Each(over[at..].iter().product()));
        }
        if ones(&shape[..at]) && shape[at..] == over[at..] {
            return Some(Spread::Cycle);
        }
    }
    None
}

/// A stored tensor of 32 bit floats or 64 bit whole numbers.
pub(super) fn constant(tensor: &TensorProto) -> Option<Value> {
    let shape: Vec<usize> = tensor
        .dims
        .iter()
        .map(|&dim| usize::try_from(dim).ok())
        .collect::<Option<_>>()?;
    let raw = &tensor.raw_data;
    let count: usize = shape.iter().product();
    match tensor.data_type {
        1 => {
            let values = if raw.is_empty() {
                tensor.float_data.clone()
            } else {
                raw.as_chunks()
                    .0
                    .iter()
                    .map(|four| f32::from_le_bytes(*four))
                    .collect()
            };
            (values.len() == count && count > 0).then_some(Value::Numbers(values, shape))
        }
        7 => {
            let values: Vec<i64> = if raw.is_empty() {
                tensor.int64_data.clone()
            } else {
                raw.as_chunks()
                    .0
                    .iter()
                    .map(|eight| i64::from_le_bytes(*eight))
                    .collect()
            };
            (values.len() == count).then_some(Value::Whole(values, shape.len()))
        }
        _ => None,
    }
}
