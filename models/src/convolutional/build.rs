//! From an ONNX graph to steps; none where the graph has what the steps cannot do.
//!
//! A node that is not understood only spoils its outputs: what matters is whether the log
//! probabilities and the next state can be computed without them.

mod products;
mod reshape;
mod shapes;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use tract_onnx::pb::{GraphProto, NodeProto};

use super::kernels::{Binary, Linear, Operation, Unary};
use super::{Plan, Sizes, Step};
use crate::nodes::{attribute, axis};
use crate::scratch::{MAX_VALUES, Places};
use shapes::{constant, spread};

/// What a name of the graph stands for.
#[derive(Clone)]
enum Value {
    Computed(View),
    Numbers(Vec<f32>, Vec<usize>),
    /// Whole numbers and their rank.
    Whole(Vec<i64>, usize),
}

/// Values that are computed: part of a slot, without gaps.
#[derive(Clone)]
struct View {
    slot: usize,
    start: usize,
    shape: Vec<usize>,
}

impl View {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn range(&self) -> Range<usize> {
        self.start..self.start + self.len()
    }

    fn last(&self) -> Option<usize> {
        self.shape.last().copied()
    }

    fn meets(&self, other: &Self) -> bool {
        let (a, b) = (self.range(), other.range());
        self.slot == other.slot && a.start < b.end && b.start < a.end
    }
}

/// A step whose slots have no place yet.
struct Draft {
    operation: Operation,
    from: View,
    other: Option<View>,
    to: View,
}

/// Matrices in the order in which they are read, by name: plans of one graph share them.
#[derive(Default)]
pub(crate) struct Shared(HashMap<String, Arc<Linear>>);

struct Builder<'a, 's> {
    shared: &'s mut Shared,
    values: HashMap<&'a str, Value>,
    drafts: Vec<Draft>,
    /// The length of every slot.
    slots: Vec<usize>,
}

impl Plan {
    /// The plan of a graph in the order of the streaming NeMo CTC contract: features first, the
    /// state fourth, log probabilities first and the next state fourth among the outputs.
    pub(crate) fn build(graph: &GraphProto, sizes: &Sizes, shared: &mut Shared) -> Option<Self> {
        let mut builder = Builder {
            shared,
            values: HashMap::new(),
            drafts: Vec::new(),
            slots: Vec::new(),
        };
        for tensor in &graph.initializer {
            if let Some(value) = constant(tensor) {
                builder.values.insert(&tensor.name, value);
            }
        }
        let stored: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        let inputs = graph.input.iter().map(|input| input.name.as_str());
        let inputs: Vec<&str> = inputs.filter(|name| !stored.contains(name)).collect();
        let features = builder.slot(&sizes.features)?;
        let state = builder.slot(&sizes.state)?;
        let mut set =
            |name, view: &View| builder.values.insert(name, Value::Computed(view.clone()));
        set(*inputs.first()?, &features);
        set(*inputs.get(3)?, &state);
        for node in &graph.node {
            builder.node(node);
        }
        let output = |index: usize, shape: &[usize]| {
            let name = graph.output.get(index)?.name.as_str();
            match builder.values.get(name)? {
                Value::Computed(view) if view.shape == shape => Some(view.clone()),
                _ => None,
            }
        };
        let found = output(0, &sizes.log_probabilities)?;
        let next = output(3, &sizes.state)?;
        builder.place(&[features, state], &[found, next])
    }
}

