//! What a far end describes before it answers.

/// Its last description, until it answers.
#[derive(Debug, Default)]
pub(super) struct Early(Vec<u8>);

impl Early {
    /// Notes what it describes, if anything.
    pub(super) fn describe(&mut self, sdp: Vec<u8>) {
        if !sdp.is_empty() {
            self.0 = sdp;
        }
    }

    /// Its answer: one that came before with an acknowledgement of its own need not be repeated
    /// (RFC 6337, section 3.1.1).
    pub(super) fn answer(&mut self, sdp: Vec<u8>) -> Vec<u8> {
        self.describe(sdp);
        std::mem::take(&mut self.0)
    }
}
