//! A network that takes a stretch of audio and its state, and gives outputs and the state anew.
//!
//! Every streaming contract has this form: the first input is what is heard, the others are the
//! state; the first output is what was found, the others are the state in the same order. All state
//! begins at zero.

use std::sync::Arc;

use tract_onnx::prelude::*;

use crate::Error;
use crate::graph::{Declared, Fixed, Graph, brief, output_shape};
use crate::guard::MAX_TENSOR_ELEMENTS;
use crate::steps;

/// The most state tensors; the largest public zipformer has 116.
const MAX_STATES: usize = 1_024;

/// The plan and its first state, shared by all streams.
pub(crate) struct Stateful {
    runs: Runs,
    first: Fixed,
    states: Vec<Fixed>,
    /// The first output's shape.
    pub(crate) output: Vec<usize>,
}

/// What computes a stretch.
enum Runs {
    /// Steps of our own.
    Steps(Arc<steps::Plan>),
    /// tract, for a graph with something that the steps do not know.
    Tract {
        plan: Arc<TypedSimplePlan>,
        zero: Vec<TValue>,
        unknown: String,
    },
}

impl Stateful {
    /// Builds the network of a file whose first input gets the given type and shape.
    pub(crate) fn build(graph: &Graph, first: Fixed) -> Result<Self, String> {
        let inputs = graph.inputs();
        let (Some(heard), outputs) = (inputs.first(), graph.outputs().len()) else {
            return Err("it has no input; export it again".to_owned());
        };
        if inputs.len() != outputs || inputs.len() < 2 || inputs.len() > MAX_STATES {
            return Err(format!(
                "it has {} inputs and {outputs} outputs; a streaming network has one state output \
                 for each state input; export the streaming form",
                inputs.len()
            ));
        }
        check_declared(heard, &first)?;
        let states = inputs[1..]
            .iter()
            .map(state_shape)
            .collect::<Result<Vec<_>, _>>()?;
        let total: usize = states.iter().map(|(_, shape)| elements(shape)).sum();
        if total > MAX_TENSOR_ELEMENTS {
            return Err(format!(
                "its state has {total} values, the limit is {MAX_TENSOR_ELEMENTS}"
            ));
        }
        let mut fixed = vec![first.clone()];
        fixed.extend(states.iter().cloned());
        let folded = graph.folded(&fixed)?;
        let names = inputs.iter().map(|input| input.name.clone());
        let given = steps::Given {
            graph: graph.proto().graph.as_ref().ok_or("it holds no graph")?,
            folded: &folded,
            inputs: &names.zip(fixed).collect::<Vec<_>>(),
        };
        let unknown = match steps::Plan::build(&given) {
            Ok(plan) => {
                return Ok(Self {
                    output: plan.output().to_vec(),
                    runs: Runs::Steps(Arc::new(plan)),
                    first,
                    states,
                });
            }
            Err(unknown) => unknown,
        };
        let plan = folded.plan()?;
        for (index, (_, expected)) in states.iter().enumerate() {
            let (_, found) = output_shape(&plan, index + 1)?;
            if found != *expected {
                return Err(format!(
                    "its state `{}` comes out with shape {found:?}, it goes in with {expected:?}; \
                     export it again",
                    inputs[index + 1].name
                ));
            }
        }
        let zero = states
            .iter()
            .map(|(kind, shape)| Tensor::zero_dt(*kind, shape).map(Tensor::into_tvalue))
            .collect::<TractResult<_>>()
            .map_err(|error| brief(&error))?;
        let (_, output) = output_shape(&plan, 0)?;
        Ok(Self {
            runs: Runs::Tract {
                plan,
                zero,
                unknown,
            },
            first,
            states,
            output,
        })
    }

    /// Shape of a state as it goes in, by its place among the states.
    pub(crate) fn state(&self, index: usize) -> Option<&[usize]> {
        self.states.get(index).map(|(_, shape)| &shape[..])
    }

    /// How many state tensors there are.
    pub(crate) fn states(&self) -> usize {
        self.states.len()
    }

    /// What the steps do not know, where tract computes the network.
    pub(crate) fn general_because(&self) -> Option<&str> {
        match &self.runs {
            Runs::Steps(_) => None,
            Runs::Tract { unknown, .. } => Some(unknown),
        }
    }

    /// A stream at its beginning.
    pub(crate) fn begin(&self) -> Result<Flow, Error> {
        Ok(match &self.runs {
            Runs::Steps(plan) => Flow::Steps {
                state: vec![0.0; plan.state_len()],
                plan: Arc::clone(plan),
            },
            Runs::Tract { plan, zero, .. } => Flow::Tract(Box::new(TractFlow {
                run: plan.spawn().map_err(|error| Error::Run(brief(&error)))?,
                first: self.first.clone(),
                zero: zero.clone(),
                state: zero.clone(),
            })),
        })
    }
}

