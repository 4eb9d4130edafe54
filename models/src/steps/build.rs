//! From an ONNX graph whose shapes are known to steps.
//!
//! What the inputs' shapes decide has been computed before ([`crate::fold`]) and is a constant here.
//! A node that is not understood only spoils its outputs: what matters is whether the first output
//! and the next state can be computed without them.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::access::Access;
use super::chain::{Argument, Chain, Node};
use super::view::View;
use super::{Operation, Plan, fuse, integer, matrix, place};
use crate::graph::{Fixed, Folded};

/// The most values of one tensor, and of all tables that steps read.
pub(super) const MAX_VALUES: usize = 1 << 24;

/// A graph, and what its inputs get.
pub(crate) struct Given<'a> {
    pub(crate) graph: &'a GraphProto,
    pub(crate) folded: &'a Folded,
    /// Names, types and shapes of what is heard and of the state, in the file's order.
    pub(crate) inputs: &'a [(String, Fixed)],
}

/// What a name of the graph stands for.
#[derive(Clone)]
pub(super) enum Value {
    Computed(View),
    /// Values, and the scale by which they become whole numbers of 8 bits.
    Quantised(View, View),
}

/// Where a slot's values live.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Home {
    Scratch,
    Constants(usize),
    Heard,
    State(usize),
}

pub(super) struct Slot {
    pub(super) length: usize,
    pub(super) home: Home,
}

/// A step whose slots have no place yet.
pub(super) struct Draft {
    pub(super) work: Work,
    pub(super) from: Vec<View>,
    pub(super) to: View,
}

pub(super) enum Work {
    /// The inputs of the chain are what the draft reads.
    Chain(Vec<Node>),
    Copy,
    Other(Operation),
}

pub(super) struct Builder<'a> {
    pub(super) given: &'a Given<'a>,
    pub(super) values: HashMap<&'a str, Value>,
    pub(super) drafts: Vec<Draft>,
    pub(super) slots: Vec<Slot>,
    pub(super) constants: Vec<f32>,
    /// Slots of constants that steps read, by name.
    pooled: HashMap<String, View>,
    /// How often each name is read.
    uses: HashMap<&'a str, usize>,
    pub(super) weights: HashMap<String, Arc<matrix::Weights>>,
    pub(super) integer_weights: HashMap<String, Arc<integer::Weights>>,
    /// What is left of [`MAX_VALUES`] for tables.
    tables: usize,
}

impl Plan {
    /// The plan of a graph, or the first node that steps cannot do.
    pub(crate) fn build(given: &Given<'_>) -> Result<Self, String> {
        let mut builder = Builder::new(given).ok_or("its inputs are of other types")?;
        let mut unknown = None;
        for node in &given.graph.node {
            if builder.node(node).is_none() && unknown.is_none() {
                unknown = Some(format!("node `{}` ({})", node.name, node.op_type));
            }
        }
        let unknown = unknown.unwrap_or_else(|| "its outputs".to_owned());
        builder.finish().ok_or(unknown)
    }
}

impl<'a> Builder<'a> {
    fn new(given: &'a Given<'a>) -> Option<Self> {
        let mut builder = Self {
            given,
            values: HashMap::new(),
            drafts: Vec::new(),
            slots: Vec::new(),
            constants: Vec::new(),
            pooled: HashMap::new(),
            uses: HashMap::new(),
            weights: HashMap::new(),
            integer_weights: HashMap::new(),
            tables: MAX_VALUES,
        };
        let read = given.graph.node.iter().flat_map(|node| &node.input);
        let outputs = given.graph.output.iter().map(|output| &output.name);
        for name in read.chain(outputs) {
            *builder.uses.entry(name).or_default() += 1;
        }
        let mut state = 0;
        for (number, (name, (kind, shape))) in given.inputs.iter().enumerate() {
            if !is_known(*kind) {
                return None;
            }
            let home = if number == 0 {
                Home::Heard
            } else {
                Home::State(state)
            };
            let view = builder.slot(shape, home)?;
            state += if number == 0 { 0 } else { view.len() };
            builder.values.insert(name, Value::Computed(view));
        }
        Some(builder)
    }

