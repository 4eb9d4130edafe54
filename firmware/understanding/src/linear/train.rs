//! Training: dual coordinate descent, one class against the rest.

use std::thread;

use super::Sparse;

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Weight of the loss against the penalty.
    pub cost: f32,
    /// Passes over the examples at most.
    pub passes: usize,
    /// Training ends when no projected gradient is larger than this.
    pub tolerance: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cost: 1.0,
            passes: 40,
            tolerance: 0.5,
        }
    }
}

/// One weight a row, for each class in order.
pub(crate) type Weights = Vec<Vec<f32>>;

/// Where training goes on from.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// For every example, the margin of every class before training.
    pub margins: Vec<Vec<f32>>,
    /// For every example, the weight of its loss, in place of [`Settings::cost`].
    pub costs: Vec<f32>,
}

/// Trains every class against the rest. `labels` are class numbers below `classes`; `rows` is the
/// length of a weight vector. With a start, the weights are what is to be added to the ones that
/// gave its margins. The result does not depend on the number of threads.
pub(crate) fn train(
    vectors: &[&Sparse],
    labels: &[usize],
    classes: usize,
    rows: usize,
    settings: Settings,
    start: Option<&Start>,
) -> Weights {
    let lengths: Vec<f32> = vectors
        .iter()
        .map(|vector| vector.iter().map(|(_, value)| value * value).sum())
        .collect();
    let problem = Problem {
        vectors,
        labels,
        lengths: &lengths,
        rows,
        settings,
        start,
    };
    let threads = thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .min(classes);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                let problem = &problem;
                scope.spawn(move || {
                    (first..classes)
                        .step_by(threads)
                        .map(|class| (class, problem.solve(class)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut solved: Vec<_> = workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a solver does not panic"))
            .collect();
        solved.sort_by_key(|(class, _)| *class);
        solved.into_iter().map(|(_, weights)| weights).collect()
    })
}

struct Problem<'a> {
    vectors: &'a [&'a Sparse],
    labels: &'a [usize],
    lengths: &'a [f32],
    rows: usize,
    settings: Settings,
    start: Option<&'a Start>,
}

impl Problem<'_> {
    /// An example's margin before training and what its loss adds to the diagonal.
    fn offset(&self, index: usize, class: usize) -> (f32, f32) {
        self.start.map_or((0.0, 0.5 / self.settings.cost), |start| {
            (start.margins[index][class], 0.5 / start.costs[index])
        })
    }

    /// Algorithm 1 of Hsieh et al. with the shrinking of section 3.2, L2 loss.
    fn solve(&self, class: usize) -> Vec<f32> {
        let mut weights = vec![0.0_f32; self.rows];
        let mut alphas = vec![0.0_f32; self.vectors.len()];
        let mut order: Vec<u32> = (0..self.vectors.len() as u32).collect();
        let mut active = order.len();
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ class as u64);
        let mut bound = f32::INFINITY;
        for _ in 0..self.settings.passes {
            random.shuffle(&mut order[..active]);
            let (mut largest, mut smallest) = (f32::NEG_INFINITY, f32::INFINITY);
            let mut at = 0;
            while at < active {
                let index = order[at] as usize;
                let sign = if self.labels[index] == class {
                    1.0
                } else {
                    -1.0
                };
                let vector = self.vectors[index];
                let (before, diagonal) = self.offset(index, class);
                let margin = before + dot(&weights, vector);
                let gradient = sign * margin - 1.0 + diagonal * alphas[index];
                if alphas[index] == 0.0 && gradient > bound {
                    active -= 1;
                    order.swap(at, active);
                    continue;
                }
                let projected = if alphas[index] == 0.0 {
                    gradient.min(0.0)
                } else {
                    gradient
                };
                largest = largest.max(projected);
                smallest = smallest.min(projected);
                if projected.abs() > 1e-12 {
                    let before = alphas[index];
                    let step = gradient / (self.lengths[index] + diagonal);
                    alphas[index] = (before - step).max(0.0);
                    add(&mut weights, vector, (alphas[index] - before) * sign);
                }
                at += 1;
            }
            if largest - smallest <= self.settings.tolerance {
                if active == order.len() {
                    break;
                }
                active = order.len();
                bound = f32::INFINITY;
            } else {
                bound = if largest > 0.0 {
                    largest
                } else {
                    f32::INFINITY
                };
            }
        }
        weights
    }
}

fn dot(weights: &[f32], vector: &Sparse) -> f32 {
    vector
        .iter()
        .map(|(row, value)| weights[*row as usize] * value)
        .sum()
}

fn add(weights: &mut [f32], vector: &Sparse, scale: f32) {
    for (row, value) in vector {
        weights[*row as usize] += value * scale;
    }
}

/// A seeded generator (xorshift64*), so that training is reproducible.
pub(crate) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit.max(1)
    }

    /// Puts a slice into random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separable_classes_are_separated() {
        let vectors: Vec<Sparse> = (0..30)
            .map(|index| vec![(0, 1.0), (1 + index % 3, 1.0), (4 + index % 7, 0.3)])
            .collect();
        let labels: Vec<usize> = (0..30).map(|index| index % 3).collect();
        let borrowed: Vec<&Sparse> = vectors.iter().collect();
        let weights = train(&borrowed, &labels, 3, 11, Settings::default(), None);
        for (vector, label) in vectors.iter().zip(labels) {
            let margins: Vec<f32> = weights.iter().map(|w| dot(w, vector)).collect();
            let best = (0..3)
                .max_by(|a, b| margins[*a].total_cmp(&margins[*b]))
                .unwrap();
            assert_eq!(best, label);
        }
    }
}
