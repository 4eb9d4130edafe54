//! Features as sparse vectors, each view scaled to its length.

use crate::features::{BUCKETS, Feature, PAIR_LENGTH, View};

/// A sparse vector: rows in ascending order with their values.
pub(crate) type Sparse = Vec<(u32, f32)>;

/// No row for a bucket.
const NONE: u32 = u32::MAX;

/// The row of the constant feature, which every vector has.
const BIAS: u32 = 0;

/// Which buckets were seen in training, and their row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lexicon {
    row_of_bucket: Vec<u32>,
    /// The bucket of every row but the first, which is the constant.
    buckets: Vec<u32>,
    /// The length of the view of pairs.
    pub pair_length: f32,
}

impl Lexicon {
    /// Keeps the buckets that occur in `fewest` texts or more.
    pub(crate) fn learn(texts: &[Vec<Feature>], fewest: u32) -> Self {
        let mut counts = vec![0_u32; BUCKETS];
        let mut last_seen = vec![NONE; BUCKETS];
        for (index, features) in texts.iter().enumerate() {
            for feature in features {
                let bucket = feature.bucket as usize;
                if last_seen[bucket] != index as u32 {
                    last_seen[bucket] = index as u32;
                    counts[bucket] += 1;
                }
            }
        }
        let often = counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count >= fewest.max(1));
        let buckets = often.map(|(bucket, _)| bucket as u32).collect();
        Self::new(buckets).expect("counted buckets are in range and in order")
    }

    /// From stored rows; none when a bucket is out of range or out of order.
    pub(crate) fn new(buckets: Vec<u32>) -> Option<Self> {
        let ordered = buckets.windows(2).all(|pair| pair[0] < pair[1]);
        let in_range = buckets.last().is_none_or(|last| (*last as usize) < BUCKETS);
        if !ordered || !in_range {
            return None;
        }
        let mut row_of_bucket = vec![NONE; BUCKETS];
        for (row, bucket) in buckets.iter().enumerate() {
            row_of_bucket[*bucket as usize] = row as u32 + 1;
        }
        Some(Self {
            row_of_bucket,
            buckets,
            pair_length: PAIR_LENGTH,
        })
    }

    /// The same with the buckets of more texts; and for each row before, its row now.
    pub(crate) fn extended(&self, texts: &[Vec<Feature>]) -> (Self, Vec<u32>) {
        let mut buckets = self.buckets.clone();
        buckets.extend(texts.iter().flatten().map(|feature| feature.bucket));
        buckets.sort_unstable();
        buckets.dedup();
        let mut wider =
            Self::new(buckets).expect("buckets of features are in range and now in order");
        wider.pair_length = self.pair_length;
        let rows = self.buckets.iter();
        let moved = std::iter::once(BIAS)
            .chain(rows.map(|bucket| wider.row_of_bucket[*bucket as usize]))
            .collect();
        (wider, moved)
    }

    /// How many rows there are, the constant one included.
    pub(crate) fn rows(&self) -> usize {
        self.buckets.len() + 1
    }

    pub(crate) fn buckets(&self) -> &[u32] {
        &self.buckets
    }

    /// The row of a feature, if training saw it.
    pub(crate) fn row(&self, feature: &Feature) -> Option<u32> {
        Some(self.row_of_bucket[feature.bucket as usize]).filter(|row| *row != NONE)
    }

    /// A text's vector: the constant, and each view scaled to its length.
    pub(crate) fn vector(&self, features: &[Feature]) -> Sparse {
        let mut vector = vec![(BIAS, 1.0)];
        for (view, length) in View::WITH_LENGTH {
            self.add_view(features, view, length, &mut vector);
        }
        self.add_view(features, View::Pair, self.pair_length, &mut vector);
        vector.sort_unstable_by_key(|(row, _)| *row);
        vector.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        vector
    }

    fn add_view(&self, features: &[Feature], view: View, scale: f32, vector: &mut Sparse) {
        let mut rows: Vec<u32> = features
            .iter()
            .filter(|feature| feature.view == view)
            .filter_map(|feature| self.row(feature))
            .collect();
        rows.sort_unstable();
        let start = vector.len();
        for same in rows.chunk_by(|a, b| a == b) {
            vector.push((same[0], 1.0 + (same.len() as f32).ln()));
        }
        let length = vector[start..]
            .iter()
            .map(|(_, value)| value * value)
            .sum::<f32>()
            .sqrt();
        if length > 0.0 {
            for (_, value) in &mut vector[start..] {
                *value *= scale / length;
            }
        }
    }
}
