//! Every operator gives what tract gives.

use prost::Message;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};
use tract_onnx::prelude::*;

use super::*;
use crate::graph::{Fixed, Folded, Graph};

/// A graph of one input `x`, one state `s` that passes through, and an output `y`.
struct Case {
    shape: Vec<usize>,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Case {
    fn new(shape: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            nodes: Vec::new(),
            constants: Vec::new(),
        }
    }

    fn floats(mut self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        self.constants.push(TensorProto {
            name: name.to_owned(),
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: 1,
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// Constants of any values between -1 and 1.
    fn any(self, name: &str, shape: &[usize]) -> Self {
        let values = noise(shape.iter().product(), name.len() as u32 + 5);
        self.floats(name, shape, &values)
    }

    fn wholes(mut self, name: &str, shape: &[usize], values: &[i64]) -> Self {
        self.constants.push(TensorProto {
            name: name.to_owned(),
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: 7,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// `output = operator(inputs)`; inputs and outputs are parted by blanks.
    fn node(mut self, operator: &str, inputs: &str, output: &str) -> Self {
        let names = |names: &str| names.split(' ').map(str::to_owned).collect();
        self.nodes.push(NodeProto {
            name: format!("{operator}-{}", self.nodes.len()),
            op_type: operator.to_owned(),
            input: names(inputs),
            output: names(output),
            ..NodeProto::default()
        });
        self
    }

    fn of(mut self, name: &str, value: i64) -> Self {
        self.attribute(name, 2).i = value;
        self
    }

    fn list(mut self, name: &str, values: &[i64]) -> Self {
        self.attribute(name, 7).ints = values.to_vec();
        self
    }

    fn attribute(&mut self, name: &str, kind: i32) -> &mut AttributeProto {
        let attributes = &mut self.nodes.last_mut().unwrap().attribute;
        attributes.push(AttributeProto {
            name: name.to_owned(),
            r#type: kind,
            ..AttributeProto::default()
        });
        attributes.last_mut().unwrap()
    }

    fn graph(self) -> Graph {
        let declared = |name: &str, shape: Option<&[usize]>| ValueInfoProto {
            name: name.to_owned(),
            r#type: Some(TypeProto {
                value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                    elem_type: 1,
                    shape: shape.map(|shape| TensorShapeProto {
                        dim: shape
                            .iter()
                            .map(|&size| tensor_shape_proto::Dimension {
                                value: Some(tensor_shape_proto::dimension::Value::DimValue(
                                    size as i64,
                                )),
                                ..tensor_shape_proto::Dimension::default()
                            })
                            .collect(),
                    }),
                })),
                ..TypeProto::default()
            }),
            ..ValueInfoProto::default()
        };
        let case = self.node("Identity", "s", "next");
        let model = ModelProto {
            ir_version: 7,
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: 13,
            }],
            graph: Some(GraphProto {
                name: "case".to_owned(),
                node: case.nodes,
                initializer: case.constants,
                input: vec![declared("x", Some(&case.shape)), declared("s", Some(&[2]))],
                output: vec![declared("y", None), declared("next", None)],
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        };
        Graph::decode(&model.encode_to_vec()).unwrap()
    }

    /// The graph with fixed shapes, and its steps.
    fn plan(self) -> (Folded, Result<Plan, String>) {
        let (shape, graph) = (self.shape.clone(), self.graph());
        let inputs: Vec<Fixed> = vec![(f32::datum_type(), shape), (f32::datum_type(), vec![2])];
        let folded = graph.folded(&inputs).unwrap();
        let names = ["x".to_owned(), "s".to_owned()];
        let given = Given {
            graph: graph.proto().graph.as_ref().unwrap(),
            folded: &folded,
            inputs: &names.into_iter().zip(inputs).collect::<Vec<_>>(),
        };
        let plan = Plan::build(&given);
        (folded, plan)
    }

    /// Both ways give the same, run after run.
    fn check(self) {
        let operators: Vec<String> = self.nodes.iter().map(|node| node.op_type.clone()).collect();
        let shape = self.shape.clone();
        let (folded, plan) = self.plan();
        let plan = plan.unwrap_or_else(|unknown| panic!("{operators:?}: {unknown}"));
        let tract = folded.plan().unwrap();
        for seed in 1..4 {
            let x = noise(shape.iter().product(), seed);
            let mut state = [0.25, -3.0];
            let mut found = Vec::new();
            plan.run(&x, &mut state, &mut found);
            let given = tvec!(
                Tensor::from_shape(&shape, &x).unwrap().into_tvalue(),
                tensor1(&state).into_tvalue()
            );
            let expected = tract.run(given).unwrap().remove(0);
            assert_eq!(plan.output(), expected.shape(), "{operators:?}");
            let expected = expected.cast_to::<f32>().unwrap();
            let expected = expected.to_plain_array_view::<f32>().unwrap();
            for (number, (found, expected)) in found.iter().zip(expected.iter()).enumerate() {
                let near = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                assert!(
                    near || found.is_nan() && expected.is_nan(),
                    "{operators:?}, value {number}: {found} instead of {expected}"
                );
            }
            assert_eq!(state, [0.25, -3.0]);
        }
    }
}

/// Values between -1 and 1.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn functions_of_each_value() {
    let all = [
        "Neg",
        "Abs",
        "Relu",
        "Sigmoid",
        "Tanh",
        "Exp",
        "Erf",
        "Softplus",
        "Reciprocal",
        "Sqrt",
        "Log",
    ];
    for operator in all {
        Case::new(&[3, 7]).node(operator, "x", "y").check();
    }
    for exponent in [2.0, 0.5, -0.5, -1.0, 1.0, 3.0] {
        let case = Case::new(&[5]).floats("e", &[], &[exponent]);
        case.node("Abs", "x", "a").node("Pow", "a e", "y").check();
    }
}

