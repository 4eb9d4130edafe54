//! From an ONNX graph to steps; none where the graph has what the steps cannot do.
//!
//! A node that is not understood only spoils its outputs: what matters is whether the log
//! probabilities and the next state can be computed without them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::kernels::{Binary, Depthwise, Linear, Operation, Spread, Strides, Unary, Unfold};
use super::{Plan, Sizes, Step};
use crate::scratch::{MAX_VALUES, Places};

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

    fn matmul(&mut self, node: &NodeProto) -> Option<Value> {
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

    fn conv(&mut self, node: &NodeProto) -> Option<Value> {
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

    fn transpose(&mut self, node: &NodeProto) -> Option<Value> {
        let mut from = self.view(node, 0)?;
        let [1, rows, columns] = from.shape[..] else {
            return None;
        };
        match attribute(node, "perm")?.ints[..] {
            [0, 2, 1] if rows == 1 || columns == 1 => {
                from.shape = vec![1, columns, rows];
                Some(Value::Computed(from))
            }
            [0, 2, 1] => self.step(
                Operation::Transpose { columns },
                from,
                None,
                &[1, columns, rows],
            ),
            _ => None,
        }
    }

    fn concat(&mut self, node: &NodeProto) -> Option<Value> {
        let parts: Vec<View> = (0..node.input.len())
            .map(|input| self.view(node, input))
            .collect::<Option<_>>()?;
        let first = parts.first()?;
        let axis = axis(attribute(node, "axis")?.i, first.shape.len())?;
        let mut shape = first.shape.clone();
        shape[axis] = parts
            .iter()
            .map(|part| part.shape.get(axis))
            .sum::<Option<usize>>()?;
        let agrees = |part: &View| {
            let mut dims = part.shape.iter().zip(&shape).enumerate();
            part.shape.len() == shape.len() && dims.all(|(at, (a, b))| at == axis || a == b)
        };
        if !parts.iter().all(agrees) {
            return None;
        }
        let count = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        let to = self.slot(&shape)?;
        let mut to_start = 0;
        for from in parts {
            let length = from.shape[axis] * inner;
            let strides = Strides {
                count,
                length,
                from_start: 0,
                from_step: length,
                to_start,
                to_step: shape[axis] * inner,
            };
            to_start += length;
            self.drafts.push(Draft {
                operation: Operation::Copy(strides),
                from,
                other: None,
                to: to.clone(),
            });
        }
        Some(Value::Computed(to))
    }

    /// Part of one axis: the same values where they lie side by side, a copy where not.
    fn part(&mut self, from: &View, axis: usize, range: Range<usize>) -> Option<Value> {
        let length = *from.shape.get(axis)?;
        if range.is_empty() || range.end > length {
            return None;
        }
        let mut shape = from.shape.clone();
        shape[axis] = range.len();
        let count: usize = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        if count == 1 {
            let start = from.start + range.start * inner;
            let slot = from.slot;
            return Some(Value::Computed(View { slot, start, shape }));
        }
        let strides = Strides {
            count,
            length: range.len() * inner,
            from_start: range.start * inner,
            from_step: length * inner,
            to_start: 0,
            to_step: range.len() * inner,
        };
        self.step(Operation::Copy(strides), from.clone(), None, &shape)
    }

    fn slice(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let one = |input| match self.whole(node, input)? {
            [value] => Some(*value),
            _ => None,
        };
        let (start, end) = (one(1)?, one(2)?);
        let axis = match node.input.get(3).filter(|name| !name.is_empty()) {
            Some(_) => axis(one(3)?, from.shape.len())?,
            None => 0,
        };
        let has_step = node.input.get(4).is_some_and(|name| !name.is_empty());
        if has_step && one(4)? != 1 {
            return None;
        }
        let length = from.shape[axis] as i64;
        let place = |at: i64| {
            (if at < 0 {
                at.saturating_add(length)
            } else {
                at
            })
            .clamp(0, length)
        };
        self.part(&from, axis, place(start) as usize..place(end) as usize)
    }

    fn split(&mut self, node: &NodeProto) -> Option<Vec<Value>> {
        let from = self.view(node, 0)?;
        let axis = axis(attribute(node, "axis").map_or(0, |a| a.i), from.shape.len())?;
        let length = from.shape[axis];
        let sizes = match self.whole_or_attribute(node, 1, "split") {
            Some(sizes) => sizes.iter().map(|&size| size as usize).collect(),
            None if length.is_multiple_of(node.output.len()) => {
                vec![length / node.output.len(); node.output.len()]
            }
            None => return None,
        };
        let mut start = 0usize;
        let mut parts = Vec::new();
        for size in sizes {
            let end = start.checked_add(size)?;
            parts.push(self.part(&from, axis, start..end)?);
            start = end;
        }
        Some(parts)
    }

    fn gather(&mut self, node: &NodeProto) -> Option<Value> {
        let from = self.view(node, 0)?;
        let index = match self.value(node, 1)? {
            Value::Whole(values, 0) => *values.first()?,
            _ => return None,
        };
        let axis = axis(attribute(node, "axis").map_or(0, |a| a.i), from.shape.len())?;
        let length = from.shape[axis] as i64;
        let index = if index < 0 { index + length } else { index };
        let index = usize::try_from(index).ok()?;
        match self.part(&from, axis, index..index + 1)? {
            Value::Computed(mut part) => {
                part.shape.remove(axis);
                Some(Value::Computed(part))
            }
            _ => None,
        }
    }

    fn unsqueeze(&mut self, node: &NodeProto) -> Option<Value> {
        let mut view = self.view(node, 0)?;
        let axes = self.whole_or_attribute(node, 1, "axes")?;
        let rank = view.shape.len() + axes.len();
        let mut axes: Vec<usize> = axes
            .iter()
            .map(|&at| axis(at, rank))
            .collect::<Option<_>>()?;
        axes.sort_unstable();
        for at in axes {
            if at > view.shape.len() {
                return None;
            }
            view.shape.insert(at, 1);
        }
        Some(Value::Computed(view))
    }

    fn squeeze(&mut self, node: &NodeProto) -> Option<Value> {
        let mut view = self.view(node, 0)?;
        let axes = self.whole_or_attribute(node, 1, "axes")?;
        let [wanted] = axes[..] else { return None };
        let at = axis(wanted, view.shape.len())?;
        (view.shape.remove(at) == 1).then_some(Value::Computed(view))
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

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
}

/// An axis counted from either end.
fn axis(wanted: i64, rank: usize) -> Option<usize> {
    let axis = if wanted < 0 {
        wanted.checked_add(rank as i64)?
    } else {
        wanted
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// How values of a shape spread over those of another one, if they do so evenly.
fn spread(over: &[usize], shape: &[usize]) -> Option<Spread> {
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

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    (0..values.len())
        .map(|at| values[at % rows * columns + at / rows])
        .collect()
}

/// A stored tensor of 32 bit floats or 64 bit whole numbers.
fn constant(tensor: &TensorProto) -> Option<Value> {
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
