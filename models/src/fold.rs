//! Turns a graph whose shapes are computed into one whose shapes are fixed.
//!
//! Exported streaming networks compute shapes as they run: `Shape`, `Gather`, `Range`, `Expand`.
//! Once the batch is one, all of that is constant. tract folds it while it infers shapes; what is
//! ours is the order (one pass in the file's order, so that each value is known when it is needed),
//! the budget (a constant is measured before it is made), a `Range` that counts downwards, and a
//! `LogSoftmax` that stays finite.

use tract_onnx::Onnx;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};
// Not expected: clippy lets tests import so, and this is compiled for them too.
#[allow(
    clippy::wildcard_imports,
    reason = "the prelude of those who write operators"
)]
use tract_onnx::tract_hir::internal::*;

use crate::graph::brief;
use crate::guard::MAX_TENSOR_ELEMENTS;

/// Makes tract read `Range` as this module does.
pub(crate) fn register(onnx: &mut Onnx) {
    onnx.op_register
        .insert("Range", |_, _| Ok((expand(FixedRange), vec![])));
    onnx.op_register.insert("LogSoftmax", |context, node| {
        let axis = node.attribute.iter().find(|each| each.name == "axis");
        // Before operator set 13 all axes from the given one on were one.
        let joined = context.onnx_operator_set_version < 13;
        let axis = axis.map_or(if joined { 1 } else { -1 }, |axis| axis.i);
        Ok((expand(LogSoftmax { axis, joined }), vec![]))
    });
}

/// Infers every shape and value that the inputs' shapes decide.
///
/// The message names the node that has no fixed shape, or that would take too much memory.
pub(crate) fn fold(model: &mut InferenceModel) -> Result<(), String> {
    let mut budget = MAX_TENSOR_ELEMENTS;
    for node in 0..model.nodes().len() {
        let constant = expected_constant(model, node)?;
        budget = budget.checked_sub(constant).ok_or_else(|| {
            format!(
                "node `{}` would make its constants more than {MAX_TENSOR_ELEMENTS} values; fold \
                 constants when exporting",
                model.node(node).name
            )
        })?;
        infer(model, node).map_err(|error| at_node(model, node, &error))?;
    }
    model.analyse(false).map_err(|error| brief(&error))?;
    check_sizes(model)
}

/// Infers what one node's inputs decide, as tract's own analysis does for a whole graph.
fn infer(model: &mut InferenceModel, id: usize) -> TractResult<()> {
    let (inputs, outputs) = model.node_facts(id)?;
    let inputs: TVec<InferenceFact> = inputs.into_iter().cloned().collect();
    let outputs: TVec<InferenceFact> = outputs.into_iter().cloned().collect();
    let node = model.node(id);
    let sources = node.inputs.clone();
    let observed = node.op.observe_outlets(model, node)?;
    let observed_facts = observed
        .iter()
        .map(|outlet| model.outlet_fact(*outlet).cloned())
        .collect::<TractResult<TVec<_>>>()?;
    let (inputs, outputs, observed_facts) = model.node_mut(id).op.infer(
        inputs.iter().collect(),
        outputs.iter().collect(),
        observed_facts.iter().collect(),
    )?;
    let targets = (0..outputs.len()).map(|slot| OutletId::new(id, slot));
    let outlets = sources.into_iter().chain(targets).chain(observed);
    let facts = inputs.into_iter().chain(outputs).chain(observed_facts);
    for (outlet, fact) in outlets.zip(facts) {
        let unified = model.outlet_fact(outlet)?.unify(&fact)?;
        model.set_outlet_fact(outlet, unified)?;
    }
    Ok(())
}