#[test]
fn functions_of_two_values_spread_the_smaller() {
    for operator in ["Add", "Sub", "Mul", "Div", "Max", "Min"] {
        for shape in [&[3, 4, 5][..], &[5], &[4, 1], &[3, 1, 1], &[3, 4, 1], &[]] {
            let case = Case::new(&[3, 4, 5]).any("c", shape);
            case.node(operator, "x c", "y").check();
            let case = Case::new(&[3, 4, 5]).any("c", shape);
            case.node(operator, "c x", "y").check();
        }
        let case = Case::new(&[3, 4]).node("Sigmoid", "x", "a");
        case.node(operator, "x a", "b")
            .node(operator, "b b", "y")
            .check();
    }
    let case = Case::new(&[1, 4]).any("c", &[300, 1]);
    case.node("Mul", "x c", "a")
        .node("Sigmoid", "a", "y")
        .check();
}

#[test]
fn comparisons_choose() {
    for operator in ["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"] {
        let case = Case::new(&[4, 6])
            .floats("half", &[], &[0.25])
            .any("other", &[6]);
        case.node(operator, "x half", "is")
            .node("Where", "is x other", "a")
            .node("Not", "is", "not")
            .node("Where", "not half a", "y")
            .check();
    }
}

#[test]
fn the_swoosh_is_one_step() {
    let case = Case::new(&[16, 1, 100])
        .floats("one", &[], &[1.0])
        .floats("slope", &[], &[0.08])
        .floats("most", &[], &[f32::INFINITY])
        .node("Mul", "x slope", "line")
        .node("Sub", "x one", "less")
        .node("Exp", "less", "exp")
        .node("Add", "exp one", "more")
        .node("Log", "more", "log")
        .node("Equal", "log most", "is")
        .node("Where", "is less log", "soft")
        .node("Sub", "soft line", "y");
    // The other one keeps the state.
    assert_eq!(case.plan().1.unwrap().steps.len(), 2);
}

