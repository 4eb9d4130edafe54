//! Imported networks as a list of steps instead of a general graph runtime.
//!
//! A chunk of a streaming transformer is thousands of operators on a few thousand values each, most
//! of which only compute shapes. Here everything that the shapes decide is known when the file is
//! read ([`build`]); turning, cutting and repeating tensors costs nothing ([`view`]); what is done
//! to each value by itself becomes one step ([`fuse`], [`chain`]); weights lie in the order in which
//! they are read ([`matrix`], [`integer`]); and every result has a fixed place in one scratch buffer
//! ([`place`]). Figures: `docs/benchmarks.md`.
//!
//! [`Plan::build`] knows the operators that such exports have; a graph with any other one is tract's.

mod access;
mod build;
mod chain;
mod convolve;
mod fuse;
mod integer;
pub(crate) mod math;
mod matrix;
mod normalise;
mod operators;
mod place;
mod products;
mod rows;
mod shapes;
mod view;

use std::cell::RefCell;
use std::ops::Range;

use access::Access;
pub(crate) use build::Given;
use chain::{Program, Registers};
use integer::IntegerLinear;
use matrix::{Bench, Convolution, Depthwise, Linear, Product};
use rows::Reduction;

/// A network as a list of steps; shared by all streams.
pub(crate) struct Plan {
    steps: Vec<Step>,
    /// Values of the scratch buffer.
    scratch: usize,
    /// Values that the steps read and that are the same for every chunk.
    constants: Vec<f32>,
    heard: usize,
    state: usize,
    output: Vec<usize>,
    found: Range<usize>,
    /// Where the next state lies in the scratch buffer, and where it belongs.
    next: Vec<(Source, Range<usize>)>,
}

/// Values in memory, and their order.
struct Source {
    from: Place,
    access: Access,
}

/// Which memory, and which part of it.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Scratch(Range<usize>),
    Constants(Range<usize>),
    Heard(Range<usize>),
    State(Range<usize>),
}

/// One operation, what it reads, and where in the scratch buffer it writes.
struct Step {
    operation: Operation,
    from: Vec<Place>,
    to: Range<usize>,
}

/// What a step does.
enum Operation {
    Chain(Program),
    /// Values to where the second says.
    Copy(Access, Access),
    /// Values at these places.
    Pick(Vec<u32>),
    Linear(Linear),
    Integer(IntegerLinear),
    Product(Product),
    Convolution(Convolution),
    Depthwise(Depthwise),
    Softmax {
        width: usize,
        is_logarithm: bool,
    },
    Reduce(Reduction, usize),
    Cumulate(usize),
    /// Step and zero of a scale of 8 bits.
    Scale,
}

/// What a thread needs whatever stream it hears; a chunk leaves nothing in it.
#[derive(Default)]
struct Workplace {
    scratch: Vec<f32>,
    bench: Bench,
    whole: Vec<i16>,
    registers: Registers,
}

thread_local! {
    static WORKPLACE: RefCell<Workplace> = RefCell::default();
}

impl Plan {
    /// Values of the state; all zero at the beginning.
    pub(crate) const fn state_len(&self) -> usize {
        self.state
    }

    /// Values of what one run hears.
    pub(crate) const fn heard_len(&self) -> usize {
        self.heard
    }

    /// Shape of the first output.
    pub(crate) fn output(&self) -> &[usize] {
        &self.output
    }

    /// Hears one window; the state in and out, the first output out.
    ///
    /// # Panics
    /// If the slices do not have the sizes that the plan was built for.
    pub(crate) fn run(&self, heard: &[f32], state: &mut [f32], found: &mut Vec<f32>) {
        assert_eq!((heard.len(), state.len()), (self.heard, self.state));
        WORKPLACE.with_borrow_mut(|workplace| {
            if workplace.scratch.len() < self.scratch {
                workplace.scratch.resize(self.scratch, 0.0);
            }
            dispatch(self, heard, state, workplace);
            found.clear();
            found.extend_from_slice(&workplace.scratch[self.found.clone()]);
        });
    }
}

