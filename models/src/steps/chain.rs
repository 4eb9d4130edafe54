//! Many operations on each value at once, a block of values at a time, so that what is between them
//! never leaves the processor's nearest memory.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

use super::access::Access;
use super::math;
use super::view::View;

/// Values that are worked on together.
const BLOCK: usize = 256;
/// Blocks that a chain may keep at a time.
const REGISTERS: usize = 16;
/// The longest chain.
pub(super) const MAX_NODES: usize = 48;
/// The most tensors that a chain may read.
pub(super) const MAX_INPUTS: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unary {
    Negate,
    Absolute,
    Relu,
    Sigmoid,
    Tanh,
    Exp,
    Ln,
    Sqrt,
    InverseSqrt,
    Reciprocal,
    Square,
    Erf,
    Softplus,
    Not,
    /// Towards zero, as a float becomes a whole number.
    Truncate,
    IsNot0,
    Copy,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Most,
    Least,
    Power,
    Equal,
    Less,
    LessOrEqual,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Argument {
    Input(usize),
    /// What an earlier node gave.
    Node(usize),
    Number(f32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Node {
    Unary(Unary, Argument),
    Binary(Binary, Argument, Argument),
    /// The second where the first is not 0, else the third.
    Choose(Argument, Argument, Argument),
}

/// What is done to each value; the last node gives the result.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// Each in the result's shape.
    pub(super) inputs: Vec<View>,
    pub(super) nodes: Vec<Node>,
}

impl Node {
    pub(super) fn arguments(&self) -> Vec<Argument> {
        match *self {
            Self::Unary(_, a) => vec![a],
            Self::Binary(_, a, b) => vec![a, b],
            Self::Choose(a, b, c) => vec![a, b, c],
        }
    }

    pub(super) fn map(self, of: impl Fn(Argument) -> Argument) -> Self {
        match self {
            Self::Unary(unary, a) => Self::Unary(unary, of(a)),
            Self::Binary(binary, a, b) => Self::Binary(binary, of(a), of(b)),
            Self::Choose(a, b, c) => Self::Choose(of(a), of(b), of(c)),
        }
    }
}

/// A chain with a place for everything.
pub(super) struct Program {
    inputs: Vec<Access>,
    acts: Vec<Act>,
    result: usize,
}

/// Where a chain's values are while it works; nothing of them is read before it is written, but
/// for lanes that have no value.
pub(super) struct Registers(Box<[[f32; BLOCK]; REGISTERS]>);

impl Default for Registers {
    fn default() -> Self {
        Self(Box::new([[0.0; BLOCK]; REGISTERS]))
    }
}

/// A register, or a number.
#[derive(Clone, Copy)]
enum Operand {
    Register(usize),
    Number(f32),
}

enum Act {
    Load { input: usize, to: usize },
    Unary(Unary, usize, usize),
    Binary(Binary, [Operand; 2], usize),
    Choose([Operand; 3], usize),
}

impl Program {
    /// None if the chain keeps too many values at a time.
    pub(super) fn new(chain: &Chain) -> Option<Self> {
        let mut writer = Writer::new(chain);
        for (number, node) in chain.nodes.iter().enumerate() {
            writer.node(number, *node)?;
        }
        let last = Argument::Node(chain.nodes.len().checked_sub(1)?);
        let Operand::Register(result) = writer.operand(last)? else {
            return None;
        };
        Some(Self {
            inputs: chain.inputs.iter().map(Access::of).collect(),
            acts: writer.acts,
            result,
        })
    }

    #[inline(always)]
    pub(super) fn run(&self, inputs: &[&[f32]], to: &mut [f32], registers: &mut Registers) {
        for (number, to) in to.chunks_mut(BLOCK).enumerate() {
            for act in &self.acts {
                self.act(act, inputs, number * BLOCK, to.len(), registers);
            }
            to.copy_from_slice(&registers.0[self.result][..to.len()]);
        }
    }

    #[inline(always)]
    fn act(
        &self,
        act: &Act,
        inputs: &[&[f32]],
        at: usize,
        length: usize,
        Registers(registers): &mut Registers,
    ) {
        match *act {
            Act::Load { input, to } => {
                self.inputs[input].read(inputs[input], at, &mut registers[to][..length]);
            }
            Act::Unary(unary, from, to) => {
                if let Ok([from, to]) = registers.get_disjoint_mut([from, to]) {
                    unary.run(from, to);
                }
            }
            Act::Binary(binary, [a, b], to) => match (a, b) {
                (Operand::Register(a), Operand::Register(b)) => {
                    if let Ok([a, b, to]) = registers.get_disjoint_mut([a, b, to]) {
                        binary.run(a, b, to);
                    } else {
                        let a = registers[a];
                        binary.run(&a, &a, &mut registers[to]);
                    }
                }
                (Operand::Register(a), Operand::Number(b)) => {
                    if let Ok([a, to]) = registers.get_disjoint_mut([a, to]) {
                        binary.with(a, b, to);
                    }
                }
                (Operand::Number(a), Operand::Register(b)) => {
                    if let Ok([b, to]) = registers.get_disjoint_mut([b, to]) {
                        binary.of(a, b, to);
                    }
                }
                (Operand::Number(a), Operand::Number(b)) => {
                    binary.run(&[a; BLOCK], &[b; BLOCK], &mut registers[to]);
                }
            },
            Act::Choose([which, a, b], to) => {
                let values = |operand: Operand| match operand {
                    Operand::Register(register) => registers[register],
                    Operand::Number(number) => [number; BLOCK],
                };
                let (which, a, b) = (values(which), values(a), values(b));
                let both = a.iter().zip(&b).zip(&which);
                for (to, ((&a, &b), &which)) in registers[to].iter_mut().zip(both) {
                    *to = if which == 0.0 { b } else { a };
                }
            }
        }
    }
}

/// Gives registers to a chain's values for as long as they are needed.
struct Writer {
    acts: Vec<Act>,
    free: Vec<usize>,
    /// The register of each input and of each node.
    places: [Vec<Option<usize>>; 2],
    /// The last node that reads each input, and each node.
    last: [Vec<usize>; 2],
}

impl Writer {
    fn new(chain: &Chain) -> Self {
        let (inputs, nodes) = (chain.inputs.len(), chain.nodes.len());
        let mut last = [vec![0; inputs], vec![0; nodes]];
        for (number, node) in chain.nodes.iter().enumerate() {
            for argument in node.arguments() {
                match argument {
                    Argument::Input(input) => last[0][input] = number,
                    Argument::Node(node) => last[1][node] = number,
                    Argument::Number(_) => {}
                }
            }
        }
        if let Some(result) = last[1].last_mut() {
            *result = usize::MAX;
        }
        Self {
            acts: Vec::new(),
            free: (0..REGISTERS).rev().collect(),
            places: [vec![None; inputs], vec![None; nodes]],
            last,
        }
    }

    fn operand(&mut self, argument: Argument) -> Option<Operand> {
        Some(match argument {
            Argument::Number(number) => Operand::Number(number),
            Argument::Node(node) => Operand::Register(self.places[1][node]?),
            Argument::Input(input) => {
                if self.places[0][input].is_none() {
                    let to = self.free.pop()?;
                    self.places[0][input] = Some(to);
                    self.acts.push(Act::Load { input, to });
                }
                Operand::Register(self.places[0][input]?)
            }
        })
    }

    fn node(&mut self, number: usize, node: Node) -> Option<()> {
        let operands: Vec<Operand> = node
            .arguments()
            .into_iter()
            .map(|argument| self.operand(argument))
            .collect::<Option<_>>()?;
        let to = self.free.pop()?;
        self.acts.push(match (node, &operands[..]) {
            (Node::Unary(unary, _), [Operand::Register(a)]) => Act::Unary(unary, *a, to),
            (Node::Binary(binary, ..), [a, b]) => Act::Binary(binary, [*a, *b], to),
            (Node::Choose(..), [which, a, b]) => Act::Choose([*which, *a, *b], to),
            _ => return None,
        });
        self.places[1][number] = Some(to);
        for kind in 0..2 {
            for (place, &last) in self.places[kind].iter_mut().zip(&self.last[kind]) {
                if last <= number
                    && let Some(register) = place.take_if(|register| *register != to)
                {
                    self.free.push(register);
                }
            }
        }
        Some(())
    }
}

#[inline(always)]
fn each(from: &[f32; BLOCK], to: &mut [f32; BLOCK], of: impl Fn(f32) -> f32) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = of(from);
    }
}