#[test]
fn shapes_turn_split_and_join() {
    Case::new(&[2, 3, 4])
        .node("Transpose", "x", "y")
        .list("perm", &[2, 0, 1])
        .check();
    let case = Case::new(&[2, 3, 4]).wholes("to", &[2], &[4, 6]);
    case.node("Transpose", "x", "a")
        .list("perm", &[1, 0, 2])
        .node("Reshape", "a to", "b")
        .node("Relu", "b", "y")
        .check();
    let case = Case::new(&[4, 6]).wholes("sizes", &[2], &[2, 4]);
    case.node("Split", "x sizes", "a b")
        .of("axis", 1)
        .node("Concat", "b x a", "y")
        .of("axis", -1)
        .check();
    let case = Case::new(&[1, 4, 1]).wholes("to", &[3], &[2, 4, 5]);
    case.node("Expand", "x to", "a")
        .node("Exp", "a", "y")
        .check();
    let case = Case::new(&[2, 3]).wholes("times", &[2], &[3, 2]);
    case.node("Tile", "x times", "y").check();
    for (start, end, step) in [(1, 5, 2), (-3, i64::MAX, 1), (-1, i64::MIN, -1), (4, 0, -2)] {
        let case = Case::new(&[3, 6, 2])
            .wholes("start", &[1], &[start])
            .wholes("end", &[1], &[end])
            .wholes("axis", &[1], &[1])
            .wholes("step", &[1], &[step]);
        case.node("Slice", "x start end axis step", "y").check();
    }
    let case = Case::new(&[2, 3])
        .wholes("pads", &[4], &[1, 0, 2, 3])
        .floats("v", &[], &[0.5]);
    case.node("Pad", "x pads v", "y").check();
    for places in [&[2, 0, 1][..], &[1, 2], &[-1]] {
        let case = Case::new(&[3, 4]).wholes("at", &[places.len()], places);
        case.node("Gather", "x at", "y").of("axis", 0).check();
    }
    let case = Case::new(&[2, 3]).wholes("at", &[2, 2], &[0, 2, 1, -1]);
    case.node("GatherElements", "x at", "y")
        .of("axis", 1)
        .check();
}

#[test]
fn products_of_any_size() {
    for (rows, inner, columns) in [(1, 1, 1), (3, 5, 17), (6, 20, 16), (7, 9, 40)] {
        let case = Case::new(&[1, rows, inner])
            .any("w", &[inner, columns])
            .any("b", &[columns]);
        case.node("MatMul", "x w", "a")
            .node("Add", "b a", "y")
            .check();
        let case = Case::new(&[rows, inner])
            .any("w", &[columns, inner])
            .any("b", &[columns]);
        case.node("Gemm", "x w b", "y").of("transB", 1).check();
        let case = Case::new(&[2, rows, inner]).any("w", &[2, inner, columns]);
        case.node("MatMul", "x w", "y").check();
    }
    let case = Case::new(&[5, 1, 24]).wholes("heads", &[4], &[5, 1, 4, 6]);
    case.node("Reshape", "x heads", "h")
        .node("Transpose", "h", "q")
        .list("perm", &[2, 1, 0, 3])
        .node("Transpose", "h", "k")
        .list("perm", &[2, 1, 3, 0])
        .node("MatMul", "q k", "scores")
        .node("Softmax", "scores", "weights")
        .of("axis", -1)
        .node("MatMul", "weights q", "y")
        .check();
}

#[test]
fn a_bias_is_added_to_what_it_belongs_to() {
    let heads = |columns: usize| {
        Case::new(&[1, 5, 4])
            .any("w", &[4, 6])
            .any("b", &[columns])
            .wholes("heads", &[4], &[1, 5, 6 / columns as i64, columns as i64])
            .node("MatMul", "x w", "a")
    };
    for columns in [2, 6] {
        // Only as many numbers as the product has columns are its bias.
        heads(columns)
            .node("Reshape", "a heads", "h")
            .node("Add", "h b", "y")
            .check();
        heads(columns)
            .node("Reshape", "a heads", "h")
            .node("Add", "h b", "sum")
            .node("Reshape", "a heads", "bare")
            .node("Mul", "sum bare", "y")
            .check();
    }
    let square = Case::new(&[1, 6, 4]).any("w", &[4, 6]).any("b", &[6]);
    square
        .node("MatMul", "x w", "a")
        .node("Transpose", "a", "t")
        .list("perm", &[0, 2, 1])
        .node("Add", "t b", "y")
        .check();
}

