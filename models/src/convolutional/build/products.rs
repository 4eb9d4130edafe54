//! Operators that multiply by stored weights: matrices and convolutions.

use std::sync::Arc;

use tract_onnx::pb::NodeProto;

use super::{Builder, Value, View};
use crate::convolutional::kernels::{Binary, Depthwise, Linear, Operation, Spread, Unfold};
use crate::nodes::attribute;

impl Builder<'_, '_> {
    pub(super) fn matmul(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let (weights, shape) = self.numbers(node, 1)?;
        let [inputs, outputs] = *shape else {
            return None;
        };
        if from.last()? != inputs {
            return None;
        }
        let linear = match self.shared.0.get(&node.input[1]) {
            Some(linear) => Arc::clone(linear),
            None => Arc::new(Linear::new(weights, outputs)),
        };
        let linear = self.share(node, linear, [inputs, outputs])?;
        let mut shape = from.shape.clone();
        *shape.last_mut()? = outputs;
        self.step(linear, from, None, &shape)
    }

    /// Keeps a matrix under the name of the weights that it was made of.
    fn share(
        &mut self,
        node: &NodeProto,
        linear: Arc<Linear>,
        size: [usize; 2],
    ) -> Option<Operation> {
        let name = node.input[1].clone();
        self.shared.0.insert(name, Arc::clone(&linear));
        (linear.size() == size).then_some(Operation::Linear(linear))
    }

    pub(super) fn conv(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let (weights, shape) = self.numbers(node, 1)?;
        let [1, channels, frames] = from.shape[..] else {
            return None;
        };
        let [filters, per_filter, kernel] = *shape else {
            return None;
        };
        let one = |name: &str, default: i64| match attribute(node, name).map(|a| &a.ints[..]) {
            None => Some(default),
            Some([value]) => Some(*value),
            Some(_) => None,
        };
        let no_pads = attribute(node, "pads").is_none_or(|pads| pads.ints.iter().all(|&p| p == 0));
        let auto_pad = attribute(node, "auto_pad").is_some_and(|pad| pad.s != b"NOTSET");
        let stride = usize::try_from(one("strides", 1)?)
            .ok()
            .filter(|&s| s > 0)?;
        if !no_pads || auto_pad || one("dilations", 1)? != 1 || !(1..=frames).contains(&kernel) {
            return None;
        }
        let group = attribute(node, "group").map_or(1, |group| group.i);
        let outputs = (frames - kernel) / stride + 1;
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(_) => self.numbers(node, 2)?.0.to_vec(),
            None => vec![0.0; filters],
        };
        if bias.len() != filters {
            return None;
        }
        if group == 1 && per_filter == channels {
            let linear = match self.shared.0.get(&node.input[1]) {
                Some(linear) => Arc::clone(linear),
                None => Arc::new(Linear::new(&transposed(weights, filters), filters)),
            };
            let unfold = Unfold {
                frames,
                kernel,
                stride,
                outputs,
            };
            let row = channels * kernel;
            let linear = self.share(node, linear, [row, filters])?;
            return self.full_conv(from, unfold, row, linear, bias);
        }
        let each = group == channels as i64 && filters == channels && per_filter == 1;
        if !each || stride != 1 {
            return None;
        }
        let depthwise = Depthwise {
            frames,
            kernel,
            weights: weights.to_vec(),
            bias,
        };
        let shape = [1, channels, outputs];
        self.step(Operation::Depthwise(depthwise), from, None, &shape)
    }

    fn full_conv(
        &mut self,
        from: View,
        unfold: Unfold,
        row: usize,
        linear: Operation,
        bias: Vec<f32>,
    ) -> Option<Value> {
        let (outputs, filters) = (unfold.outputs, bias.len());
        let rows = [1, outputs, row];
        let mut made = self.step(Operation::Unfold(unfold), from, None, &rows)?;
        let steps = [
            (linear, [1, outputs, filters]),
            (
                Operation::Constant(Binary::Add, bias, Spread::Cycle),
                [1, outputs, filters],
            ),
            (
                Operation::Transpose { columns: filters },
                [1, filters, outputs],
            ),
        ];
        for (operation, shape) in steps {
            let Value::Computed(from) = made else {
                return None;
            };
            made = self.step(operation, from, None, &shape)?;
        }
        Some(made)
    }
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    (0..values.len())
        .map(|at| values[at % rows * columns + at / rows])
        .collect()
}
