//! Keys heard as pairs of tones in the voice itself (ITU-T Q.23), for far ends that send no
//! telephone events.
//!
//! Pure: samples in, keys out. Blocks of 13 ms that change their sign as often as a key does go through Goertzel filters
//! at the eight frequencies; a few blocks in a row that hold one pair and little else are a key. Speech rarely is two pure tones at
//! once: of 75 minutes of it, much of it acted, one stretch held a pair for two blocks and none for three.

use std::ops::RangeInclusive;

/// Low and high group, in Hz.
const TONES: [f32; 8] = [
    697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0,
];

/// By row of the low tone and column of the high one.
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// The amplitudes of the tones that the box presses a key with, low and high: about -10 and -8 dBm0.
const LOUD: [f32; 2] = [7_200.0, 9_000.0];

/// Samples a second.
const RATE: f32 = 8_000.0;

/// Samples a block: short enough for two in 40 ms, long enough to part neighbouring tones.
const BLOCK: usize = 102;

/// The softest tone, as the amplitude of its samples: about -36 dBm0.
const SOFTEST: f32 = 350.0;

/// The share of a block's power that the two tones have at least.
const SHARE: f32 = 0.8;

/// How much stronger a tone is than the others of its group: 8 dB.
const PEAK: f32 = 6.3;

/// How much stronger the high tone may be, and the low one (Q.24, table A.1: 4 dB and 8 dB).
const HIGH_OVER_LOW: f32 = 2.5;
const LOW_OVER_HIGH: f32 = 6.3;

/// Blocks in a row that make a key: the 40 ms that Q.24 asks for suffice wherever they begin.
pub const SHORT: u8 = 2;

/// The same for a far end that may tell its keys otherwise, as it has said: its tones come from a gateway, which
/// presses for longer than 52 ms.
pub const LONG: u8 = 3;

/// How often the samples of a block with a key change their sign: the lowest tone alone does 17 times, the highest 42
/// times, and noise may add some. What falls outside need not be filtered, which is most of speech and all silence.
const CHANGES: RangeInclusive<usize> = 15..=50;

/// Blocks without a key after which it has been let go.
const LET_GO: u8 = 2;

/// Listens to one leg.
#[derive(Clone, Debug)]
pub struct Tones {
    coefficients: [f32; 8],
    block: Block,
    /// What the last block held, and how many in a row have.
    last: (Option<char>, u8),
    /// The key that is down, and for how many blocks it has not been heard.
    down: Option<(char, u8)>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    samples: [i16; BLOCK],
    taken: usize,
}

impl Default for Tones {
    fn default() -> Self {
        let turn = std::f32::consts::TAU / RATE;
        Self {
            coefficients: TONES.map(|tone| 2.0 * (turn * tone).cos()),
            block: Block {
                samples: [0; BLOCK],
                taken: 0,
            },
            last: (None, 0),
            down: None,
        }
    }
}

/// The tones of a key from its sample `from` on, without end; silence for what is no key.
pub fn pressed(key: char, from: usize) -> impl Iterator<Item = i16> {
    let mut rows = (0..).zip(&KEYS);
    let place = |(row, keys): (usize, &[char; 4])| {
        let column = keys.iter().position(|&of| of == key)?;
        Some([TONES[row], TONES[4 + column]])
    };
    let pair = rows.find_map(place);
    (from..).map(move |n| {
        let wave = |hertz: f32| {
            let turns = n as f32 * hertz / RATE;
            (std::f32::consts::TAU * turns.fract()).sin()
        };
        pair.map_or(0, |[low, high]| {
            (LOUD[0] * wave(low) + LOUD[1] * wave(high)) as i16
        })
    })
}

impl Tones {
    /// Whether a key is down, as far as has been heard.
    pub const fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Takes samples as they come; says the key that has been pressed by their end, for so many blocks at least.
    /// Fewer than a hundred milliseconds hold at most one.
    pub fn take(&mut self, samples: impl IntoIterator<Item = i16>, least: u8) -> Option<char> {
        let mut pressed = None;
        for sample in samples {
            self.block.samples[self.block.taken] = sample;
            self.block.taken += 1;
            if self.block.taken == BLOCK {
                self.block.taken = 0;
                let held = self.block.key(&self.coefficients);
                pressed = pressed.or(self.judge(held, least));
            }
        }
        pressed
    }

    /// A key counts once it is held by so many blocks in a row, and once until it is let go.
    fn judge(&mut self, held: Option<char>, least: u8) -> Option<char> {
        let (before, blocks) = self.last;
        let blocks = if held == before {
            blocks.saturating_add(1)
        } else {
            1
        };
        self.last = (held, blocks);
        if let Some((key, missed)) = &mut self.down {
            if held == Some(*key) {
                *missed = 0;
                return None;
            }
            *missed += 1;
            if *missed >= LET_GO {
                self.down = None;
            }
        }
        let key = held.filter(|_| blocks >= least)?;
        self.down = Some((key, 0));
        Some(key)
    }
}

impl Block {
    /// How often the sign changes.
    fn changes(&self) -> usize {
        let pairs = self.samples.iter().zip(&self.samples[1..]);
        pairs
            .filter(|(one, next)| (**one < 0) != (**next < 0))
            .count()
    }

    /// The key that a whole block holds.
    fn key(&self, coefficients: &[f32; 8]) -> Option<char> {
        if !CHANGES.contains(&self.changes()) {
            return None;
        }
        // Of each filter, the last two values.
        let mut filters = [[0.0; 2]; 8];
        let mut energy = 0.0;
        for sample in self.samples.map(f32::from) {
            energy += sample * sample;
            for (filter, coefficient) in filters.iter_mut().zip(coefficients) {
                let [last, before] = *filter;
                *filter = [sample + coefficient * last - before, last];
            }
        }
        let half = BLOCK as f32 / 2.0;
        let mut power = [0.0; 8];
        for ((power, filter), coefficient) in power.iter_mut().zip(&filters).zip(coefficients) {
            let [last, before] = *filter;
            *power = last * last + before * before - coefficient * last * before;
        }
        let (low, high) = power.split_at(4);
        let (row, low) = peak(low)?;
        let (column, high) = peak(high)?;
        let softest = (SOFTEST * half) * (SOFTEST * half);
        let is_key = low.min(high) >= softest
            && high <= low * HIGH_OVER_LOW
            && low <= high * LOW_OVER_HIGH
            && low + high >= energy * half * SHARE;
        is_key.then(|| KEYS[row][column])
    }
}

/// The tone that stands out of its group.
fn peak(powers: &[f32]) -> Option<(usize, f32)> {
    let (place, &most) = powers
        .iter()
        .enumerate()
        .max_by(|(_, one), (_, two)| one.total_cmp(two))?;
    let others = powers.iter().enumerate().filter(|&(n, _)| n != place);
    others
        .into_iter()
        .all(|(_, other)| most >= other * PEAK)
        .then_some((place, most))
}

#[cfg(test)]
mod tests;
