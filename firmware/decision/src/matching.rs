//! Minimum-cost assignment of calls to agents, in whole numbers.

/// Costs of pairs: `None` where a pair must not be.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    columns: usize,
    cells: Vec<Option<i64>>,
}

/// Rows of one matching at most.
pub(crate) const MOST_ROWS: usize = 128;

/// No cost of a pair counts more than this, either way.
pub(crate) const MOST: i64 = 1 << 43;

/// More than any chain of pairs can gain, so that as many rows as possible are assigned first.
const UNASSIGNED: i64 = 1 << 52;

// Each row of a chain can gain twice the most; prices add up no more than all rows unassigned.
const _: () = assert!(UNASSIGNED > 2 * MOST * MOST_ROWS as i64);
const _: () = assert!(UNASSIGNED < i64::MAX / 4 / MOST_ROWS as i64);

impl Costs {
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            cells: Vec::new(),
        }
    }

    pub fn push_row(&mut self, row: impl Iterator<Item = Option<i64>>) {
        let before = self.cells.len();
        self.cells
            .extend(row.map(|cost| cost.map(|c| c.clamp(-MOST, MOST))));
        debug_assert!(self.rows() <= MOST_ROWS);
        debug_assert_eq!(self.cells.len() - before, self.columns);
    }

    /// Whether a row may have a column.
    pub fn allows(&self, row: usize, column: usize) -> bool {
        self.cells[row * self.columns + column].is_some()
    }

    /// Leaves a row without any column.
    pub fn close(&mut self, row: usize) {
        self.cells[row * self.columns..][..self.columns].fill(None);
    }

    fn rows(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    /// The cost of a pair; each row also has a column of its own that means *unassigned*.
    fn at(&self, row: usize, column: usize) -> Option<i64> {
        if column < self.columns {
            self.cells[row * self.columns + column]
        } else {
            (column - self.columns == row).then_some(UNASSIGNED)
        }
    }
}

/// Assigns each row a column or none: as many as possible, and among those the least total cost.
///
/// Shortest augmenting paths with prices (Kuhn 1955, Munkres 1957; Jonker and Volgenant 1987):
/// O(rows² · columns). Ties go to the lowest column, so equal inputs give equal results, and of two rows that
/// could as well have a column the later goes without.
pub(crate) fn assign(costs: &Costs) -> Vec<Option<usize>> {
    let rows = costs.rows();
    let mut prices = Prices {
        rows: vec![0; rows],
        columns: vec![0; costs.columns + rows],
        row_of: vec![None; costs.columns + rows],
    };
    for row in 0..rows {
        prices.augment(costs, row);
    }
    let mut column_of = vec![None; rows];
    for (column, row) in prices.row_of.iter().take(costs.columns).enumerate() {
        if let Some(row) = row {
            column_of[*row] = Some(column);
        }
    }
    column_of
}

struct Prices {
    rows: Vec<i64>,
    columns: Vec<i64>,
    row_of: Vec<Option<usize>>,
}

impl Prices {
    /// The order among columns as near as each other: real ones, then those that leave a row without any, the
    /// latest row's first.
    const fn last_if_unassigned(&self, column: usize) -> usize {
        let real = self.columns.len() - self.rows.len();
        if column < real {
            column
        } else {
            real + self.columns.len() - column
        }
    }