impl Unary {
    #[inline(always)]
    fn run(self, from: &[f32; BLOCK], to: &mut [f32; BLOCK]) {
        match self {
            Self::Negate => each(from, to, |x| -x),
            Self::Absolute => each(from, to, f32::abs),
            Self::Relu => each(from, to, |x| x.max(0.0)),
            Self::Sigmoid => each(from, to, math::sigmoid),
            Self::Tanh => each(from, to, math::tanh),
            Self::Exp => each(from, to, math::exp_to_infinity),
            Self::Ln => each(from, to, math::ln),
            Self::Sqrt => each(from, to, f32::sqrt),
            Self::InverseSqrt => each(from, to, |x| 1.0 / x.sqrt()),
            Self::Reciprocal => each(from, to, |x| 1.0 / x),
            Self::Square => each(from, to, |x| x * x),
            Self::Erf => each(from, to, math::erf),
            Self::Softplus => each(from, to, math::softplus),
            Self::Not => each(from, to, |x| flag(x == 0.0)),
            Self::IsNot0 => each(from, to, |x| flag(x != 0.0)),
            Self::Truncate => each(from, to, f32::trunc),
            Self::Copy => each(from, to, |x| x),
        }
    }
}

/// What a comparison gives.
#[inline(always)]
fn flag(is: bool) -> f32 {
    if is { 1.0 } else { 0.0 }
}

