//! One side of one call, from frames to utterances.

use std::collections::VecDeque;
use std::sync::Arc;

use trunkside_call::{Frame, Language, Side, Utterance};

use crate::{Error, Grammar, Phrases, Recogniser};

/// What a stream listens for.
#[derive(Clone, Default)]
pub struct StreamOptions {
    /// Only words of this language; all of the model's languages when none.
    pub language: Option<Language>,
    /// Only these phrases, or nothing.
    pub grammar: Option<Arc<Grammar>>,
    /// Phrases to hear more readily.
    pub phrases: Option<Arc<Phrases>>,
}

/// Hears one side of one call.
pub struct Stream {
    _recogniser: Arc<Recogniser>,
    _side: Side,
    _options: StreamOptions,
    ready: VecDeque<Utterance>,
}

impl Stream {
    pub(crate) fn new(recogniser: Arc<Recogniser>, side: Side, options: StreamOptions) -> Self {
        Self {
            _recogniser: recogniser,
            _side: side,
            _options: options,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next 20 ms of this side.
    ///
    /// Frames may be missing: times follow [`Frame::start`]. A frame that lies before what was
    /// already heard is ignored. An error ends this stream, and no other.
    pub fn handle(&mut self, _frame: &Frame) -> Result<(), Error> {
        Ok(())
    }

    /// Ends the stream: what is being said becomes a final utterance.
    pub fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The next utterance: a partial one when its text changed, or the final one.
    ///
    /// A final utterance without words means that somebody spoke and nothing was recognised; one
    /// number may have no partials. Only the latest partial waits to be polled.
    pub fn poll(&mut self) -> Option<Utterance> {
        self.ready.pop_front()
    }
}
