//! A model file, decoded and checked, and the way from it to a plan that runs.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::pb::{ModelProto, ValueInfoProto};
use tract_onnx::prelude::*;

use crate::Error;
use crate::guard::{self, MAX_MODEL_BYTES, MAX_TENSOR_ELEMENTS};
use crate::{fold, wire};

/// The most characters of a metadata value that are read.
const MAX_VALUE_CHARS: usize = 4_096;
/// The most entries of a metadata list.
const MAX_LIST: usize = 64;

/// A decoded file that passed the checks of [`guard`].
pub(crate) struct Graph {
    onnx: Onnx,
    proto: ModelProto,
    /// What the file says of itself.
    pub(crate) metadata: Metadata,
}

/// One input or output as the file declares it; a dimension is none where it is a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) kind: Option<DatumType>,
    pub(crate) shape: Option<Vec<Option<i64>>>,
}

/// A tensor's type and fixed shape.
pub(crate) type Fixed = (DatumType, Vec<usize>);

impl Graph {
    /// Reads and checks a file.
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        Self::of(file, &read(file)?)
    }

    /// Checks the bytes of a file; `file` is what messages call it.
    pub(crate) fn of(file: &Path, bytes: &[u8]) -> Result<Self, Error> {
        guarded(file, || Self::decode(bytes))
    }

    /// Checks the bytes of a file; the message says what is wrong and the remedy.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        wire::check(bytes)?;
        let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
        fold::register(&mut onnx);
        let mut proto = onnx
            .proto_model_for_read(&mut &*bytes)
            .map_err(|_| "it is no ONNX file, or a truncated one; install it again".to_owned())?;
        guard::check(&proto, &onnx)?;
        name_nodes(&mut proto);
        let metadata = Metadata::of(&proto);
        Ok(Self {
            onnx,
            proto,
            metadata,
        })
    }

    /// The inputs that a caller gives, in the file's order.
    pub(crate) fn inputs(&self) -> Vec<Declared> {
        let Some(graph) = &self.proto.graph else {
            return Vec::new();
        };
        let stored: Vec<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        graph
            .input
            .iter()
            .filter(|input| !stored.contains(&input.name.as_str()))
            .map(declared)
            .collect()
    }

    /// The outputs in the file's order.
    pub(crate) fn outputs(&self) -> Vec<Declared> {
        let graph = self.proto.graph.as_ref();
        graph.map_or_else(Vec::new, |graph| {
            graph.output.iter().map(declared).collect()
        })
    }

    /// The decoded file.
    pub(crate) fn proto(&self) -> &ModelProto {
        &self.proto
    }

    /// Fixes the inputs' shapes, folds what follows from them, and lets tract optimise.
    pub(crate) fn plan(&self, inputs: &[Fixed]) -> Result<Arc<TypedSimplePlan>, String> {
        self.folded(inputs)?.plan()
    }

    /// Fixes the inputs' shapes and computes what follows from them.
    pub(crate) fn folded(&self, inputs: &[Fixed]) -> Result<Folded, String> {
        let parsed = self
            .onnx
            .parse(&self.proto, None)
            .map_err(|error| brief(&error))?;
        let mut model = parsed.model;
        for (index, (kind, shape)) in inputs.iter().enumerate() {
            let fact = InferenceFact::dt_shape(*kind, shape);
            model
                .set_input_fact(index, fact)
                .map_err(|error| brief(&error))?;
        }
        fold::fold(&mut model)?;
        let sets = self.proto.opset_import.iter();
        let own = sets.filter(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
        Ok(Folded {
            model,
            outlets: parsed.outlets_by_name,
            operators: own.map(|set| set.version).max().unwrap_or(0),
        })
    }
}

/// A graph whose shapes are fixed, and what is known of each name in it.
pub(crate) struct Folded {
    model: InferenceModel,
    outlets: HashMap<String, OutletId>,
    /// The version of the operator set.
    pub(crate) operators: i64,
}

impl Folded {
    /// Lets tract optimise it.
    pub(crate) fn plan(self) -> Result<Arc<TypedSimplePlan>, String> {
        let model = self.model.into_optimized().map_err(|error| brief(&error))?;
        model.into_runnable().map_err(|error| brief(&error))
    }

    /// Type, shape and, where it is a constant, value of a name.
    pub(crate) fn fact(&self, name: &str) -> Option<&InferenceFact> {
        self.model.outlet_fact(*self.outlets.get(name)?).ok()
    }
}

/// Gives every node a name of its own: ONNX does not ask for that, tract does.
fn name_nodes(proto: &mut ModelProto) {
    let Some(graph) = &mut proto.graph else {
        return;
    };
    let inputs = graph.input.iter().map(|input| input.name.clone());
    let tensors = graph.initializer.iter().map(|tensor| tensor.name.clone());
    let mut taken: HashSet<String> = inputs.chain(tensors).collect();
    for (index, node) in graph.node.iter_mut().enumerate() {
        if node.name.is_empty() {
            node.name = node.output.first().cloned().unwrap_or_default();
        }
        while !taken.insert(node.name.clone()) {
            node.name = format!("{}#{index}", node.name);
        }
    }
}

