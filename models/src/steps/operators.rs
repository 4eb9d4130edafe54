//! What each ONNX operator is in steps; here, those that work on each value by itself.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;

use super::Operation;
use super::build::{Builder, Value, Work};
use super::chain::{Argument, Binary, Node, Unary};
use super::rows::Reduction;
use super::view::View;
use crate::nodes::attribute;

impl Builder<'_> {
    /// The values of a node's outputs; none if the node is not understood.
    pub(super) fn operator(&mut self, node: &NodeProto) -> Option<Vec<Value>> {
        match node.op_type.as_str() {
            "Split" => return self.split(node),
            "DynamicQuantizeLinear" => return self.quantise(node),
            _ => {}
        }
        let made = match node.op_type.as_str() {
            "Identity" | "Dropout" => self.view(node, 0)?,
            "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" => {
                let (from, shape) = (self.view(node, 0)?, self.result(node)?);
                self.shaped(from, &shape)?
            }
            "Expand" => self.view(node, 0)?.spread(&self.result(node)?)?,
            "Transpose" => self.transpose(node)?,
            "Slice" => self.slice(node)?,
            "Concat" => self.concat(node)?,
            "Tile" => self.tile(node)?,
            "Pad" => self.pad(node)?,
            "Gather" => self.gather(node)?,
            "GatherElements" => self.gather_elements(node)?,
            "Cast" => self.cast(node)?,
            "MatMul" => self.matmul(node)?,
            "Gemm" => self.gemm(node)?,
            "MatMulInteger" => self.integer(node)?,
            "Conv" => self.conv(node)?,
            "Softmax" | "LogSoftmax" => self.softmax(node)?,
            "ReduceMean" => self.reduce(node, Reduction::Mean)?,
            "ReduceSum" => self.reduce(node, Reduction::Sum)?,
            "ReduceMax" => self.reduce(node, Reduction::Most)?,
            "ReduceMin" => self.reduce(node, Reduction::Least)?,
            "CumSum" => self.cumulate(node)?,
            "Where" => self.choose(node)?,
            "Pow" => self.power(node)?,
            "Clip" => self.clip(node)?,
            "Greater" => self.binary(node, Binary::Less, [1, 0])?,
            "GreaterOrEqual" => self.binary(node, Binary::LessOrEqual, [1, 0])?,
            "LayerNormalization" => self.layer_normalisation(node)?,
            "BatchNormalization" => self.batch_normalisation(node)?,
            other => {
                if let Some(unary) = unary(other) {
                    self.unary(node, unary)?
                } else {
                    self.binary(node, self.two(node)?, [0, 1])?
                }
            }
        };
        Some(vec![Value::Computed(made)])
    }

    /// The operation on two values that a node stands for.
    pub(super) fn two(&self, node: &NodeProto) -> Option<Binary> {
        if node.input.len() != 2 {
            return None;
        }
        Some(match node.op_type.as_str() {
            "Add" => Binary::Add,
            "Sub" => Binary::Subtract,
            "Mul" => Binary::Multiply,
            // Whole numbers would be rounded towards zero.
            "Div" if self.kind(&node.output[0]) == Some(f32::datum_type()) => Binary::Divide,
            "Max" => Binary::Most,
            "Min" => Binary::Least,
            "Equal" => Binary::Equal,
            "Less" => Binary::Less,
            "LessOrEqual" => Binary::LessOrEqual,
            "And" => Binary::And,
            "Or" => Binary::Or,
            _ => return None,
        })
    }

    pub(super) fn chain(
        &mut self,
        nodes: Vec<Node>,
        from: Vec<View>,
        shape: &[usize],
    ) -> Option<View> {
        self.step(Work::Chain(nodes), from, shape)
    }

    pub(super) fn unary(&mut self, node: &NodeProto, unary: Unary) -> Option<View> {
        let from = self.view(node, 0)?;
        self.each(unary, from)
    }

    pub(super) fn each(&mut self, unary: Unary, from: View) -> Option<View> {
        let shape = from.shape.clone();
        self.chain(
            vec![Node::Unary(unary, Argument::Input(0))],
            vec![from],
            &shape,
        )
    }

    pub(super) fn binary(
        &mut self,
        node: &NodeProto,
        binary: Binary,
        order: [usize; 2],
    ) -> Option<View> {
        let shape = self.result(node)?;
        if binary == Binary::Add
            && let Some(made) = self.with_bias(node, &shape)
        {
            return Some(made);
        }
        let mut from = Vec::new();
        let [a, b] = order.map(|input| self.argument(node, input, &shape, &mut from));
        let (a, b) = (a?, b?);
        if from.len() == 2 && from[0] == from[1] {
            from.pop();
            let both = Node::Binary(binary, Argument::Input(0), Argument::Input(0));
            return self.chain(vec![both], from, &shape);
        }
        self.chain(vec![Node::Binary(binary, a, b)], from, &shape)
    }

    /// A bias that is added to a product becomes part of it, where each of its numbers belongs to a
    /// column of the weights and nobody reads the product without it.
    pub(super) fn with_bias(&mut self, node: &NodeProto, shape: &[usize]) -> Option<View> {
        let product = usize::from(self.constant(&node.input[0]).is_some());
        let (bias, bias_shape) = self.numbers(node.input.get(1 - product)?)?;
        let Some(Value::Computed(view)) = self.value(node, product).cloned() else {
            return None;
        };
        let is_last_axis =
            bias_shape.last() == Some(&bias.len()) && shape.last() == bias_shape.last();
        if !is_last_axis || view.shape != shape || !view.is_dense() || !self.is_read_once(view.slot)
        {
            return None;
        }
        let draft = self.drafts.last_mut()?;
        let is_whole = view.slot == draft.to.slot && view.len() == draft.to.len();
        match &mut draft.work {
            Work::Other(Operation::Linear(linear))
                if is_whole && linear.bias.is_empty() && linear.weights.size()[1] == bias.len() =>
            {
                linear.bias = bias;
                Some(view)
            }
            _ => None,
        }
    }

    pub(super) fn choose(&mut self, node: &NodeProto) -> Option<View> {
        let shape = self.result(node)?;
        let mut from = Vec::new();
        let [which, a, b] = [0, 1, 2].map(|input| self.argument(node, input, &shape, &mut from));
        self.chain(vec![Node::Choose(which?, a?, b?)], from, &shape)
    }

    pub(super) fn power(&mut self, node: &NodeProto) -> Option<View> {
        let exponent = self.numbers(node.input.get(1)?).map(|(values, _)| values);
        let unary = match exponent.as_deref() {
            Some([2.0]) => Unary::Square,
            Some([0.5]) => Unary::Sqrt,
            Some([-0.5]) => Unary::InverseSqrt,
            Some([-1.0]) => Unary::Reciprocal,
            Some([1.0]) => Unary::Copy,
            _ => return self.binary(node, Binary::Power, [0, 1]),
        };
        self.unary(node, unary)
    }

    pub(super) fn clip(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let least = self.bound(node, 1, "min", f32::NEG_INFINITY)?;
        let most = self.bound(node, 2, "max", f32::INFINITY)?;
        let shape = from.shape.clone();
        let least = Argument::Number(least);
        let nodes = vec![
            Node::Binary(Binary::Most, Argument::Input(0), least),
            Node::Binary(Binary::Least, Argument::Node(0), Argument::Number(most)),
        ];
        self.chain(nodes, vec![from], &shape)
    }

    /// A number that older operator sets have as an attribute and newer ones as an input.
    pub(super) fn bound(
        &self,
        node: &NodeProto,
        input: usize,
        name: &str,
        default: f32,
    ) -> Option<f32> {
        match node.input.get(input).filter(|name| !name.is_empty()) {
            Some(name) => self.numbers(name)?.0.first().copied(),
            None => Some(attribute(node, name).map_or(default, |bound| bound.f)),
        }
    }

    pub(super) fn cast(&mut self, node: &NodeProto) -> Option<View> {
        let (from, to) = (self.kind(&node.input[0])?, self.kind(&node.output[0])?);
        if to == bool::datum_type() && from != to {
            self.unary(node, Unary::IsNot0)
        } else if from == f32::datum_type() && to != from {
            self.unary(node, Unary::Truncate)
        } else {
            self.view(node, 0)
        }
    }

    /// Whole numbers that older operator sets have as an attribute and newer ones as an input.
    pub(super) fn whole_or_attribute(
        &self,
        node: &NodeProto,
        input: usize,
        name: &str,
    ) -> Option<Vec<i64>> {
        match node.input.get(input).filter(|name| !name.is_empty()) {
            Some(name) => self.whole(name),
            None => attribute(node, name).map(|attribute| attribute.ints.clone()),
        }
    }
}

fn unary(operator: &str) -> Option<Unary> {
    Some(match operator {
        "Neg" => Unary::Negate,
        "Abs" => Unary::Absolute,
        "Relu" => Unary::Relu,
        "Sigmoid" => Unary::Sigmoid,
        "Tanh" => Unary::Tanh,
        "Exp" => Unary::Exp,
        "Log" => Unary::Ln,
        "Sqrt" => Unary::Sqrt,
        "Reciprocal" => Unary::Reciprocal,
        "Erf" => Unary::Erf,
        "Softplus" => Unary::Softplus,
        "Not" => Unary::Not,
        _ => return None,
    })
}
