//! The weights that classify: sparse, one byte each.

use super::{Lexicon, Sparse};

/// Marks a weights file and its version.
const MAGIC: &[u8; 8] = b"TSHEAD02";

/// A trained linear classifier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub lexicon: Lexicon,
    /// The value of one step of each class's weights.
    steps: Vec<f32>,
    /// Where each row's entries begin; one more than there are rows.
    offsets: Vec<u32>,
    /// Class and weight in steps.
    entries: Vec<(u16, i8)>,
}

impl Head {
    /// Rounds trained weights to bytes and leaves out those below a share of their class's largest.
    pub(crate) fn new(lexicon: Lexicon, weights: &[Vec<f32>], left_out: f32) -> Self {
        let steps: Vec<f32> = weights
            .iter()
            .map(|class| {
                let largest = class
                    .iter()
                    .fold(0.0_f32, |most, weight| most.max(weight.abs()));
                largest.max(f32::MIN_POSITIVE) / 127.0
            })
            .collect();
        let mut offsets = vec![0];
        let mut entries = Vec::new();
        for row in 0..lexicon.rows() {
            for (class, weights) in weights.iter().enumerate() {
                let rounded = (weights[row] / steps[class]).round();
                if (weights[row] / (steps[class] * 127.0)).abs() > left_out && rounded != 0.0 {
                    entries.push((class as u16, rounded as i8));
                }
            }
            offsets.push(entries.len() as u32);
        }
        Self {
            lexicon,
            steps,
            offsets,
            entries,
        }
    }

    /// How many classes there are.
    pub(crate) fn classes(&self) -> usize {
        self.steps.len()
    }

    /// The margin of every class.
    pub(crate) fn margins(&self, vector: &Sparse) -> Vec<f32> {
        let mut sums = vec![0.0_f32; self.classes()];
        for (row, value) in vector {
            for (class, weight) in self.row(*row) {
                sums[usize::from(*class)] += f32::from(*weight) * value;
            }
        }
        for (sum, step) in sums.iter_mut().zip(&self.steps) {
            *sum *= step;
        }
        sums
    }

    /// What one row adds to a class's margin, a unit of its feature.
    pub(crate) fn weight(&self, row: u32, class: usize) -> f32 {
        self.row(row)
            .iter()
            .find(|(other, _)| usize::from(*other) == class)
            .map_or(0.0, |(_, weight)| f32::from(*weight) * self.steps[class])
    }

    /// Every class's weights in the rows of another lexicon: `moved` has the row there of each row
    /// here, and `rows` is how many there are.
    pub(crate) fn weights_in(&self, moved: &[u32], rows: usize) -> Vec<Vec<f32>> {
        let mut weights = vec![vec![0.0; rows]; self.classes()];
        for (row, to) in moved.iter().enumerate() {
            for (class, weight) in self.row(row as u32) {
                let class = usize::from(*class);
                weights[class][*to as usize] = f32::from(*weight) * self.steps[class];
            }
        }
        weights
    }

    fn row(&self, row: u32) -> &[(u16, i8)] {
        let row = row as usize;
        &self.entries[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// The weights file: all numbers little endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut number = |value: u32| bytes.extend(value.to_le_bytes());
        number(self.lexicon.buckets().len() as u32);
        number(self.steps.len() as u32);
        number(self.entries.len() as u32);
        self.lexicon
            .buckets()
            .iter()
            .for_each(|bucket| number(*bucket));
        self.steps.iter().for_each(|step| number(step.to_bits()));
        self.offsets.iter().for_each(|offset| number(*offset));
        for (class, weight) in &self.entries {
            bytes.extend(class.to_le_bytes());
            bytes.extend(weight.to_le_bytes());
        }
        bytes
    }

    /// Reads a weights file; none when it is cut short or its numbers contradict each other.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        let rows = reader.number()? as usize;
        let classes = reader.number()? as usize;
        let count = reader.number()? as usize;
        let buckets = reader.numbers(rows)?;
        let steps = reader.floats(classes)?;
        let offsets = reader.numbers(rows + 2)?;
        let whole = reader.0.len() == count.checked_mul(3)?;
        let ordered = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if !whole || !ordered || offsets[0] != 0 || offsets[rows + 1] as usize != count {
            return None;
        }
        let entries: Vec<(u16, i8)> = reader
            .0
            .chunks_exact(3)
            .map(|entry| (u16::from_le_bytes([entry[0], entry[1]]), entry[2] as i8))
            .collect();
        let known = entries
            .iter()
            .all(|(class, _)| usize::from(*class) < classes);
        let finite = steps.iter().all(|value| value.is_finite());
        let lexicon = Lexicon::new(buckets)?;
        (known && finite && classes > 0).then_some(Self {
            lexicon,
            steps,
            offsets,
            entries,
        })
    }
}

/// Takes numbers from the front of some bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn numbers(&mut self, count: usize) -> Option<Vec<u32>> {
        // Checked first, so that a broken count cannot ask for memory.
        if self.0.len() / 4 < count {
            return None;
        }
        (0..count).map(|_| self.number()).collect()
    }

    fn floats(&mut self, count: usize) -> Option<Vec<f32>> {
        Some(
            self.numbers(count)?
                .into_iter()
                .map(f32::from_bits)
                .collect(),
        )
    }
}
