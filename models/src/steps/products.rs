//! What products of matrices are in steps.

use std::sync::Arc;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;

use super::Operation;
use super::build::{Builder, Value};
use super::integer::{self, IntegerLinear};
use super::matrix::{Linear, Product, Weights};
use super::view::View;
use crate::nodes::attribute;

impl Builder<'_> {
    pub(super) fn matmul(&mut self, node: &NodeProto) -> Option<View> {
        let shape = self.result(node)?;
        let weights = self.constant(node.input.get(1)?);
        if weights.is_some_and(|weights| weights.rank() == 2) {
            let from = self.view(node, 0)?;
            return self.linear(node, from, false, Vec::new(), &shape);
        }
        let (first, second) = (self.view(node, 0)?, self.view(node, 1)?);
        self.product(&first, &second, &shape)
    }

    pub(super) fn gemm(&mut self, node: &NodeProto) -> Option<View> {
        let flag = |name: &str| attribute(node, name).is_some_and(|flag| flag.i != 0);
        let scale = |name: &str| attribute(node, name).map_or(1.0, |scale| scale.f);
        let shape = self.result(node)?;
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => self.numbers(name)?.0,
            None => Vec::new(),
        };
        let has_shape = bias.is_empty() || Some(&bias.len()) == shape.last();
        if flag("transA") || scale("alpha") != 1.0 || scale("beta") != 1.0 || !has_shape {
            return None;
        }
        let from = self.view(node, 0)?;
        self.linear(node, from, flag("transB"), bias, &shape)
    }

    /// Rows times the node's second input, a matrix that is known.
    pub(super) fn linear(
        &mut self,
        node: &NodeProto,
        from: View,
        is_turned: bool,
        bias: Vec<f32>,
        shape: &[usize],
    ) -> Option<View> {
        let key = format!("{}{}", node.input[1], if is_turned { "\n" } else { "" });
        if !self.weights.contains_key(&key) {
            let (values, size) = self.numbers(&node.input[1])?;
            let [inputs, outputs] = size[..] else {
                return None;
            };
            let weights = if is_turned {
                Weights::new(&turned(&values, outputs), inputs)
            } else {
                Weights::new(&values, outputs)
            };
            self.weights.insert(key.clone(), Arc::new(weights));
        }
        let weights = Arc::clone(&self.weights[&key]);
        let (from, pitch) = self.as_rows(from)?;
        let [inputs, outputs] = weights.size();
        let rows = from.len() / inputs;
        if from.shape.last() != Some(&inputs) || shape.last() != Some(&outputs) {
            return None;
        }
        let linear = Linear {
            weights,
            bias,
            rows,
            pitch,
        };
        self.other(Operation::Linear(linear), vec![from], shape)
    }

    /// Rows at even distances, each without gaps; and the distance.
    pub(super) fn as_rows(&mut self, from: View) -> Option<(View, usize)> {
        let (&inner, outer) = from.shape.split_last()?;
        let rows: usize = outer.iter().product();
        let joined = from.joined();
        let pitch = match joined[..] {
            _ if from.is_dense() => Some(inner),
            [[count, pitch], [size, 1]] if count == rows && size == inner => Some(pitch),
            _ => None,
        };
        match pitch {
            Some(pitch) => Some((from, pitch)),
            None => Some((self.dense(from)?, inner)),
        }
    }

    pub(super) fn product(&mut self, first: &View, second: &View, shape: &[usize]) -> Option<View> {
        let ([.., rows, inner], [.., other, columns]) = (&first.shape[..], &second.shape[..])
        else {
            return None;
        };
        let (rows, inner, columns) = (*rows, *inner, *columns);
        let rank = shape.len();
        if inner != *other || rank < 2 || shape[rank - 2..] != [rows, columns] {
            return None;
        }
        let batch = &shape[..rank - 2];
        let first = first.spread(&[batch, &[rows, inner]].concat())?;
        let second = second.spread(&[batch, &[inner, columns]].concat())?;
        let count: usize = batch.iter().product();
        self.table(2 * count)?;
        let mut pairs = vec![[0, 0]];
        for (axis, &size) in batch.iter().enumerate() {
            let steps = [first.strides[axis], second.strides[axis]];
            pairs = pairs
                .iter()
                .flat_map(|pair| {
                    (0..size).map(move |at| [pair[0] + at * steps[0], pair[1] + at * steps[1]])
                })
                .collect();
        }
        let last = |view: &View| [view.strides[rank - 2], view.strides[rank - 1]];
        let product = Product {
            rows,
            inner,
            columns,
            first: if inner == 1 {
                [last(&first)[0], 1]
            } else {
                last(&first)
            },
            second: last(&second),
            pairs,
        };
        // A stride of 0 has no end to step to.
        if product.second.contains(&0) && (inner > 1 || columns > 1) || product.first[1] == 0 {
            return None;
        }
        self.other(Operation::Product(product), vec![first, second], shape)
    }

    pub(super) fn quantise(&mut self, node: &NodeProto) -> Option<Vec<Value>> {
        let from = self.view(node, 0)?;
        let from = self.dense(from)?;
        let scale = self.other(Operation::Scale, vec![from.clone()], &[2])?;
        let step = scale.part(0, 0..1, 1)?.without_axis(0)?;
        let zero = scale.part(0, 1..2, 1)?.without_axis(0)?;
        Some(vec![
            Value::Quantised(from, scale),
            Value::Computed(step),
            Value::Computed(zero),
        ])
    }

    pub(super) fn integer(&mut self, node: &NodeProto) -> Option<View> {
        let Some(Value::Quantised(from, scale)) = self.value(node, 0).cloned() else {
            return None;
        };
        // Its zero must be the one that the values were quantised with.
        match self.value(node, 2)? {
            Value::Computed(zero) if zero.slot == scale.slot && zero.start == 1 => {}
            _ => return None,
        }
        let name = &node.input[1];
        if !self.integer_weights.contains_key(name) {
            let zero = node.input.get(3).filter(|name| !name.is_empty());
            let weights = self.integer_weights(name, zero.map(String::as_str))?;
            self.integer_weights.insert(name.clone(), Arc::new(weights));
        }
        let weights = Arc::clone(&self.integer_weights[name]);
        let [inputs, outputs] = weights.size();
        let shape = self.result(node)?;
        if from.shape.last() != Some(&inputs) || shape.last() != Some(&outputs) {
            return None;
        }
        let linear = IntegerLinear { weights };
        self.other(Operation::Integer(linear), vec![from, scale], &shape)
    }

    pub(super) fn integer_weights(
        &self,
        name: &str,
        zero: Option<&str>,
    ) -> Option<integer::Weights> {
        let tensor = self.constant(name)?;
        let [inputs, outputs] = *tensor.shape() else {
            return None;
        };
        let zero = match zero {
            Some(name) => {
                let zeros = self.whole_of_any_type(name)?;
                let first = *zeros.first()?;
                zeros.iter().all(|&zero| zero == first).then_some(first)?
            }
            None => 0,
        };
        // Of unsigned weights, 128 is taken away from both.
        let less = if tensor.datum_type() == u8::datum_type() {
            128
        } else {
            0
        };
        let values: Vec<i8> = self
            .whole_of_any_type(name)?
            .into_iter()
            .map(|value| i8::try_from(value - less).ok())
            .collect::<Option<_>>()?;
        // Sums of so many products fit 32 bits.
        (inputs <= 1 << 15 && values.len() == inputs * outputs)
            .then(|| integer::Weights::new(&values, outputs, (zero - less) as i32))
    }

    /// Whole numbers of 8 bits too.
    pub(super) fn whole_of_any_type(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.constant(name)?;
        let kind = tensor.datum_type();
        let is_byte = kind == i8::datum_type() || kind == u8::datum_type();
        is_byte.then(|| self.whole(name))?
    }
}

/// `[rows, columns]` to `[columns, rows]`.
fn turned(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    (0..values.len())
        .map(|at| values[at % rows * columns + at / rows])
        .collect()
}