    /// Gives `start` a column along the cheapest path that moves the other rows on it.
    fn augment(&mut self, costs: &Costs, start: usize) {
        let width = self.columns.len();
        let mut distance = vec![i64::MAX; width];
        // The column before each one on the path to it; none where the path begins.
        let mut before: Vec<Option<usize>> = vec![None; width];
        let mut done = vec![false; width];
        let (mut row, mut last, mut reached) = (start, None, 0_i64);
        let end = loop {
            for column in (0..width).filter(|column| !done[*column]) {
                let Some(cost) = costs.at(row, column) else {
                    continue;
                };
                let length = reached + cost - self.rows[row] - self.columns[column];
                if length < distance[column] {
                    distance[column] = length;
                    before[column] = last;
                }
            }
            let nearest = (0..width)
                .filter(|column| !done[*column] && distance[*column] < i64::MAX)
                .min_by_key(|column| (distance[*column], self.last_if_unassigned(*column)))
                .expect("a row can always stay unassigned");
            done[nearest] = true;
            reached = distance[nearest];
            last = Some(nearest);
            match self.row_of[nearest] {
                Some(holder) => row = holder,
                None => break nearest,
            }
        };
        self.rows[start] += reached;
        for column in (0..width).filter(|column| done[*column]) {
            self.columns[column] -= reached - distance[column];
            if let Some(holder) = self.row_of[column] {
                self.rows[holder] += reached - distance[column];
            }
        }
        let mut column = end;
        while let Some(previous) = before[column] {
            self.row_of[column] = self.row_of[previous];
            column = previous;
        }
        self.row_of[column] = Some(start);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(costs: &Costs, assigned: &[Option<usize>]) -> i64 {
        assigned
            .iter()
            .enumerate()
            .map(|(row, column)| {
                column.map_or(UNASSIGNED, |c| {
                    costs.at(row, c).expect("only allowed pairs")
                })
            })
            .sum()
    }

    /// Tries everything.
    fn cheapest(costs: &Costs, row: usize, taken: &mut Vec<usize>) -> i64 {
        if row == costs.rows() {
            return 0;
        }
        let mut best = UNASSIGNED + cheapest(costs, row + 1, taken);
        for column in 0..costs.columns {
            if let Some(cost) = costs.at(row, column)
                && !taken.contains(&column)
            {
                taken.push(column);
                best = best.min(cost + cheapest(costs, row + 1, taken));
                taken.pop();
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_assignment_is_cheaper(
            columns in 1_usize..6,
            cells in prop::collection::vec(prop::option::of(-1000_i64..1000), 30),
            rows in 0_usize..6,
        ) {
            let mut costs = Costs::new(columns);
            for row in 0..rows.min(30 / columns) {
                costs.push_row(cells[row * columns..][..columns].iter().copied());
            }
            let assigned = assign(&costs);
            let mut columns_used: Vec<usize> = assigned.iter().flatten().copied().collect();
            columns_used.sort_unstable();
            columns_used.dedup();
            prop_assert_eq!(columns_used.len(), assigned.iter().flatten().count());
            prop_assert_eq!(total(&costs, &assigned), cheapest(&costs, 0, &mut Vec::new()));
        }
    }

    #[test]
    fn as_many_as_possible_come_before_the_cheapest() {
        let mut costs = Costs::new(2);
        costs.push_row([Some(0), Some(5)].into_iter());
        costs.push_row([Some(1000), None].into_iter());
        assert_eq!(assign(&costs), [Some(1), Some(0)]);
    }

    #[test]
    fn of_rows_that_are_alike_the_first_is_assigned() {
        let mut costs = Costs::new(2);
        for _ in 0..4 {
            costs.push_row([Some(7), None].into_iter());
        }
        assert_eq!(assign(&costs), [Some(0), None, None, None]);
        costs = Costs::new(2);
        for _ in 0..4 {
            costs.push_row([Some(7), Some(7)].into_iter());
        }
        assert_eq!(assign(&costs), [Some(0), Some(1), None, None]);
    }

    #[test]
    fn the_most_rows_of_the_most_extreme_costs_are_summed_exactly() {
        let mut costs = Costs::new(MOST_ROWS - 1);
        for row in 0..MOST_ROWS {
            costs.push_row((0..MOST_ROWS - 1).map(|column| {
                let dear = (row * 31 + column * 17) % 3;
                [Some(i64::MAX), Some(i64::MIN), None][dear]
            }));
        }
        let assigned = assign(&costs);
        assert_eq!(assigned.iter().flatten().count(), MOST_ROWS - 1);
    }
}