/// How many values the node's evaluation would make; none when it waits for the audio.
fn expected_constant(model: &InferenceModel, id: usize) -> Result<usize, String> {
    let failed = |error: TractError| at_node(model, id, &error);
    let (inputs, outputs) = model.node_facts(id).map_err(failed)?;
    if inputs.is_empty() || !inputs.iter().all(|fact| fact.value.is_concrete()) {
        return Ok(0);
    }
    let node = model.node(id);
    let mut op: Box<dyn InferenceOp> = node.op.clone();
    let observed = node.op.observe_outlets(model, node).map_err(failed)?;
    let observed = observed
        .iter()
        .map(|outlet| model.outlet_fact(*outlet))
        .collect::<TractResult<_>>()
        .map_err(failed)?;
    let (inputs, outputs, _) = op.infer_facts(inputs, outputs, observed).map_err(failed)?;
    let mut total = 0usize;
    for output in &outputs {
        let elements = match concrete(output) {
            Some(shape) => product(&shape),
            // Without a shape, what such an operator can make at most: all its inputs multiplied.
            None => product(
                &inputs
                    .iter()
                    .map(|input| {
                        concrete(input)
                            .and_then(|shape| product(&shape))
                            .unwrap_or(1)
                    })
                    .collect::<Vec<_>>(),
            ),
        };
        total = elements
            .and_then(|elements| total.checked_add(elements))
            .filter(|&total| total <= MAX_TENSOR_ELEMENTS)
            .ok_or_else(|| {
                format!(
                    "node `{}` computes a constant of too many values; the limit is \
                     {MAX_TENSOR_ELEMENTS}",
                    node.name
                )
            })?;
    }
    Ok(total)
}

/// Refuses a graph that has a shape left open, or whose tensors would not fit in memory.
fn check_sizes(model: &InferenceModel) -> Result<(), String> {
    let mut total = 0usize;
    for node in model.nodes() {
        for output in &node.outputs {
            if output.successors.is_empty() && output.fact.shape.rank().concretize().is_none() {
                continue;
            }
            let Some(shape) = concrete(&output.fact) else {
                return Err(format!(
                    "node `{}` ({}) has no fixed shape; export with fixed shapes",
                    node.name,
                    node.op.name()
                ));
            };
            total = product(&shape)
                .and_then(|elements| total.checked_add(elements))
                .filter(|&total| total <= 2 * MAX_TENSOR_ELEMENTS)
                .ok_or_else(|| {
                    format!(
                        "node `{}` makes a tensor of shape {shape:?}; the limit is {} values for a \
                         whole network",
                        node.name,
                        2 * MAX_TENSOR_ELEMENTS
                    )
                })?;
        }
    }
    Ok(())
}

fn concrete(fact: &InferenceFact) -> Option<TVec<usize>> {
    fact.shape.as_concrete_finite().ok().flatten()
}

fn product(sizes: &[usize]) -> Option<usize> {
    sizes
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
}

fn at_node(model: &InferenceModel, id: usize, error: &TractError) -> String {
    let node = model.node(id);
    format!(
        "node `{}` ({}): {}",
        node.name,
        node.op.name(),
        brief(error)
    )
}

/// ONNX `Range` between constants, upwards or downwards.
///
/// tract's own casts a negative step into an unsigned one while it infers the length.
#[derive(Clone, Debug)]
struct FixedRange;

impl Expansion for FixedRange {
    fn name(&self) -> StaticName {
        "Range".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        for input in inputs {
            solver.equals(&input.rank, 0)?;
        }
        solver.equals(&outputs[0].rank, 1)?;
        solver.given_3(
            &inputs[0].value,
            &inputs[1].value,
            &inputs[2].value,
            move |solver, start, limit, step| {
                let count = RangeBounds::read(&start, &limit, &step)?.count()?;
                solver.equals(&outputs[0].datum_type, range_type(&start))?;
                solver.equals(&outputs[0].shape[0], count.to_dim())
            },
        )
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut bounds = Vec::new();
        for input in inputs {
            let Some(value) = model.outlet_fact(*input)?.konst.clone() else {
                bail!("its bounds are computed from the audio; export with fixed shapes");
            };
            bounds.push(value);
        }
        let [start, limit, step] = &bounds[..] else {
            bail!("it must have three inputs");
        };
        let values = RangeBounds::read(start, limit, step)?.values()?;
        let range = values.cast_to_dt(range_type(start))?.into_owned();
        Ok(tvec!(model.add_const(prefix, range)?))
    }
}

fn range_type(start: &Tensor) -> DatumType {
    if start.datum_type() == TDim::datum_type() {
        i64::datum_type()
    } else {
        start.datum_type()
    }
}