/// Shape, weights' shape, groups, strides and padding of a convolution.
type Kind = (
    &'static [usize],
    &'static [usize],
    i64,
    &'static [i64],
    &'static [i64],
);

#[test]
fn convolutions_of_any_kind() {
    let kinds: [Kind; 7] = [
        (&[1, 3, 9, 7], &[5, 3, 3, 3], 1, &[1, 1], &[0, 1, 0, 1]),
        (&[1, 3, 9, 40], &[5, 3, 3, 3], 1, &[2, 2], &[0, 0, 0, 0]),
        (&[1, 4, 9, 7], &[4, 1, 7, 7], 4, &[1, 1], &[0, 3, 0, 3]),
        (&[1, 4, 9, 7], &[8, 1, 3, 3], 4, &[1, 2], &[0, 0, 0, 0]),
        (&[1, 4, 6, 5], &[6, 2, 1, 1], 2, &[1, 1], &[0, 0, 0, 0]),
        (&[1, 6, 50], &[6, 1, 31], 6, &[1], &[15, 15]),
        (&[1, 6, 20], &[4, 6, 5], 1, &[3], &[2, 1]),
    ];
    for (shape, weights, groups, steps, pads) in kinds {
        let case = Case::new(shape)
            .any("w", weights)
            .any("bias", &[weights[0]]);
        case.node("Conv", "x w bias", "y")
            .of("group", groups)
            .list(
                "kernel_shape",
                &weights[2..]
                    .iter()
                    .map(|&size| size as i64)
                    .collect::<Vec<_>>(),
            )
            .list("strides", steps)
            .list("pads", pads)
            .check();
    }
}

#[test]
fn rows_are_reduced_and_normalised() {
    for axes in [&[2][..], &[1], &[0, 2], &[-2]] {
        for operator in ["ReduceMean", "ReduceMax"] {
            Case::new(&[3, 20, 11])
                .node(operator, "x", "y")
                .list("axes", axes)
                .check();
        }
        let case = Case::new(&[3, 20, 11]).wholes("axes", &[axes.len()], axes);
        case.node("ReduceSum", "x axes", "y")
            .of("keepdims", 0)
            .check();
    }
    for axis in [-1, 1] {
        Case::new(&[2, 9, 5])
            .node("Softmax", "x", "y")
            .of("axis", axis)
            .check();
        Case::new(&[2, 9, 5])
            .node("LogSoftmax", "x", "y")
            .of("axis", axis)
            .check();
    }
    let case = Case::new(&[2, 9, 5]).wholes("axis", &[], &[1]);
    case.node("CumSum", "x axis", "y").check();
    let case = Case::new(&[1, 6, 5])
        .any("s1", &[6])
        .any("b", &[6])
        .any("m", &[6]);
    let case = case.floats("v", &[6], &[0.5, 1.0, 2.0, 0.1, 3.0, 1.5]);
    case.node("BatchNormalization", "x s1 b m v", "y").check();
}

#[test]
fn quantised_products_are_those_of_the_definition() {
    let mut case = Case::new(&[3, 37]);
    let weights: Vec<i8> = noise(37 * 18, 9)
        .iter()
        .map(|x| (x * 127.0) as i8)
        .collect();
    for (name, dims, values) in [("w", vec![37, 18], weights), ("z", vec![], vec![3])] {
        case.constants.push(TensorProto {
            name: name.to_owned(),
            dims,
            data_type: 3,
            int32_data: values.iter().map(|&value| i32::from(value)).collect(),
            ..TensorProto::default()
        });
    }
    case.node("DynamicQuantizeLinear", "x", "q scale zero")
        .node("MatMulInteger", "q w zero z", "whole")
        .node("Cast", "whole", "a")
        .of("to", 1)
        .node("Mul", "a scale", "y")
        .check();
}

#[test]
fn what_is_not_known_is_named() {
    let case = Case::new(&[1, 4, 4, 4]).node("GlobalAveragePool", "x", "y");
    let unknown = case.plan().1.err().unwrap();
    assert!(unknown.contains("(GlobalAveragePool)"), "{unknown}");
}