/// One stream's state.
pub(crate) enum Flow {
    Steps {
        plan: Arc<steps::Plan>,
        state: Vec<f32>,
    },
    Tract(Box<TractFlow>),
}

impl Flow {
    /// Runs one stretch, whose values are whole numbers where the first input's are; `found`
    /// becomes the first output's values.
    pub(crate) fn run(&mut self, heard: &[f32], found: &mut Vec<f32>) -> Result<(), Error> {
        match self {
            Self::Steps { plan, state } => {
                check_length(heard.len(), plan.heard_len())?;
                plan.run(heard, state, found);
                Ok(())
            }
            Self::Tract(flow) => copy(&flow.run(heard)?, found),
        }
    }

    /// Forgets all that was heard.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Steps { state, .. } => state.fill(0.0),
            Self::Tract(flow) => flow.state.clone_from(&flow.zero),
        }
    }
}

fn check_length(found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Run(format!(
        "it takes {expected} values, got {found}"
    )))
}

/// One stream's state in tract.
pub(crate) struct TractFlow {
    run: TypedSimpleState,
    first: Fixed,
    zero: Vec<TValue>,
    state: Vec<TValue>,
}

impl TractFlow {
    fn run(&mut self, heard: &[f32]) -> Result<TValue, Error> {
        let failed = |error: TractError| Error::Run(brief(&error));
        check_length(heard.len(), elements(&self.first.1))?;
        let heard = Tensor::from_shape(&self.first.1, heard).map_err(failed)?;
        let heard = heard.cast_to_dt(self.first.0).map_err(failed)?;
        let mut inputs = tvec!(heard.into_owned().into_tvalue());
        inputs.extend(self.state.iter().cloned());
        let mut outputs = self.run.run(inputs).map_err(failed)?.into_iter();
        let found = outputs
            .next()
            .ok_or_else(|| Error::Run("it gave no output".to_owned()))?;
        for (state, (next, zero)) in self.state.iter_mut().zip(outputs.zip(&self.zero)) {
            *state = next_state(next, zero)?;
        }
        Ok(found)
    }
}

/// A state that came out, of the type that it goes in with: whole numbers that were computed from shapes come back as
/// tract's own dimension type.
pub(crate) fn next_state(next: TValue, first: &TValue) -> Result<TValue, Error> {
    if next.datum_type() == first.datum_type() {
        return Ok(next);
    }
    let cast = next.cast_to_dt(first.datum_type());
    let cast = cast.map_err(|error| Error::Run(brief(&error)))?;
    Ok(cast.into_owned().into_tvalue())
}

/// Copies an output's values; a network may give half precision.
pub(crate) fn copy(output: &TValue, values: &mut Vec<f32>) -> Result<(), Error> {
    let failed = |error: TractError| Error::Run(brief(&error));
    let whole = output.cast_to::<f32>().map_err(failed)?;
    values.clear();
    values.extend(whole.to_plain_array_view::<f32>().map_err(failed)?.iter());
    Ok(())
}

/// A state's shape: what the file names rather than counts is the batch, which is 1.
fn state_shape(input: &Declared) -> Result<Fixed, String> {
    let unusable = || {
        format!(
            "its state `{}` has no type and shape that a stream can begin with; export it again",
            input.name
        )
    };
    let kind = input.kind.ok_or_else(unusable)?;
    let dims = input.shape.as_ref().ok_or_else(unusable)?;
    let shape: Vec<usize> = dims
        .iter()
        .map(|dim| usize::try_from(dim.unwrap_or(1)).ok())
        .collect::<Option<_>>()
        .ok_or_else(unusable)?;
    let fits = shape
        .iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(dim))
        .is_some_and(|elements| elements <= MAX_TENSOR_ELEMENTS);
    if fits {
        Ok((kind, shape))
    } else {
        Err(unusable())
    }
}

/// What the file declares of an input must not contradict its metadata.
pub(crate) fn check_declared(input: &Declared, expected: &Fixed) -> Result<(), String> {
    let (kind, shape) = expected;
    if input.kind.is_some_and(|declared| declared != *kind) {
        return Err(format!(
            "input `{}` has type {:?}, its contract says {kind:?}; export it again",
            input.name,
            input.kind.unwrap_or(*kind)
        ));
    }
    let Some(declared) = &input.shape else {
        return Ok(());
    };
    let agrees = declared.len() == shape.len()
        && declared
            .iter()
            .zip(shape)
            .all(|(&declared, &expected)| declared.is_none_or(|d| d == expected as i64));
    if agrees {
        return Ok(());
    }
    let declared: Vec<String> = declared
        .iter()
        .map(|dim| dim.map_or_else(|| "?".to_owned(), |dim| dim.to_string()))
        .collect();
    Err(format!(
        "input `{}` has shape [{}], its metadata says {shape:?}; export it again",
        input.name,
        declared.join(", ")
    ))
}

fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}
