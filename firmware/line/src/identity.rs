//! Who a caller is said to be (RFC 3325, RFC 3323, RFC 5806), and what an agent is shown of it.

use trunkside_call::Pii;

/// What agents are shown of a caller's number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ShownNumber {
    /// All of it.
    #[default]
    Full,
    /// Its ends only.
    Masked,
    /// This one in its place.
    Virtual(Pii<String>),
}

impl ShownNumber {
    /// What agents are shown of a number, whose owner may want to be hidden; none where nothing is.
    pub fn of(&self, number: &str, private: bool) -> Option<String> {
        match self {
            Self::Virtual(number) => Some(number.reveal().clone()),
            _ if private || number.is_empty() => None,
            Self::Masked => Some(masked(number)),
            Self::Full => Some(number.to_owned()),
        }
    }
}

/// What an INVITE says of its caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The number or user part that the trunk vouches for (`P-Asserted-Identity`).
    pub asserted: Option<Pii<String>>,
    /// Whether the caller wants to be hidden from whom they call (`Privacy`).
    pub private: bool,
    /// Who passed the call on (`Diversion`), as the headers say it.
    pub diversions: Vec<Pii<String>>,
}

impl Identity {
    /// Reads the headers' values.
    pub fn read(
        asserted: impl IntoIterator<Item = String>,
        privacy: Option<&str>,
        diversions: impl IntoIterator<Item = String>,
    ) -> Self {
        let wants = |privacy: &str| {
            let mut words = privacy.split([';', ',']).map(str::trim);
            words.any(|word| {
                ["id", "user", "header"]
                    .iter()
                    .any(|w| word.eq_ignore_ascii_case(w))
            })
        };
        let number = asserted.into_iter().find_map(|value| {
            let number = user_of(&value)?;
            (!number.is_empty()).then(|| Pii::new(number.to_owned()))
        });
        Self {
            asserted: number,
            private: privacy.is_some_and(wants),
            diversions: diversions.into_iter().map(Pii::new).collect(),
        }
    }

    /// What an agent is shown of a caller's number; none where nothing is.
    pub fn shown(&self, shown: &ShownNumber, number: &str) -> Option<String> {
        shown.of(number, self.private)
    }

    /// The headers that tell an agent's phone more: none that would undo what is hidden.
    pub fn passed_on(&self, shown: &ShownNumber, domain: &str) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if self.private {
            headers.push(("Privacy", "id".to_owned()));
            return headers;
        }
        if *shown != ShownNumber::Full {
            return headers;
        }
        if let Some(number) = &self.asserted
            && is_user_part(number.reveal())
        {
            headers.push((
                "P-Asserted-Identity",
                format!("<sip:{}@{domain}>", number.reveal()),
            ));
        }
        for diversion in &self.diversions {
            headers.push(("Diversion", diversion.reveal().clone()));
        }
        headers
    }
}

/// Whether a text can stand before the `@` of our own URI.
pub fn is_user_part(number: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.!~*'()".contains(&byte);
    !number.is_empty() && number.bytes().all(fits)
}

/// The first three and last four characters of a telephone number; of a short one the last two.
fn masked(number: &str) -> String {
    let characters: Vec<char> = number.chars().collect();
    let (first, last) = match characters.len() {
        0..=4 => (0, 0),
        5..=8 => (0, 2),
        _ => (3, 4),
    };
    let hidden = first..characters.len() - last;
    let shown = |(at, &character): (usize, &char)| {
        if hidden.contains(&at) { '*' } else { character }
    };
    characters.iter().enumerate().map(shown).collect()
}

/// The number or user part of a name-addr, an addr-spec or a `tel` URI, without its parameters.
pub fn user_of(value: &str) -> Option<&str> {
    let uri = match value.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next()?,
        None => value,
    };
    let (scheme, rest) = uri.trim().split_once(':')?;
    let user = match scheme.to_ascii_lowercase().as_str() {
        "tel" => rest,
        "sip" | "sips" => rest.split_once('@')?.0,
        _ => return None,
    };
    // Of a user part of SIP, a password may follow.
    user.split([';', ':']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(asserted: &str, privacy: Option<&str>) -> Identity {
        let diversion = "<sip:2000@pbx>;reason=no-answer".to_owned();
        Identity::read([asserted.to_owned()], privacy, [diversion])
    }

    #[test]
    fn the_number_is_found_in_every_form_of_address() {
        for value in [
            "<sip:+8613800138000@carrier;user=phone>",
            "\"Li, Lei <x>\" <tel:+8613800138000;phone-context=+86>",
            "sip:+8613800138000@carrier",
            "sip:+8613800138000:secret@carrier",
            "<sip:+8613800138000;phone-context=+86@carrier;user=phone>;tag=1",
            "tel:+8613800138000;tag=1",
        ] {
            let number = identity(value, None).asserted.expect(value);
            assert_eq!(number.reveal(), "+8613800138000");
        }
        for value in ["", "<sip:carrier>", "<https://x>", "<sip:@x>"] {
            assert_eq!(identity(value, None).asserted, None, "{value}");
        }
    }

    #[test]
    fn an_agent_is_shown_what_the_configuration_allows() {
        let open = identity("<sip:13800138000@carrier>", None);
        let virtual_number = ShownNumber::Virtual(Pii::new("4008001234".to_owned()));
        for (shown, number) in [
            (&ShownNumber::Full, "13800138000"),
            (&ShownNumber::Masked, "138****8000"),
            (&virtual_number, "4008001234"),
        ] {
            assert_eq!(open.shown(shown, "13800138000").as_deref(), Some(number));
            let told = open.passed_on(shown, "box");
            assert_eq!(told.is_empty(), *shown != ShownNumber::Full);
        }
        assert_eq!(
            open.shown(&ShownNumber::Masked, "95588").as_deref(),
            Some("***88")
        );
        assert_eq!(
            open.shown(&ShownNumber::Masked, "110").as_deref(),
            Some("***")
        );
        let told = open.passed_on(&ShownNumber::Full, "box");
        assert_eq!(
            told[0],
            ("P-Asserted-Identity", "<sip:13800138000@box>".to_owned())
        );
        assert_eq!(
            told[1],
            ("Diversion", "<sip:2000@pbx>;reason=no-answer".to_owned())
        );
    }

    #[test]
    fn a_caller_who_hides_is_hidden_from_agents() {
        for privacy in ["id", "header;critical", "USER"] {
            let hidden = identity("<sip:13800138000@carrier>", Some(privacy));
            assert!(hidden.asserted.is_some(), "the box may call back");
            assert_eq!(hidden.shown(&ShownNumber::Full, "13800138000"), None);
            let told = hidden.passed_on(&ShownNumber::Full, "box");
            assert_eq!(told, [("Privacy", "id".to_owned())]);
        }
        assert!(!identity("", Some("none")).private);
    }
}