/// Start, limit and step as one type.
enum RangeBounds {
    Whole(i64, i64, i64),
    Real(f64, f64, f64),
}

impl RangeBounds {
    fn read(start: &Tensor, limit: &Tensor, step: &Tensor) -> TractResult<Self> {
        if start.datum_type().is_float() {
            Ok(Self::Real(
                start.cast_to_scalar::<f64>()?,
                limit.cast_to_scalar::<f64>()?,
                step.cast_to_scalar::<f64>()?,
            ))
        } else {
            Ok(Self::Whole(whole(start)?, whole(limit)?, whole(step)?))
        }
    }

    fn count(&self) -> TractResult<usize> {
        let count = match *self {
            Self::Whole(_, _, 0) => bail!("its step is 0"),
            Self::Whole(start, limit, step) => {
                let (span, step) = (i128::from(limit) - i128::from(start), i128::from(step));
                let steps = span / step + i128::from(span % step != 0 && (span < 0) == (step < 0));
                usize::try_from(steps.max(0)).unwrap_or(usize::MAX)
            }
            Self::Real(start, limit, step) => ((limit - start) / step).ceil().max(0.0) as usize,
        };
        ensure!(
            count <= MAX_TENSOR_ELEMENTS,
            "it has {count} values, the limit is {MAX_TENSOR_ELEMENTS}"
        );
        Ok(count)
    }

    fn values(&self) -> TractResult<Tensor> {
        let count = self.count()?;
        Ok(match *self {
            Self::Whole(start, _, step) => {
                let values: Vec<i64> = (0..count as i64)
                    .map(|index| start.wrapping_add(step.wrapping_mul(index)))
                    .collect();
                tensor1(&values)
            }
            Self::Real(start, _, step) => {
                let values: Vec<f64> = (0..count)
                    .map(|index| start + step * index as f64)
                    .collect();
                tensor1(&values)
            }
        })
    }
}

fn whole(value: &Tensor) -> TractResult<i64> {
    value.cast_to_scalar::<i64>()
}

/// ONNX `LogSoftmax`, finite for what is very unlikely too.
///
/// tract's own takes the logarithm of a softmax, which is 0 below e^-103.
#[derive(Clone, Debug)]
struct LogSoftmax {
    axis: i64,
    joined: bool,
}

impl Expansion for LogSoftmax {
    fn name(&self) -> StaticName {
        "LogSoftmax".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.equals(&inputs[0].shape, &outputs[0].shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let rank = model.outlet_fact(inputs[0])?.rank() as i64;
        let axis = if self.axis < 0 {
            rank + self.axis
        } else {
            self.axis
        };
        ensure!((0..rank).contains(&axis), "its axis is {}", self.axis);
        let axis = axis as usize;
        let normalised = if self.joined {
            (axis..rank as usize).collect()
        } else {
            tvec!(axis)
        };
        let softmax = Softmax {
            axes: normalised,
            quant_output_dt: None,
            kind: SoftmaxKind::LogSoftmax,
        };
        model.wire_node(prefix, softmax, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: i64, limit: i64, step: i64) -> Vec<i64> {
        let bounds = RangeBounds::Whole(start, limit, step);
        let values = bounds.values().unwrap();
        values
            .to_plain_array_view::<i64>()
            .unwrap()
            .iter()
            .copied()
            .collect()
    }

    #[test]
    fn a_range_counts_up_and_down() {
        assert_eq!(range(0, 5, 2), [0, 2, 4]);
        assert_eq!(range(4, -1, -1), [4, 3, 2, 1, 0]);
        assert_eq!(range(4, 0, -3), [4, 1]);
        for (start, limit, step) in [(0, 5, -1), (5, 0, 1), (3, 3, 1)] {
            assert!(range(start, limit, step).is_empty());
        }
    }

    #[test]
    fn a_range_is_measured_before_it_is_made() {
        assert!(RangeBounds::Whole(0, i64::MAX, 1).values().is_err());
        assert!(RangeBounds::Whole(i64::MIN, i64::MAX, 1).count().is_err());
        assert!(RangeBounds::Whole(0, 1, 0).count().is_err());
        assert!(RangeBounds::Real(0.0, 1e30, 1e-9).count().is_err());
    }
}
