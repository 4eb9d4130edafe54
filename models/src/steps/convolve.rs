//! What ONNX's `Conv` is in steps: with two axes or one, which counts as a height of 1.

use tract_onnx::pb::NodeProto;

use super::Operation;
use super::build::Builder;
use super::matrix::{Convolution, Depthwise};
use super::view::View;
use crate::nodes::attribute;

/// The largest step, and the largest spacing of a filter's values.
const MAX_STEP: usize = 4_096;

/// Heights and widths.
struct Sizes {
    /// A channel, its margin included.
    image: [usize; 2],
    filter: [usize; 2],
    steps: [usize; 2],
    spacing: [usize; 2],
    outputs: [usize; 2],
}

impl Sizes {
    fn new(image: [usize; 2], filter: [usize; 2], node: &NodeProto, axes: usize) -> Option<Self> {
        let steps = two(&list(node, "strides", axes, 1)?)?;
        let spacing = two(&list(node, "dilations", axes, 1)?)?;
        let mut outputs = [0; 2];
        for at in 0..2 {
            let in_range =
                (1..=MAX_STEP).contains(&steps[at]) && (1..=MAX_STEP).contains(&spacing[at]);
            let reach = filter[at].checked_sub(1)?.checked_mul(spacing[at])?;
            let left = image[at].checked_sub(1)?.checked_sub(reach)?;
            outputs[at] = in_range.then(|| left / steps[at] + 1)?;
        }
        Some(Self {
            image,
            filter,
            steps,
            spacing,
            outputs,
        })
    }

    /// The number of a position.
    const fn place(&self, [row, column]: [usize; 2]) -> usize {
        row * self.image[1] + column
    }

    /// The positions of so many rows and columns at these steps.
    fn grid(&self, counts: [usize; 2], steps: [usize; 2]) -> Vec<u32> {
        let rows = (0..counts[0]).map(|row| row * steps[0]);
        rows.flat_map(|row| {
            (0..counts[1]).map(move |column| self.place([row, column * steps[1]]) as u32)
        })
        .collect()
    }
}

impl Builder<'_> {
    pub(super) fn conv(&mut self, node: &NodeProto) -> Option<View> {
        let from = self.view(node, 0)?;
        let (weights, size) = self.numbers(node.input.get(1)?)?;
        let [filters, per_group, filter @ ..] = &size[..] else {
            return None;
        };
        let axes = filter.len();
        let is_explicit = attribute(node, "auto_pad").is_none_or(|pad| pad.s == b"NOTSET");
        if ![1, 2].contains(&axes) || from.rank() != axes + 2 || from.shape[0] != 1 || !is_explicit
        {
            return None;
        }
        let channels = from.shape[1];
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => self.numbers(name)?.0,
            None => vec![0.0; *filters],
        };
        let from = self.with_pads(from, node, axes)?;
        let sizes = Sizes::new(two_sizes(&from.shape[2..])?, two_sizes(filter)?, node, axes)?;
        let shape = self.result(node)?;
        let is_expected = shape.len() == axes + 2
            && shape[..2] == [1, *filters]
            && two_sizes(&shape[2..])? == sizes.outputs;
        let groups =
            attribute(node, "group").map_or(Some(1), |group| usize::try_from(group.i).ok())?;
        let is_even = groups > 0
            && filters.is_multiple_of(groups)
            && per_group.checked_mul(groups) == Some(channels);
        if !is_expected || !is_even || bias.len() != *filters {
            return None;
        }
        let is_plain = sizes.steps == [1, 1] && sizes.spacing == [1, 1];
        if groups == channels && *filters == channels && is_plain {
            let depthwise = Depthwise {
                weights,
                bias,
                image: sizes.image,
                filter: sizes.filter,
            };
            return self.other(Operation::Depthwise(depthwise), vec![from], &shape);
        }
        let (taps, positions) = (sizes.place(sizes.filter), sizes.place(sizes.outputs));
        self.table(per_group.checked_mul(taps)?.checked_add(positions)?)?;
        let area = (sizes.image[0] * sizes.image[1]) as u32;
        let taps = sizes.grid(sizes.filter, sizes.spacing);
        let channels = (0..*per_group as u32).map(|channel| channel * area);
        let convolution = Convolution {
            weights,
            bias,
            taps: channels
                .flat_map(|start| taps.iter().map(move |tap| start + tap))
                .collect(),
            positions: sizes.grid(sizes.outputs, sizes.steps),
            groups,
        };
        self.other(Operation::Convolution(convolution), vec![from], &shape)
    }

    /// With the margin that the node asks for.
    fn with_pads(&mut self, from: View, node: &NodeProto, axes: usize) -> Option<View> {
        let pads = list(node, "pads", 2 * axes, 0)?;
        if pads.iter().all(|&pad| pad == 0) {
            return self.dense(from);
        }
        let (before, after) = pads.split_at(axes);
        let all = [&[0, 0], before, &[0, 0], after].concat();
        self.with_margin(from, &all, 0.0)
    }
}

/// An attribute of so many whole numbers.
fn list(node: &NodeProto, name: &str, count: usize, default: i64) -> Option<Vec<i64>> {
    match attribute(node, name) {
        None => Some(vec![default; count]),
        Some(list) => (list.ints.len() == count).then(|| list.ints.clone()),
    }
}

fn two(list: &[i64]) -> Option<[usize; 2]> {
    let sizes: Vec<usize> = list
        .iter()
        .map(|&size| usize::try_from(size).ok())
        .collect::<Option<_>>()?;
    two_sizes(&sizes)
}

/// Height and width.
fn two_sizes(sizes: &[usize]) -> Option<[usize; 2]> {
    match *sizes {
        [width] => Some([1, width]),
        [height, width] => Some([height, width]),
        _ => None,
    }
}
