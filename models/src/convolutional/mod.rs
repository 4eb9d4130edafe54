//! Convolutional streaming networks without a general graph runtime.
//!
//! A chunk of such a network is a few outputs of a few hundred channels: so little work an operator
//! that tract spends two thirds of its time on reductions along an axis that is not the last, and
//! onnxruntime most of its own between operators (figures: `docs/benchmarks.md`). Here the graph
//! becomes a list of [`Step`]s over one scratch buffer whose places are fixed when the file is
//! read: nothing is allocated, looked up or dispatched by type while a chunk is heard, and weights
//! lie in the order in which they are read.
//!
//! [`Plan::build`] knows the operators of convolutional networks with fixed shapes; any other graph
//! is none of its business, and tract's.

mod build;
mod kernels;

use std::cell::RefCell;
use std::ops::Range;

pub(crate) use build::Shared;
use kernels::Operation;

/// What the contract says of the sizes.
pub(crate) struct Sizes {
    /// `[1, bands, window]`.
    pub(crate) features: [usize; 3],
    /// The cache that holds the network's past.
    pub(crate) state: Vec<usize>,
    /// `[1, outputs, classes]`.
    pub(crate) log_probabilities: [usize; 3],
}

/// A network as a list of steps; shared by all streams.
pub(crate) struct Plan {
    steps: Vec<Step>,
    /// Values of the scratch buffer.
    scratch: usize,
    features: Range<usize>,
    state: Range<usize>,
    log_probabilities: Range<usize>,
    next_state: Range<usize>,
}

/// One operation, and where in the scratch buffer it reads and writes; the places never overlap.
struct Step {
    operation: Operation,
    from: Range<usize>,
    other: Option<Range<usize>>,
    to: Range<usize>,
}

thread_local! {
    /// One for each thread, whatever the number of streams: a chunk leaves nothing in it.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl Plan {
    /// Values of the state; all zero at the beginning.
    pub(crate) fn state_len(&self) -> usize {
        self.state.len()
    }

    /// Hears one window: `features` band after band, the state in and out, log probabilities out.
    ///
    /// # Panics
    /// If the slices do not have the sizes that the plan was built for.
    pub(crate) fn run(&self, features: &[f32], state: &mut [f32], found: &mut Vec<f32>) {
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.len() < self.scratch {
                scratch.resize(self.scratch, 0.0);
            }
            scratch[self.features.clone()].copy_from_slice(features);
            scratch[self.state.clone()].copy_from_slice(state);
            dispatch(&self.steps, scratch);
            state.copy_from_slice(&scratch[self.next_state.clone()]);
            found.clear();
            found.extend_from_slice(&scratch[self.log_probabilities.clone()]);
        });
    }
}

/// Runs the steps with the best instructions that the processor has.
fn dispatch(steps: &[Step], scratch: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        #[target_feature(enable = "avx2,fma")]
        fn with_avx2(steps: &[Step], scratch: &mut [f32]) {
            execute::<true>(steps, scratch);
        }
        #[expect(
            unsafe_code,
            reason = "twice as fast as the instructions that every x86-64 has"
        )]
        // SAFETY: the processor has just been asked for these very features.
        unsafe {
            with_avx2(steps, scratch);
        }
        return;
    }
    // Every aarch64 multiplies and adds in one instruction.
    execute::<{ cfg!(target_arch = "aarch64") }>(steps, scratch);
}

/// Inlined, so that it takes on the instructions of its caller.
#[inline(always)]
fn execute<const FUSED: bool>(steps: &[Step], scratch: &mut [f32]) {
    const APART: &str = "the places of a step do not overlap";
    for step in steps {
        let (from, to) = (step.from.clone(), step.to.clone());
        if let Some(other) = step.other.clone() {
            let [from, other, to] = scratch.get_disjoint_mut([from, other, to]).expect(APART);
            step.operation.run::<FUSED>(from, Some(other), to);
        } else {
            let [from, to] = scratch.get_disjoint_mut([from, to]).expect(APART);
            step.operation.run::<FUSED>(from, None, to);
        }
    }
}

#[cfg(test)]
mod tests;