    /// Registers what a node gives; none if that is not understood.
    fn node(&mut self, node: &'a NodeProto) -> Option<()> {
        if node
            .output
            .iter()
            .all(|name| self.constant(name).is_some() || name.is_empty())
        {
            return Some(());
        }
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return None;
        }
        let is_known = |name: &String| self.kind(name).is_some_and(is_known);
        let mut computed = node.output.iter().filter(|name| !name.is_empty());
        if !computed.all(is_known) && node.op_type != "DynamicQuantizeLinear" {
            return None;
        }
        let made = self.operator(node)?;
        for (name, value) in node.output.iter().zip(made) {
            self.values.insert(name, value);
        }
        Some(())
    }

    /// A constant, if the name is one.
    pub(super) fn constant(&self, name: &str) -> Option<Arc<Tensor>> {
        self.given.folded.fact(name)?.value.concretize()
    }

    pub(super) fn kind(&self, name: &str) -> Option<DatumType> {
        self.given.folded.fact(name)?.datum_type.concretize()
    }

    /// The shape that a name's values have.
    pub(super) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let fact = self.given.folded.fact(name)?;
        let shape = fact.shape.as_concrete_finite().ok().flatten()?;
        Some(shape.to_vec())
    }

    /// The shape of a node's first output.
    pub(super) fn result(&self, node: &NodeProto) -> Option<Vec<usize>> {
        self.shape(node.output.first()?)
    }

    /// A constant's numbers and shape.
    pub(super) fn numbers(&self, name: &str) -> Option<(Vec<f32>, Vec<usize>)> {
        let tensor = self.constant(name)?;
        if !is_known(tensor.datum_type()) || tensor.len() > MAX_VALUES {
            return None;
        }
        let shape = tensor.shape().to_vec();
        let tensor = tensor.cast_to::<f32>().ok()?;
        let values = tensor.to_plain_array_view::<f32>().ok()?;
        Some((values.iter().copied().collect(), shape))
    }

    /// A constant's whole numbers.
    pub(super) fn whole(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.constant(name)?;
        if tensor.len() > MAX_VALUES {
            return None;
        }
        let tensor = tensor.cast_to::<i64>().ok()?;
        let values = tensor.to_plain_array_view::<i64>().ok()?;
        Some(values.iter().copied().collect())
    }

    /// The values of a node's input; constants are pooled.
    pub(super) fn view(&mut self, node: &NodeProto, input: usize) -> Option<View> {
        let name = node.input.get(input)?;
        match self.values.get(name.as_str()) {
            Some(Value::Computed(view)) => return Some(view.clone()),
            Some(Value::Quantised(..)) => return None,
            None => {}
        }
        if let Some(view) = self.pooled.get(name) {
            return Some(view.clone());
        }
        let (values, shape) = self.numbers(name)?;
        let view = self.slot(&shape, Home::Constants(self.constants.len()))?;
        self.constants.extend(values);
        self.pooled.insert(name.clone(), view.clone());
        Some(view)
    }

    pub(super) fn value(&self, node: &NodeProto, input: usize) -> Option<&Value> {
        self.values.get(node.input.get(input)?.as_str())
    }

    /// What an operation on each value reads.
    pub(super) fn argument(
        &mut self,
        node: &NodeProto,
        input: usize,
        shape: &[usize],
        from: &mut Vec<View>,
    ) -> Option<Argument> {
        let name = node.input.get(input)?;
        if let Some(tensor) = self.constant(name)
            && tensor.len() == 1
        {
            return Some(Argument::Number(*self.numbers(name)?.0.first()?));
        }
        from.push(self.view(node, input)?.spread(shape)?);
        Some(Argument::Input(from.len() - 1))
    }

    /// A new slot of that shape.
    pub(super) fn slot(&mut self, shape: &[usize], home: Home) -> Option<View> {
        let length = shape
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size))
            .filter(|length| (1..=MAX_VALUES).contains(length))?;
        self.slots.push(Slot { length, home });
        Some(View::whole(self.slots.len() - 1, shape))
    }

    /// A step into a new slot of that shape.
    pub(super) fn step(&mut self, work: Work, from: Vec<View>, shape: &[usize]) -> Option<View> {
        let to = self.slot(shape, Home::Scratch)?;
        let made = to.clone();
        self.drafts.push(Draft { work, from, to });
        Some(made)
    }

    pub(super) fn other(
        &mut self,
        operation: Operation,
        from: Vec<View>,
        shape: &[usize],
    ) -> Option<View> {
        self.step(Work::Other(operation), from, shape)
    }

    /// The same values without gaps.
    pub(super) fn dense(&mut self, view: View) -> Option<View> {
        if view.is_dense() {
            return Some(view);
        }
        let shape = view.shape.clone();
        self.step(Work::Copy, vec![view], &shape)
    }

    /// The same values in another shape.
    pub(super) fn shaped(&mut self, view: View, shape: &[usize]) -> Option<View> {
        if let Some(view) = view.shaped(shape) {
            return Some(view);
        }
        self.dense(view)?.shaped(shape)
    }

    /// Takes so many values of a table from what is left for them.
    pub(super) fn table(&mut self, values: usize) -> Option<()> {
        self.tables = self.tables.checked_sub(values)?;
        Some(())
    }

    /// Whether a slot's values are read once only, by each of the names that they have.
    pub(super) fn is_read_once(&self, slot: usize) -> bool {
        let mut values = self.values.iter();
        values.all(|(name, value)| match value {
            Value::Computed(view) if view.slot == slot => self.uses.get(name) == Some(&1),
            _ => true,
        })
    }

    fn finish(mut self) -> Option<Plan> {
        let graph = self.given.graph;
        let mut outputs = Vec::new();
        for output in &graph.output {
            let Some(Value::Computed(view)) = self.values.get(output.name.as_str()) else {
                return None;
            };
            outputs.push(view.clone());
        }
        // What was heard and the old state are not where the plan's results are read.
        for (number, view) in outputs.iter_mut().enumerate() {
            let is_elsewhere = self.slots[view.slot].home != Home::Scratch;
            if is_elsewhere || number == 0 && !view.is_dense() {
                let shape = view.shape.clone();
                *view = self.step(Work::Copy, vec![view.clone()], &shape)?;
            }
        }
        for ((_, (_, shape)), output) in self.given.inputs.iter().zip(&outputs).skip(1) {
            if output.shape != *shape {
                return None;
            }
        }
        fuse::fuse(&mut self.drafts, &self.slots, &outputs);
        place::place(self, &outputs)
    }
}

impl Draft {
    /// The operation in its final form.
    pub(super) fn operation(self) -> Option<Operation> {
        Some(match self.work {
            Work::Chain(nodes) => Operation::Chain(super::Program::new(&Chain {
                inputs: self.from,
                nodes,
            })?),
            Work::Copy => Operation::Copy(Access::of(self.from.first()?), Access::of(&self.to)),
            Work::Other(operation) => operation,
        })
    }
}

/// Types whose values are kept as floats: whole numbers count frames or choose, far below 2^24.
fn is_known(kind: DatumType) -> bool {
    kind == f32::datum_type()
        || kind == i64::datum_type()
        || kind == i32::datum_type()
        || kind == bool::datum_type()
        || kind == TDim::datum_type()
}