impl Binary {
    /// The function of two values in the given surroundings.
    #[inline(always)]
    fn apply(self, pairs: impl Pairs) {
        match self {
            Self::Add => pairs.each(|a, b| a + b),
            Self::Subtract => pairs.each(|a, b| a - b),
            Self::Multiply => pairs.each(|a, b| a * b),
            Self::Divide => pairs.each(|a, b| a / b),
            Self::Most => pairs.each(|a, b| if a.is_nan() || a > b { a } else { b }),
            Self::Least => pairs.each(|a, b| if a.is_nan() || a < b { a } else { b }),
            Self::Power => pairs.each(f32::powf),
            Self::Equal => pairs.each(|a, b| flag(a == b)),
            Self::Less => pairs.each(|a, b| flag(a < b)),
            Self::LessOrEqual => pairs.each(|a, b| flag(a <= b)),
            Self::And => pairs.each(|a, b| flag(a != 0.0 && b != 0.0)),
            Self::Or => pairs.each(|a, b| flag(a != 0.0 || b != 0.0)),
        }
    }

    #[inline(always)]
    fn run(self, a: &[f32; BLOCK], b: &[f32; BLOCK], to: &mut [f32; BLOCK]) {
        self.apply(Two(a, b, to));
    }

    #[inline(always)]
    fn with(self, a: &[f32; BLOCK], b: f32, to: &mut [f32; BLOCK]) {
        self.apply(First(a, b, to));
    }

    #[inline(always)]
    fn of(self, a: f32, b: &[f32; BLOCK], to: &mut [f32; BLOCK]) {
        self.apply(Second(a, b, to));
    }
}

/// Where a function of two values finds them.
trait Pairs {
    fn each(self, of: impl Fn(f32, f32) -> f32);
}

struct Two<'a>(&'a [f32; BLOCK], &'a [f32; BLOCK], &'a mut [f32; BLOCK]);
struct First<'a>(&'a [f32; BLOCK], f32, &'a mut [f32; BLOCK]);
struct Second<'a>(f32, &'a [f32; BLOCK], &'a mut [f32; BLOCK]);

impl Pairs for Two<'_> {
    #[inline(always)]
    fn each(self, of: impl Fn(f32, f32) -> f32) {
        for lane in 0..BLOCK {
            self.2[lane] = of(self.0[lane], self.1[lane]);
        }
    }
}

impl Pairs for First<'_> {
    #[inline(always)]
    fn each(self, of: impl Fn(f32, f32) -> f32) {
        each(self.0, self.2, |a| of(a, self.1));
    }
}

impl Pairs for Second<'_> {
    #[inline(always)]
    fn each(self, of: impl Fn(f32, f32) -> f32) {
        each(self.1, self.2, |b| of(self.0, b));
    }
}