/// Runs the steps with the best instructions that the processor has.
fn dispatch(plan: &Plan, heard: &[f32], state: &mut [f32], workplace: &mut Workplace) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        #[target_feature(enable = "avx2,fma")]
        fn with_avx2(plan: &Plan, heard: &[f32], state: &mut [f32], workplace: &mut Workplace) {
            execute::<true>(plan, heard, state, workplace);
        }
        #[expect(
            unsafe_code,
            reason = "twice as fast as the instructions that every x86-64 has"
        )]
        // SAFETY: the processor has just been asked for these very features.
        unsafe {
            with_avx2(plan, heard, state, workplace);
        }
        return;
    }
    // Every aarch64 multiplies and adds in one instruction.
    execute::<{ cfg!(target_arch = "aarch64") }>(plan, heard, state, workplace);
}

/// Inlined, so that it takes on the instructions of its caller.
#[expect(
    clippy::inline_always,
    reason = "it takes on the instructions of its caller"
)]
#[inline(always)]
fn execute<const FUSED: bool>(
    plan: &Plan,
    heard: &[f32],
    state: &mut [f32],
    workplace: &mut Workplace,
) {
    let Workplace {
        scratch,
        bench,
        whole,
        registers,
    } = workplace;
    for step in &plan.steps {
        let (before, rest) = scratch.split_at_mut(step.to.start);
        let (to, after) = rest.split_at_mut(step.to.len());
        let memory = Memory {
            before,
            after,
            after_start: step.to.end,
            constants: &plan.constants,
            heard,
            state,
        };
        let from = |input: usize| memory.at(&step.from[input]);
        match &step.operation {
            Operation::Chain(program) => {
                let mut inputs: [&[f32]; chain::MAX_INPUTS] = [&[]; chain::MAX_INPUTS];
                for (input, place) in inputs.iter_mut().zip(&step.from) {
                    *input = memory.at(place);
                }
                program.run(&inputs, to, registers);
            }
            Operation::Copy(of, into) => into.write(of, from(0), to),
            Operation::Pick(places) => {
                let from = from(0);
                for (to, &place) in to.iter_mut().zip(places) {
                    *to = from[place as usize];
                }
            }
            Operation::Linear(linear) => linear.run::<FUSED>(from(0), to),
            Operation::Integer(linear) => linear.run(from(0), from(1), to, whole),
            Operation::Product(product) => product.run::<FUSED>(from(0), from(1), to, bench),
            Operation::Convolution(convolution) => convolution.run::<FUSED>(from(0), to, bench),
            Operation::Depthwise(depthwise) => depthwise.run::<FUSED>(from(0), to, bench),
            Operation::Softmax {
                width,
                is_logarithm,
            } => rows::softmax(from(0), *width, *is_logarithm, to),
            Operation::Reduce(reduction, width) => reduction.run(from(0), *width, to),
            Operation::Cumulate(width) => rows::cumulate(from(0), *width, to),
            Operation::Scale => integer::scale(from(0), to),
        }
    }
    for (source, to) in &plan.next {
        let Place::Scratch(from) = &source.from else {
            continue;
        };
        source
            .access
            .read(&scratch[from.clone()], 0, &mut state[to.clone()]);
    }
}

/// What a step may read: everything but where it writes.
struct Memory<'a> {
    before: &'a [f32],
    after: &'a [f32],
    after_start: usize,
    constants: &'a [f32],
    heard: &'a [f32],
    state: &'a [f32],
}

impl<'a> Memory<'a> {
    fn at(&self, place: &Place) -> &'a [f32] {
        match place.clone() {
            Place::Scratch(range) if range.end <= self.before.len() => &self.before[range],
            Place::Scratch(range) => {
                &self.after[range.start - self.after_start..range.end - self.after_start]
            }
            Place::Constants(range) => &self.constants[range],
            Place::Heard(range) => &self.heard[range],
            Place::State(range) => &self.state[range],
        }
    }
}

#[cfg(test)]
mod tests;
