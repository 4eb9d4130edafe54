//! Reading values in the order of a tensor, wherever they lie.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

use super::view::View;

/// A view without its start: axes of sizes and strides, from the outermost.
#[derive(Debug)]
pub(super) struct Access {
    outer: Vec<[usize; 2]>,
    /// Size and stride of the innermost axis.
    run: [usize; 2],
}

impl Access {
    pub(super) fn of(view: &View) -> Self {
        let mut outer = view.joined();
        let run = outer.pop().unwrap_or([1, 0]);
        Self { outer, run }
    }

    /// Where the run with that number begins.
    #[inline(always)]
    fn start(&self, mut run: usize) -> usize {
        let mut start = 0;
        for &[size, stride] in self.outer.iter().rev() {
            start += run % size * stride;
            run /= size;
        }
        start
    }

    /// Writes the values from number `at` on.
    #[inline(always)]
    pub(super) fn read(&self, from: &[f32], at: usize, to: &mut [f32]) {
        let [size, stride] = self.run;
        if self.outer.is_empty() && stride == 1 {
            to.copy_from_slice(&from[at..at + to.len()]);
            return;
        }
        let (mut run, mut column, mut rest) = (at / size, at % size, to);
        while !rest.is_empty() {
            let length = rest.len().min(size - column);
            let (part, after) = rest.split_at_mut(length);
            let start = self.start(run) + column * stride;
            match stride {
                0 => part.fill(from[start]),
                1 => part.copy_from_slice(&from[start..start + length]),
                _ => {
                    let values = from[start..].iter().step_by(stride);
                    part.iter_mut()
                        .zip(values)
                        .for_each(|(to, &value)| *to = value);
                }
            }
            (run, column, rest) = (run + 1, 0, after);
        }
    }

    /// Writes the values of another tensor, all of them, to where this says.
    #[inline(always)]
    pub(super) fn write(&self, values: &Self, from: &[f32], to: &mut [f32]) {
        let [size, stride] = self.run;
        let runs: usize = self.outer.iter().map(|[size, _]| size).product();
        for run in 0..runs {
            let start = self.start(run);
            if stride == 1 || size == 1 {
                values.read(from, run * size, &mut to[start..start + size]);
            } else {
                for number in 0..size {
                    let mut one = [0.0];
                    values.read(from, run * size + number, &mut one);
                    to[start + number * stride] = one[0];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_order_from_any_place() {
        let from: Vec<f32> = (0..24).map(|n| n as f32).collect();
        let view = View::whole(0, &[2, 3, 4]);
        let expected = |order: &[usize]| {
            let turned = view.turned(order);
            let mut values = Vec::new();
            for a in 0..turned.shape[0] {
                for b in 0..turned.shape[1] {
                    for c in 0..turned.shape[2] {
                        let s = &turned.strides;
                        values.push(from[a * s[0] + b * s[1] + c * s[2]]);
                    }
                }
            }
            (turned, values)
        };
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
            let (turned, values) = expected(&order);
            let access = Access::of(&turned);
            for at in 0..24 {
                let mut found = vec![0.0; 24 - at];
                access.read(&from, at, &mut found);
                assert_eq!(found, values[at..], "{order:?} from {at}");
            }
            let mut back = vec![0.0; 24];
            let dense = Access::of(&View::whole(0, &turned.shape));
            access.write(&dense, &values, &mut back);
            assert_eq!(back, from, "{order:?}");
        }
        let spread = View::whole(0, &[3, 1]).spread(&[2, 3, 2]).unwrap();
        let mut found = vec![0.0; 12];
        Access::of(&spread).read(&from, 0, &mut found);
        assert_eq!(found, [0., 0., 1., 1., 2., 2., 0., 0., 1., 1., 2., 2.]);
    }
}
