//! What stands before the SIP stack: messages that RFC 3261 wants refused are answered here, and
//! the stack sees only those that it reads as their sender meant them.
//!
//! Pure: bytes in, a verdict out. The cases are those of RFC 4475.

use std::fmt::Write;
use std::net::SocketAddr;

/// The methods that the box answers with something other than 501.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK, REFER, REGISTER";

/// Methods that the stack can read; those not in [`ALLOW`] get 405 behind the gate.
const KNOWN: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];

/// Extensions that a request may require.
const SUPPORTED: [&str; 3] = ["100rel", "replaces", "timer"];

/// Headers that may stand once only, by their full names.
const SINGLE: [&str; 7] = [
    "from",
    "to",
    "call-id",
    "cseq",
    "max-forwards",
    "content-length",
    "content-type",
];

/// What is to be done with a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the stack.
    Pass,
    /// Hand these bytes to the stack in its place: the same message with its length made explicit.
    PassAs(Vec<u8>),
    /// Send this response to the sender; the stack never sees the request.
    Answer {
        /// Its status, for the counters.
        status: u16,
        /// The response.
        bytes: Vec<u8>,
    },
    /// Nothing can be said to it.
    Drop,
}

/// The gate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate;

impl Gate {
    /// Looks at one datagram.
    pub fn inspect(datagram: &[u8], source: SocketAddr) -> Verdict {
        let Some(message) = Message::split(datagram) else {
            return Verdict::Drop;
        };
        if message.start_line.starts_with("SIP/") {
            return message.judge_response();
        }
        match message.judge_request() {
            Ok(()) => message.with_length(),
            Err(refusal) => message.refuse(&refusal, source),
        }
    }

    /// The same message with its headers as plain as they can be: none folded, none by its short name, no blanks around
    /// separators.
    pub fn plain(datagram: &[u8]) -> Option<Vec<u8>> {
        Message::split(datagram).map(|message| message.plain())
    }

    /// What is said to a message that the stack cannot read all the same.
    pub fn refuse_unread(datagram: &[u8], source: SocketAddr) -> Verdict {
        match Message::split(datagram) {
            Some(message) if !message.start_line.starts_with("SIP/") => {
                message.refuse(&refusal(400, "Unreadable Header"), source)
            }
            _ => Verdict::Drop,
        }
    }
}

/// A status, its reason, and one more header line where the RFC asks for it.
struct Refusal {
    status: u16,
    reason: &'static str,
    header: Option<String>,
}

const fn refusal(status: u16, reason: &'static str) -> Refusal {
    Refusal {
        status,
        reason,
        header: None,
    }
}

fn bad(reason: &'static str) -> Result<(), Refusal> {
    Err(refusal(400, reason))
}

struct Message<'a> {
    start_line: &'a str,
    /// Names in full and lower case, values unfolded.
    headers: Vec<(String, String)>,
    head: &'a [u8],
    body: &'a [u8],
    /// Whether a blank line ends its headers.
    is_whole: bool,
}

