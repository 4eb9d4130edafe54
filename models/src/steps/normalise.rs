//! What sums along axes, softmax and normalisations are in steps.

use tract_onnx::pb::NodeProto;

use super::Operation;
use super::build::{Builder, Home};
use super::chain::{Argument, Binary, Node, Unary};
use super::rows::Reduction;
use super::view::View;
use crate::nodes::{attribute, axis};

impl Builder<'_> {
    /// The axis as the last one, without gaps; and the order that takes it back.
    pub(super) fn with_last(&mut self, from: &View, axis: usize) -> Option<(View, Vec<usize>)> {
        let rank = from.rank();
        let mut order: Vec<usize> = (0..rank).filter(|&other| other != axis).collect();
        order.push(axis);
        let mut back = vec![0; rank];
        order
            .iter()
            .enumerate()
            .for_each(|(at, &axis)| back[axis] = at);
        Some((self.dense(from.turned(&order))?, back))
    }

    pub(super) fn softmax(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let default = if self.given.folded.operators < 13 {
            1
        } else {
            -1
        };
        let wanted = attribute(node, "axis").map_or(default, |axis| axis.i);
        let axis = axis(wanted, from.rank())?;
        // Before operator set 13 all axes from the given one on were one.
        let is_last = from.shape[axis + 1..].iter().all(|&size| size == 1);
        if self.given.folded.operators < 13 && !is_last {
            return None;
        }
        let (from, back) = self.with_last(&from, axis)?;
        let softmax = Operation::Softmax {
            width: *from.shape.last()?,
            is_logarithm: node.op_type == "LogSoftmax",
        };
        let shape = from.shape.clone();
        Some(self.other(softmax, vec![from], &shape)?.turned(&back))
    }

    pub(super) fn cumulate(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let other = ["exclusive", "reverse"];
        if other
            .iter()
            .any(|name| attribute(node, name).is_some_and(|flag| flag.i != 0))
        {
            return None;
        }
        let axis = axis(*self.whole(node.input.get(1)?)?.first()?, from.rank())?;
        let (from, back) = self.with_last(&from, axis)?;
        let (shape, width) = (from.shape.clone(), *from.shape.last()?);
        let made = self.other(Operation::Cumulate(width), vec![from], &shape)?;
        Some(made.turned(&back))
    }

    pub(super) fn reduce(&mut self, node: &NodeProto, reduction: Reduction) -> Option<View> {
        let from = self.view(node, 0)?;
        let axes = self.whole_or_attribute(node, 1, "axes").unwrap_or_default();
        if axes.is_empty()
            && attribute(node, "noop_with_empty_axes").is_some_and(|flag| flag.i != 0)
        {
            return None;
        }
        let mut axes: Vec<usize> = axes
            .iter()
            .map(|&wanted| axis(wanted, from.rank()))
            .collect::<Option<_>>()?;
        if axes.is_empty() {
            axes = (0..from.rank()).collect();
        }
        let shape = self.result(node)?;
        self.reduced(&from, &axes, reduction, &shape)
    }

    pub(super) fn reduced(
        &mut self,
        from: &View,
        axes: &[usize],
        reduction: Reduction,
        shape: &[usize],
    ) -> Option<View> {
        let kept = (0..from.rank()).filter(|axis| !axes.contains(axis));
        let gone = (0..from.rank()).filter(|axis| axes.contains(axis));
        let order: Vec<usize> = kept.chain(gone.clone()).collect();
        let width = gone.map(|axis| from.shape[axis]).product();
        let from = self.dense(from.turned(&order))?;
        self.other(Operation::Reduce(reduction, width), vec![from], shape)
    }

    pub(super) fn layer_normalisation(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let wanted = attribute(node, "axis").map_or(-1, |axis| axis.i);
        let first = axis(wanted, from.rank())?;
        let axes: Vec<usize> = (first..from.rank()).collect();
        let epsilon = attribute(node, "epsilon").map_or(1e-5, |epsilon| epsilon.f);
        let shape = from.shape.clone();
        let mut one = shape.clone();
        for &axis in &axes {
            one[axis] = 1;
        }
        let mean = self.reduced(&from, &axes, Reduction::Mean, &one)?;
        let inputs = [0, 1, 2].map(Argument::Input);
        let less = vec![Node::Binary(Binary::Subtract, inputs[0], inputs[1])];
        let centred = self.chain(less, vec![from, mean.spread(&shape)?], &shape)?;
        let squares = self.each(Unary::Square, centred.clone())?;
        let variance = self.reduced(&squares, &axes, Reduction::Mean, &one)?;
        let inverse = vec![
            Node::Binary(Binary::Add, inputs[0], Argument::Number(epsilon)),
            Node::Unary(Unary::InverseSqrt, Argument::Node(0)),
        ];
        let inverse = self.chain(inverse, vec![variance], &one)?;
        let mut from = vec![centred, inverse.spread(&shape)?];
        let mut nodes = vec![Node::Binary(Binary::Multiply, inputs[0], inputs[1])];
        for (input, binary) in [(1, Binary::Multiply), (2, Binary::Add)] {
            if node.input.get(input).is_some_and(|name| !name.is_empty()) {
                let last = Argument::Node(nodes.len() - 1);
                let argument = self.argument(node, input, &shape, &mut from)?;
                nodes.push(Node::Binary(binary, last, argument));
            }
        }
        self.chain(nodes, from, &shape)
    }

    /// With fixed means: a factor and a summand for each channel.
    pub(super) fn batch_normalisation(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let channels = *from.shape.get(1)?;
        let of = |input: usize| {
            let (values, _) = self.numbers(node.input.get(input)?)?;
            (values.len() == channels).then_some(values)
        };
        let (scale, bias, mean, variance) = (of(1)?, of(2)?, of(3)?, of(4)?);
        let epsilon = attribute(node, "epsilon").map_or(1e-5, |epsilon| epsilon.f);
        let factor: Vec<f32> = scale
            .iter()
            .zip(&variance)
            .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
            .collect();
        let summand: Vec<f32> = (0..channels)
            .map(|channel| bias[channel] - mean[channel] * factor[channel])
            .collect();
        let mut own = vec![1; from.rank()];
        own[1] = channels;
        own.remove(0);
        let shape = from.shape.clone();
        let mut inputs = vec![from];
        for values in [factor, summand] {
            let view = self.slot(&own, Home::Constants(self.constants.len()))?;
            self.constants.extend(values);
            inputs.push(view.spread(&shape)?);
        }
        let [x, factor, summand] = [0, 1, 2].map(Argument::Input);
        let nodes = vec![
            Node::Binary(Binary::Multiply, x, factor),
            Node::Binary(Binary::Add, Argument::Node(0), summand),
        ];
        self.chain(nodes, inputs, &shape)
    }
}
