//! Cuts a connection's bytes into SIP messages (RFC 3261, section 18.3) and keep-alives (RFC 5626,
//! section 3.5.1). Pure.

/// The longest head that is waited for.
const MAX_HEAD: usize = 16 * 1024;

/// The longest message that is waited for.
const MAX_MESSAGE: usize = 60 * 1024;

/// What a connection carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    /// The far end asks whether the box is there.
    Ping,
    /// One message, head and body.
    Message(Vec<u8>),
}

/// Why a connection cannot be read on: where its next message begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// No end of head or message within bounds.
    #[error("a message is too long")]
    TooLong,
    /// Its length is no number, or several.
    #[error("a message does not say how long it is")]
    Length,
}

/// A connection's bytes that are no whole message yet.
#[derive(Debug, Default)]
pub struct Framing {
    bytes: Vec<u8>,
}

impl Framing {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a message has begun that is not whole yet.
    pub fn has_begun(&self) -> bool {
        self.bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// The next whole message or ping, if there is one.
    pub fn take(&mut self) -> Result<Option<Framed>, FramingError> {
        loop {
            if self.bytes.starts_with(b"\r\n\r\n") {
                self.bytes.drain(..4);
                return Ok(Some(Framed::Ping));
            }
            let rest = self.bytes.strip_prefix(b"\r\n").map(<[u8]>::len);
            match rest {
                // An answer to a ping of ours, or the first half of one of theirs.
                Some(0 | 1) => return Ok(None),
                Some(_) => drop(self.bytes.drain(..2)),
                None => break,
            }
        }
        let Some(head) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            let fits = self.bytes.len() <= MAX_HEAD;
            return fits.then_some(None).ok_or(FramingError::TooLong);
        };
        if head > MAX_HEAD {
            return Err(FramingError::TooLong);
        }
        let whole = head + 4 + body_length(&self.bytes[..head])?;
        if whole > MAX_MESSAGE {
            return Err(FramingError::TooLong);
        }
        if self.bytes.len() < whole {
            return Ok(None);
        }
        Ok(Some(Framed::Message(self.bytes.drain(..whole).collect())))
    }
}

/// What the head says; nothing means no body.
fn body_length(head: &[u8]) -> Result<usize, FramingError> {
    let mut lengths = head.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = line[..colon].trim_ascii();
        let is_length =
            name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l");
        is_length.then(|| line[colon + 1..].trim_ascii())
    });
    let Some(length) = lengths.next() else {
        return Ok(0);
    };
    if lengths.any(|other| other != length) {
        return Err(FramingError::Length);
    }
    let length: Option<u32> = std::str::from_utf8(length)
        .ok()
        .and_then(|text| text.parse().ok());
    length
        .map(|length| length as usize)
        .ok_or(FramingError::Length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: &[u8] = b"\r\n\r\n";

    fn message(body: &str, length: &str) -> Vec<u8> {
        format!("INFO sip:x SIP/2.0\r\nVia: y\r\n{length}\r\n\r\n{body}").into_bytes()
    }

    fn all(framing: &mut Framing) -> Result<Vec<Framed>, FramingError> {
        let mut framed = Vec::new();
        while let Some(next) = framing.take()? {
            framed.push(next);
        }
        Ok(framed)
    }

    #[test]
    fn messages_and_pings_are_told_apart() {
        let (one, other) = (message("abc", "Content-Length: 3"), message("", "L:0"));
        let mut framing = Framing::default();
        framing.push(&[PING, &one, b"\r\n", &other, PING].concat());
        assert!(framing.has_begun());
        let expected = vec![
            Framed::Ping,
            Framed::Message(one),
            Framed::Message(other),
            Framed::Ping,
        ];
        assert_eq!(all(&mut framing), Ok(expected));
        framing.push(b"\r\n");
        assert!(!framing.has_begun(), "what answers a ping is no message");
    }

    #[test]
    fn a_length_that_lies_ends_the_connection() {
        for length in [
            "Content-Length: x",
            "l: -1",
            "l: 99999999999",
            "l: 1\r\nl: 2",
        ] {
            let mut framing = Framing::default();
            framing.push(&message("", length));
            assert_eq!(framing.take(), Err(FramingError::Length), "{length}");
        }
        let mut framing = Framing::default();
        framing.push(&message("", "l: 4000000"));
        assert_eq!(framing.take(), Err(FramingError::TooLong));
        let mut endless = Framing::default();
        endless.push(&[b'x'; MAX_HEAD + 1]);
        assert_eq!(endless.take(), Err(FramingError::TooLong));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(
            bodies in proptest::collection::vec("[a-z\r\n]{0,30}", 1..6),
            cut in 1..40_usize,
        ) {
            let written: Vec<Vec<u8>> = bodies
                .iter()
                .map(|body| message(body, &format!("Content-Length: {}", body.len())))
                .collect();
            let mut framing = Framing::default();
            let mut read = Vec::new();
            for piece in written.concat().chunks(cut) {
                framing.push(piece);
                read.extend(all(&mut framing).expect("well formed"));
            }
            let expected: Vec<_> = written.into_iter().map(Framed::Message).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut framing = Framing::default();
            framing.push(&bytes);
            let _ = all(&mut framing);
        }
    }
}