impl<'a> Builder<'a, '_> {
    fn node(&mut self, node: &'a NodeProto) {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return;
        }
        let made = self.outputs(node).unwrap_or_default();
        for (name, value) in node.output.iter().zip(made) {
            self.values.insert(name, value);
        }
    }

    fn outputs(&mut self, node: &NodeProto) -> Option<Vec<Value>> {
        if node.op_type == "Split" {
            return self.split(node);
        }
        let value = match node.op_type.as_str() {
            "Constant" => constant(attribute(node, "value")?.t.as_ref()?)?,
            "Identity" => self.value(node, 0)?.clone(),
            "Add" => self.binary(node, Binary::Add)?,
            "Sub" => self.binary(node, Binary::Subtract)?,
            "Mul" => self.binary(node, Binary::Multiply)?,
            "Div" => self.binary(node, Binary::Divide)?,
            "Pow" if self.scalar(node, 1)? == 2.0 => self.unary(node, Unary::Square)?,
            "Sqrt" => self.unary(node, Unary::Sqrt)?,
            "Relu" => self.unary(node, Unary::Relu)?,
            "Sigmoid" => self.unary(node, Unary::Sigmoid)?,
            "ReduceMean" => self.mean(node)?,
            "LogSoftmax" => self.log_softmax(node)?,
            "MatMul" => self.matmul(node)?,
            "Conv" => self.conv(node)?,
            "Transpose" => self.transpose(node)?,
            "Concat" => self.concat(node)?,
            "Slice" => self.slice(node)?,
            "Gather" => self.gather(node)?,
            "Unsqueeze" => self.unsqueeze(node)?,
            "Squeeze" => self.squeeze(node)?,
            _ => return None,
        };
        Some(vec![value])
    }

    fn value(&self, node: &NodeProto, input: usize) -> Option<&Value> {
        self.values.get(node.input.get(input)?.as_str())
    }

    fn view(&self, node: &NodeProto, input: usize) -> Option<View> {
        match self.value(node, input)? {
            Value::Computed(view) => Some(view.clone()),
            _ => None,
        }
    }

    fn numbers(&self, node: &NodeProto, input: usize) -> Option<(&[f32], &[usize])> {
        match self.value(node, input)? {
            Value::Numbers(values, shape) => Some((values, shape)),
            _ => None,
        }
    }

    fn scalar(&self, node: &NodeProto, input: usize) -> Option<f32> {
        match self.numbers(node, input)? {
            ([value], _) => Some(*value),
            _ => None,
        }
    }

    fn whole(&self, node: &NodeProto, input: usize) -> Option<&[i64]> {
        match self.value(node, input)? {
            Value::Whole(values, _) => Some(values),
            _ => None,
        }
    }

    /// Whole numbers that older operator sets have as an attribute and newer ones as an input.
    fn whole_or_attribute(&self, node: &NodeProto, input: usize, name: &str) -> Option<Vec<i64>> {
        let given = attribute(node, name).map(|attribute| attribute.ints.clone());
        given.or_else(|| self.whole(node, input).map(<[i64]>::to_vec))
    }

    /// A new slot of that shape.
    fn slot(&mut self, shape: &[usize]) -> Option<View> {
        let length = shape
            .iter()
            .try_fold(1usize, |product, &dim| product.checked_mul(dim))
            .filter(|length| (1..=MAX_VALUES).contains(length))?;
        self.slots.push(length);
        Some(View {
            slot: self.slots.len() - 1,
            start: 0,
            shape: shape.to_vec(),
        })
    }

    /// A step into a new slot of that shape.
    fn step(
        &mut self,
        operation: Operation,
        from: View,
        other: Option<View>,
        shape: &[usize],
    ) -> Option<Value> {
        let to = self.slot(shape)?;
        self.drafts.push(Draft {
            operation,
            from,
            other,
            to: to.clone(),
        });
        Some(Value::Computed(to))
    }

    fn unary(&mut self, node: &NodeProto, unary: Unary) -> Option<Value> {
        let from = self.view(node, 0)?;
        let shape = from.shape.clone();
        self.step(Operation::Unary(unary), from, None, &shape)
    }

    fn binary(&mut self, node: &NodeProto, binary: Binary) -> Option<Value> {
        let (a, b) = (self.value(node, 0)?.clone(), self.value(node, 1)?.clone());
        let commutes = matches!(binary, Binary::Add | Binary::Multiply);
        match (a, b) {
            (Value::Computed(a), Value::Numbers(b, shape)) => self.constant(binary, a, b, &shape),
            (Value::Numbers(a, shape), Value::Computed(b)) if commutes => {
                self.constant(binary, b, a, &shape)
            }
            (Value::Computed(a), Value::Computed(b)) if a.len() < b.len() && commutes => {
                self.both(binary, b, a)
            }
            (Value::Computed(a), Value::Computed(b)) => self.both(binary, a, b),
            _ => None,
        }
    }

    fn constant(
        &mut self,
        binary: Binary,
        from: View,
        values: Vec<f32>,
        shape: &[usize],
    ) -> Option<Value> {
        let spread = spread(&from.shape, shape)?;
        let shape = from.shape.clone();
        self.step(
            Operation::Constant(binary, values, spread),
            from,
            None,
            &shape,
        )
    }

    fn both(&mut self, binary: Binary, a: View, b: View) -> Option<Value> {
        let shape = a.shape.clone();
        if a.meets(&b) {
            let is_square = a.range() == b.range() && matches!(binary, Binary::Multiply);
            let square = Operation::Unary(Unary::Square);
            return is_square.then(|| self.step(square, a, None, &shape))?;
        }
        let operation = if a.shape == b.shape {
            Operation::Both(binary)
        } else {
            Operation::Spread(binary, spread(&a.shape, &b.shape)?)
        };
        self.step(operation, a, Some(b), &shape)
    }

    fn mean(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let axes = self.whole_or_attribute(node, 1, "axes")?;
        let kept = attribute(node, "keepdims").is_none_or(|keep| keep.i == 1);
        let [wanted] = axes[..] else { return None };
        if !kept || axis(wanted, from.shape.len())? + 1 != from.shape.len() {
            return None;
        }
        let mut shape = from.shape.clone();
        let width = from.last()?;
        *shape.last_mut()? = 1;
        self.step(Operation::Mean(width), from, None, &shape)
    }

    fn log_softmax(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let wanted = attribute(node, "axis").map_or(-1, |axis| axis.i);
        if axis(wanted, from.shape.len())? + 1 != from.shape.len() {
            return None;
        }
        let (shape, width) = (from.shape.clone(), from.last()?);
        self.step(Operation::LogSoftmax(width), from, None, &shape)
    }

    /// Gives every slot a place for as long as it is needed.
    fn place(self, inputs: &[View; 2], outputs: &[View; 2]) -> Option<Plan> {
        let mut last_use = vec![0; self.slots.len()];
        for (number, draft) in self.drafts.iter().enumerate() {
            let views = [Some(&draft.from), draft.other.as_ref(), Some(&draft.to)];
            for view in views.into_iter().flatten() {
                last_use[view.slot] = number;
            }
        }
        for view in outputs {
            last_use[view.slot] = usize::MAX;
        }
        let mut places = Places::default();
        for view in inputs {
            places.take(view.slot, self.slots[view.slot], last_use[view.slot])?;
        }
        let mut steps = Vec::new();
        for (number, draft) in self.drafts.into_iter().enumerate() {
            let slot = draft.to.slot;
            if places.start(slot).is_none() {
                places.free_before(number);
                places.take(slot, self.slots[slot], last_use[slot])?;
            }
            steps.push(Step {
                from: place(&places, &draft.from)?,
                other: match &draft.other {
                    Some(view) => Some(place(&places, view)?),
                    None => None,
                },
                to: place(&places, &draft.to)?,
                operation: draft.operation,
            });
        }
        Some(Plan {
            steps,
            scratch: places.end(),
            features: place(&places, &inputs[0])?,
            state: place(&places, &inputs[1])?,
            log_probabilities: place(&places, &outputs[0])?,
            next_state: place(&places, &outputs[1])?,
        })
    }
}

fn place(places: &Places, view: &View) -> Option<Range<usize>> {
    let start = places.start(view.slot)? + view.start;
    Some(start..start + view.len())
}
