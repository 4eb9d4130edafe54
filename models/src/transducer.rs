//! The part of a transducer that reads what was emitted: decoder and joiner.
//!
//! Source: sherpa-onnx, `online-transducer-model.cc`. The decoder takes the last `context_size`
//! tokens `y[1, context_size]` and gives `decoder_out[1, values]`; the joiner takes `encoder_out`
//! and `decoder_out` and gives `logit[1, vocab_size]`. Token 0 is the blank. A stream begins with
//! the context `[-1, …, 0]`.

use std::path::Path;
use std::sync::Arc;

use tract_onnx::prelude::*;

use crate::Error;
use crate::graph::{Fixed, Graph, brief, guarded, output_shape};
use crate::stateful::{check_declared, copy};

const CONTRACT: &str = "transducer";
/// The most tokens that a decoder may look back on.
const MAX_CONTEXT: usize = 16;
/// The most tokens of a vocabulary.
const MAX_VOCABULARY: usize = 1 << 20;

/// Decoder and joiner with their plans, shared by all streams.
pub struct Joint {
    decoder: Arc<TypedSimplePlan>,
    joiner: Arc<TypedSimplePlan>,
    context: usize,
    vocabulary: usize,
    encoder_width: usize,
    decoder_shape: Vec<usize>,
}

impl Joint {
    /// Reads, checks and optimises both files. `encoder_width` is what the encoder gives.
    pub fn load(decoder: &Path, joiner: &Path, encoder_width: usize) -> Result<Self, Error> {
        let graph = Graph::read(decoder)?;
        let (plan, context, vocabulary) = guarded(decoder, || Self::decoder(&graph))?;
        let (_, decoder_shape) = guarded(decoder, || output_shape(&plan, 0))?;
        let graph = Graph::read(joiner)?;
        let joiner = guarded(joiner, || {
            Self::joiner(&graph, encoder_width, &decoder_shape, vocabulary)
        })?;
        Ok(Self {
            decoder: plan,
            joiner,
            context,
            vocabulary,
            encoder_width,
            decoder_shape,
        })
    }

    fn decoder(graph: &Graph) -> Result<(Arc<TypedSimplePlan>, usize, usize), String> {
        let context = graph.metadata.size("context_size", CONTRACT)?;
        let vocabulary = graph.metadata.size("vocab_size", CONTRACT)?;
        if context > MAX_CONTEXT || vocabulary > MAX_VOCABULARY {
            return Err(format!(
                "metadata `context_size` must be at most {MAX_CONTEXT} and `vocab_size` at most \
                 {MAX_VOCABULARY}, got `{context}` and `{vocabulary}`"
            ));
        }
        let plan = plan(graph, &[(i64::datum_type(), vec![1, context])])?;
        Ok((plan, context, vocabulary))
    }

    fn joiner(
        graph: &Graph,
        encoder_width: usize,
        decoder_shape: &[usize],
        vocabulary: usize,
    ) -> Result<Arc<TypedSimplePlan>, String> {
        let inputs = [
            (f32::datum_type(), vec![1, encoder_width]),
            (f32::datum_type(), decoder_shape.to_vec()),
        ];
        let plan = plan(graph, &inputs)?;
        let (_, shape) = output_shape(&plan, 0)?;
        if shape != [1, vocabulary] {
            return Err(format!(
                "its logits have shape {shape:?}, the decoder's `vocab_size` asks for \
                 [1, {vocabulary}]; use the files of one export"
            ));
        }
        Ok(plan)
    }

    /// Tokens that the decoder looks back on.
    pub const fn context(&self) -> usize {
        self.context
    }

    /// Tokens, the blank (token 0) included.
    pub const fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// A stream's own scratch space.
    pub fn session(&self) -> Result<JointSession, Error> {
        let spawn =
            |plan: &Arc<TypedSimplePlan>| plan.spawn().map_err(|error| Error::Run(brief(&error)));
        Ok(JointSession {
            decoder: spawn(&self.decoder)?,
            joiner: spawn(&self.joiner)?,
            context: self.context,
            vocabulary: self.vocabulary,
            encoder_width: self.encoder_width,
            decoder_shape: self.decoder_shape.clone(),
        })
    }
}

/// What a decoder says of a context, to be joined with any output of the encoder.
#[derive(Clone)]
pub struct Prediction(TValue);

impl Prediction {
    /// Whether it is made of numbers: a joiner may make some of what is none.
    pub fn is_finite(&self) -> bool {
        let values = self.0.to_plain_array_view::<f32>();
        values.is_ok_and(|values| values.iter().all(|value| value.is_finite()))
    }
}

/// Decoder and joiner of one stream.
pub struct JointSession {
    decoder: TypedSimpleState,
    joiner: TypedSimpleState,
    context: usize,
    vocabulary: usize,
    encoder_width: usize,
    decoder_shape: Vec<usize>,
}

impl JointSession {
    /// Runs the decoder on the last tokens, `context` of them; -1 stands for none.
    pub fn predict(&mut self, tokens: &[i64]) -> Result<Prediction, Error> {
        let failed = |error: TractError| Error::Run(brief(&error));
        let tokens = Tensor::from_shape(&[1, self.context], tokens).map_err(failed)?;
        let mut outputs = self
            .decoder
            .run(tvec!(tokens.into_tvalue()))
            .map_err(failed)?;
        match outputs.pop() {
            Some(output) if output.shape() == self.decoder_shape => Ok(Prediction(output)),
            _ => Err(Error::Run("its decoder gave no output".to_owned())),
        }
    }

    /// Runs the joiner; `logits` becomes `vocabulary` unnormalised scores.
    pub fn join(
        &mut self,
        encoder_out: &[f32],
        prediction: &Prediction,
        logits: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let failed = |error: TractError| Error::Run(brief(&error));
        let heard = Tensor::from_shape(&[1, self.encoder_width], encoder_out).map_err(failed)?;
        let inputs = tvec!(heard.into_tvalue(), prediction.0.clone());
        let mut outputs = self.joiner.run(inputs).map_err(failed)?;
        let output = outputs
            .pop()
            .ok_or_else(|| Error::Run("its joiner gave no output".to_owned()))?;
        copy(&output, logits)?;
        debug_assert_eq!(logits.len(), self.vocabulary, "checked when it was loaded");
        Ok(())
    }
}

fn plan(graph: &Graph, inputs: &[Fixed]) -> Result<Arc<TypedSimplePlan>, String> {
    let declared = graph.inputs();
    if declared.len() != inputs.len() || graph.outputs().len() != 1 {
        return Err(format!(
            "it has {} inputs and {} outputs, the contract's has {} and 1; export it again",
            declared.len(),
            graph.outputs().len(),
            inputs.len()
        ));
    }
    for (declared, fixed) in declared.iter().zip(inputs) {
        check_declared(declared, fixed)?;
    }
    graph.plan(inputs)
}