/// Runs what tract may object to by an assertion: whatever passes our checks and still trips over
/// one is a bad file to the caller, not a bug in the call.
pub(crate) fn guarded<T>(
    file: &Path,
    build: impl FnOnce() -> Result<T, String>,
) -> Result<T, Error> {
    let problem = match catch_unwind(AssertUnwindSafe(build)) {
        Ok(Ok(made)) => return Ok(made),
        Ok(Err(problem)) => problem,
        Err(_) => "its graph contradicts itself; export it again".to_owned(),
    };
    Err(Error::Unusable {
        file: file.to_owned(),
        problem,
    })
}

/// The shape of a plan's output, which must be fixed.
pub(crate) fn output_shape(plan: &TypedSimplePlan, index: usize) -> Result<Fixed, String> {
    let fact = plan
        .model()
        .output_fact(index)
        .map_err(|error| brief(&error))?;
    let shape = fact.shape.as_concrete().map(<[usize]>::to_vec);
    let shape = shape
        .ok_or_else(|| format!("output {index} has no fixed shape; export with fixed shapes"))?;
    Ok((fact.datum_type, shape))
}

/// What a file's metadata says, by key.
#[derive(Default)]
pub(crate) struct Metadata(HashMap<String, String>);

impl Metadata {
    fn of(proto: &ModelProto) -> Self {
        let entries = proto.metadata_props.iter();
        Self(
            entries
                .map(|entry| {
                    let value = entry.value.chars().take(MAX_VALUE_CHARS).collect();
                    (entry.key.clone(), value)
                })
                .collect(),
        )
    }

    /// The value of a key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim())
    }

    /// A size above 0 that must be there.
    pub(crate) fn size(&self, key: &str, contract: &str) -> Result<usize, String> {
        let value = self.text(key).ok_or_else(|| {
            format!("its metadata lacks `{key}`; export it for sherpa-onnx's {contract} contract")
        })?;
        size(key, value)
    }

    /// A size above 0, or the default where the key is absent.
    pub(crate) fn size_or(&self, key: &str, default: usize) -> Result<usize, String> {
        self.text(key).map_or(Ok(default), |value| size(key, value))
    }

    /// A comma-separated list of sizes above 0 that must be there.
    pub(crate) fn sizes(&self, key: &str, contract: &str) -> Result<Vec<usize>, String> {
        let value = self.text(key).ok_or_else(|| {
            format!("its metadata lacks `{key}`; export it for sherpa-onnx's {contract} contract")
        })?;
        let sizes: Vec<usize> = value
            .split(',')
            .take(MAX_LIST + 1)
            .map(|part| size(key, part.trim()))
            .collect::<Result<_, _>>()?;
        if sizes.len() > MAX_LIST {
            return Err(format!(
                "its metadata `{key}` has more than {MAX_LIST} entries"
            ));
        }
        Ok(sizes)
    }
}

fn size(key: &str, value: &str) -> Result<usize, String> {
    match value.parse::<usize>() {
        Ok(size) if (1..=MAX_TENSOR_ELEMENTS).contains(&size) => Ok(size),
        _ => Err(format!(
            "its metadata `{key}` must be a whole number above 0, got `{value}`"
        )),
    }
}

fn declared(info: &ValueInfoProto) -> Declared {
    use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
    use tract_onnx::pb::type_proto::Value;

    let tensor = info
        .r#type
        .as_ref()
        .and_then(|kind| kind.value.as_ref())
        .map(|Value::TensorType(tensor)| tensor);
    let shape = tensor
        .and_then(|tensor| tensor.shape.as_ref())
        .map(|shape| {
            let dims = shape.dim.iter().map(|dim| match dim.value {
                Some(Dim::DimValue(value)) => Some(value),
                _ => None,
            });
            dims.collect()
        });
    Declared {
        name: info.name.clone(),
        kind: tensor.and_then(|tensor| datum_type(tensor.elem_type)),
        shape,
    }
}

/// The ONNX types that inputs and outputs of the contracts have.
fn datum_type(elem_type: i32) -> Option<DatumType> {
    match elem_type {
        1 => Some(f32::datum_type()),
        6 => Some(i32::datum_type()),
        7 => Some(i64::datum_type()),
        10 => Some(f16::datum_type()),
        _ => None,
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        file: file.to_owned(),
        source,
    };
    let refused = |problem: String| Error::Unusable {
        file: file.to_owned(),
        problem,
    };
    let about = fs::metadata(file).map_err(failed)?;
    if !about.is_file() {
        return Err(refused("it is no file; give the ONNX file".to_owned()));
    }
    let size = about.len();
    if size > MAX_MODEL_BYTES {
        let problem = format!("it has {size} bytes, the limit is {MAX_MODEL_BYTES}");
        return Err(refused(problem));
    }
    let mut bytes = Vec::new();
    let mut opened = File::open(file).map_err(failed)?.take(MAX_MODEL_BYTES);
    opened.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// tract's chain of causes on one line, without the dump of a whole node that may end it.
pub(crate) fn brief(error: &TractError) -> String {
    let mut text = format!("{error:#}").replace('\n', " ");
    if let Some((end, _)) = text.char_indices().nth(240) {
        text.truncate(end);
        text.push('…');
    }
    text
}