impl<'a> Message<'a> {
    /// Splits a message at its blank line, which may be missing at its end; none when it is not text of that form.
    fn split(datagram: &'a [u8]) -> Option<Self> {
        // Keep-alives may stand before a message (RFC 3261, section 7.5).
        let leading = datagram
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let datagram = &datagram[leading..];
        let end = datagram.windows(4).position(|window| window == b"\r\n\r\n");
        let is_whole = end.is_some();
        let end = end.or_else(|| datagram.strip_suffix(b"\r\n").map(<[u8]>::len))?;
        let head = std::str::from_utf8(&datagram[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let start_line = lines.next()?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let (_, value) = headers.last_mut()?;
                value.push(' ');
                value.push_str(line.trim());
            } else {
                let (name, value) = line.split_once(':')?;
                headers.push((full_name(name.trim()), value.trim().to_owned()));
            }
        }
        Some(Self {
            start_line,
            headers,
            head: &datagram[..end],
            body: datagram.get(end + 4..).unwrap_or_default(),
            is_whole,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    fn judge_response(&self) -> Verdict {
        let mut parts = self.start_line.splitn(3, ' ');
        let status = parts.nth(1).and_then(|status| status.parse::<u16>().ok());
        let usable = self.is_whole
            && self.start_line.starts_with("SIP/2.0 ")
            && status.is_some_and(|status| (100..700).contains(&status))
            && ["via", "from", "to", "call-id", "cseq"]
                .iter()
                .all(|h| self.header(h).is_some())
            && self.judge_length().is_ok();
        if usable {
            self.with_length()
        } else {
            Verdict::Drop
        }
    }

    fn judge_request(&self) -> Result<(), Refusal> {
        let (method, uri) = self.judge_start_line()?;
        if !self.is_whole {
            return bad("No Blank Line");
        }
        if !KNOWN.contains(&method) {
            let header = Some(format!("Allow: {ALLOW}"));
            return Err(Refusal {
                status: 501,
                reason: "Not Implemented",
                header,
            });
        }
        self.judge_headers(method)?;
        self.judge_length()?;
        self.judge_uri(uri)?;
        self.judge_options(method)
    }

    fn judge_start_line(&self) -> Result<(&str, &str), Refusal> {
        let parts: Vec<&str> = self.start_line.split(' ').collect();
        let version = parts.last().copied().unwrap_or_default();
        let is_sip = |name: &str| name.eq_ignore_ascii_case("SIP/");
        if version.len() > 4 && version.get(..4).is_some_and(is_sip) {
            if !version.eq_ignore_ascii_case("SIP/2.0") {
                return Err(refusal(505, "Version Not Supported"));
            }
        } else {
            return Err(refusal(400, "Bad Request-Line"));
        }
        match parts[..] {
            [method, uri, _] if is_token(method) && !uri.is_empty() => Ok((method, uri)),
            _ => Err(refusal(400, "Bad Request-Line")),
        }
    }

    fn judge_headers(&self, method: &str) -> Result<(), Refusal> {
        for name in ["via", "from", "to", "call-id", "cseq"] {
            if self.header(name).is_none_or(str::is_empty) {
                return bad("Missing Header");
            }
        }
        for name in SINGLE {
            if self.headers.iter().filter(|(have, _)| have == name).count() > 1 {
                return bad("Repeated Header");
            }
        }
        let cseq = self.header("cseq").unwrap_or_default();
        let mut cseq = cseq.split_ascii_whitespace();
        let number = cseq.next().and_then(|number| number.parse::<u32>().ok());
        if number.is_none_or(|number| number > i32::MAX as u32) || cseq.next() != Some(method) {
            return bad("Bad CSeq");
        }
        if self
            .header("max-forwards")
            .is_some_and(|hops| hops.parse::<u8>().is_err())
        {
            return bad("Bad Max-Forwards");
        }
        for name in ["from", "to"] {
            if self.header(name).is_some_and(|value| !is_address(value)) {
                return bad("Bad Address");
            }
        }
        let tagged = |value: &str| without_blanks(value).to_ascii_lowercase().contains(";tag=");
        if !self.header("from").is_some_and(tagged) {
            return bad("From Without Tag");
        }
        if !is_via(self.header("via").unwrap_or_default()) {
            return bad("Bad Via");
        }
        if method == "REGISTER" {
            return self.judge_registration();
        }
        Ok(())
    }

    /// What only a registrar minds (RFC 3261, sections 10.3 and 20.10).
    fn judge_registration(&self) -> Result<(), Refusal> {
        // Somebody of another kind of address will never be one of ours.
        let ours = |value: &str| {
            let uri = value.split_once('<').map_or(value, |(_, rest)| rest);
            let scheme = uri.split(':').next().unwrap_or_default().trim();
            ["sip", "sips", "tel"]
                .iter()
                .any(|have| scheme.eq_ignore_ascii_case(have))
        };
        if !self.header("to").is_some_and(ours) {
            return bad("Bad Address Of Record");
        }
        // An address with headers must stand in brackets.
        let open = |value: &str| value.contains('?') && !value.contains('<');
        if self.header("contact").is_some_and(open) {
            return bad("Bad Contact");
        }
        Ok(())
    }

    /// A length that is no number or longer than the datagram (RFC 3261, section 18.3).
    fn judge_length(&self) -> Result<(), Refusal> {
        match self.header("content-length").map(str::parse::<usize>) {
            Some(Err(_)) => bad("Bad Content-Length"),
            Some(Ok(length)) if length > self.body.len() => bad("Body Too Short"),
            _ => Ok(()),
        }
    }

    #[expect(clippy::unused_self, reason = "one of the judges")]
    fn judge_uri(&self, uri: &str) -> Result<(), Refusal> {
        let (scheme, rest) = uri.split_once(':').unwrap_or(("", ""));
        if !matches!(scheme.to_ascii_lowercase().as_str(), "sip" | "sips" | "tel") {
            let known = !scheme.is_empty()
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
            if known {
                return Err(refusal(416, "Unsupported URI Scheme"));
            }
            return bad("Bad Request-URI");
        }
        // Headers are not allowed in a Request-URI (RFC 3261, section 19.1.1).
        if rest.is_empty() || rest.contains(['<', '>', '"', '?']) {
            return bad("Bad Request-URI");
        }
        Ok(())
    }

    fn judge_options(&self, method: &str) -> Result<(), Refusal> {
        if matches!(method, "ACK" | "CANCEL") {
            return Ok(());
        }
        let unsupported: Vec<&str> = self
            .headers
            .iter()
            .filter(|(name, _)| name == "require")
            .flat_map(|(_, value)| value.split(',').map(str::trim))
            .filter(|option| {
                !SUPPORTED
                    .iter()
                    .any(|have| have.eq_ignore_ascii_case(option))
            })
            .collect();
        if !unsupported.is_empty() {
            let header = Some(format!("Unsupported: {}", unsupported.join(", ")));
            return Err(Refusal {
                status: 420,
                reason: "Bad Extension",
                header,
            });
        }
        let sdp = self.header("content-type").is_none_or(|kind| {
            kind.split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/sdp")
        });
        if matches!(method, "INVITE" | "UPDATE") && !self.body.is_empty() && !sdp {
            let header = Some("Accept: application/sdp".to_owned());
            return Err(Refusal {
                status: 415,
                reason: "Unsupported Media Type",
                header,
            });
        }
        if method == "INVITE" && !self.accepts_sdp() {
            return Err(refusal(406, "Not Acceptable"));
        }
        Ok(())
    }

    /// Whether the sender can read what we answer with; without the header it can.
    fn accepts_sdp(&self) -> bool {
        let mut kinds = self
            .headers
            .iter()
            .filter(|(name, _)| name == "accept")
            .peekable();
        kinds.peek().is_none()
            || kinds
                .flat_map(|(_, value)| value.split(','))
                .map(|kind| kind.split(';').next().unwrap_or_default().trim())
                .any(|kind| {
                    ["application/sdp", "application/*", "*/*"]
                        .iter()
                        .any(|have| kind.eq_ignore_ascii_case(have))
                })
    }

    /// The stack takes a missing length for no body; over UDP it means all that is left.
    fn with_length(&self) -> Verdict {
        if self.header("content-length").is_some() || self.body.is_empty() {
            return Verdict::Pass;
        }
        let mut bytes = self.head.to_vec();
        bytes.extend(format!("\r\nContent-Length: {}\r\n\r\n", self.body.len()).bytes());
        bytes.extend(self.body);
        Verdict::PassAs(bytes)
    }

    fn plain(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start_line);
        for (name, value) in &self.headers {
            let separators = match name.as_str() {
                "via" => "/;=,:",
                "from" | "to" | "contact" | "route" | "record-route" => ";=,",
                _ => "",
            };
            text.extend([name.as_str(), ": ", &tightened(value, separators), "\r\n"]);
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend(self.body);
        bytes
    }

    /// A response made of the request's own headers (RFC 3261, section 8.2.6).
    fn refuse(&self, refusal: &Refusal, source: SocketAddr) -> Verdict {
        let method = self.start_line.split(' ').next().unwrap_or_default();
        if method == "ACK" || self.header("via").is_none() {
            return Verdict::Drop;
        }
        // Writing to a string cannot fail.
        let mut text = format!("SIP/2.0 {} {}\r\n", refusal.status, refusal.reason);
        let mut first = true;
        for (_, value) in self.headers.iter().filter(|(name, _)| name == "via") {
            let value = if std::mem::take(&mut first) {
                received_from(value, source)
            } else {
                value.clone()
            };
            let _ = write!(text, "Via: {value}\r\n");
        }
        for (full, shown) in [
            ("from", "From"),
            ("to", "To"),
            ("call-id", "Call-ID"),
            ("cseq", "CSeq"),
        ] {
            if let Some(value) = self.header(full) {
                // A request that begins no dialog still needs a tag in its response.
                let tag = if full == "to" && !value.contains("tag=") {
                    ";tag=refused"
                } else {
                    ""
                };
                let _ = write!(text, "{shown}: {value}{tag}\r\n");
            }
        }
        if let Some(header) = &refusal.header {
            let _ = write!(text, "{header}\r\n");
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        Verdict::Answer {
            status: refusal.status,
            bytes: text.into_bytes(),
        }
    }
}

/// The topmost Via with what RFC 3581 adds: where the request came from.
fn received_from(via: &str, source: SocketAddr) -> String {
    let (first, others) = via
        .split_once(',')
        .map_or((via, None), |(a, b)| (a, Some(b)));
    let mut parts: Vec<String> = first
        .split(';')
        .map(|part| part.trim().to_owned())
        .collect();
    for part in &mut parts {
        if part.eq_ignore_ascii_case("rport") {
            *part = format!("rport={}", source.port());
        }
    }
    parts.retain(|part| !part.to_ascii_lowercase().starts_with("received="));
    parts.push(format!("received={}", source.ip()));
    let first = parts.join(";");
    others.map_or(first.clone(), |others| format!("{first},{others}"))
}

/// The full name of a header, in lower case (RFC 3261, section 7.3.3).
fn full_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let full = match name.as_str() {
        "v" => "via",
        "f" => "from",
        "t" => "to",
        "i" => "call-id",
        "l" => "content-length",
        "c" => "content-type",
        "m" => "contact",
        "e" => "content-encoding",
        "k" => "supported",
        "s" => "subject",
        "x" => "session-expires",
        "r" => "refer-to",
        "b" => "referred-by",
        _ => return name,
    };
    full.to_owned()
}

/// Blanks may stand around every separator (RFC 3261, section 25.1).
fn without_blanks(value: &str) -> String {
    value
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .collect()
}

/// The same without them around these separators, but for what stands in quotes and brackets, and with one in place of
/// several elsewhere.
fn tightened(value: &str, separators: &str) -> String {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    let mut tight = String::with_capacity(value.len());
    // Whether blanks that come now say nothing.
    let mut needs_none = true;
    for character in value.chars() {
        if quoted || bracketed {
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' if quoted => quoted = false,
                '>' if bracketed => bracketed = false,
                _ => {}
            }
            tight.push(character);
            continue;
        }
        quoted = character == '"';
        bracketed = character == '<';
        let is_blank = character.is_ascii_whitespace();
        let is_separator = separators.contains(character);
        if is_separator && tight.ends_with(' ') {
            tight.pop();
        }
        if !(is_blank && needs_none) {
            tight.push(if is_blank { ' ' } else { character });
        }
        needs_none = is_blank || is_separator;
    }
    tight
}

fn is_token(text: &str) -> bool {
    let extra = b"-.!%*_+`'~";
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

/// A list of hops, each with a protocol and no empty parameter.
fn is_via(value: &str) -> bool {
    let is_hop = |hop: &str| {
        let mut parts = hop.split(';');
        let protocol = parts.next().unwrap_or_default().to_ascii_uppercase();
        protocol.starts_with("SIP/2.0/") && parts.all(|parameter| !parameter.is_empty())
    };
    without_blanks(value).split(',').all(is_hop)
}

/// A name-addr or addr-spec whose brackets and quotes match.
fn is_address(value: &str) -> bool {
    let (mut quoted, mut escaped, mut open, mut closed) = (false, false, 0, 0);
    for character in value.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => open += 1,
            '>' if !quoted => closed += 1,
            _ => {}
        }
    }
    // No blanks inside the brackets (RFC 3261, section 25.1).
    let inside = value
        .rsplit_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    let tight = inside.is_none_or(|(uri, _)| !uri.contains(char::is_whitespace));
    !quoted && open == closed && open <= 1 && tight && value.contains(':')
}

#[cfg(test)]
mod tests;
