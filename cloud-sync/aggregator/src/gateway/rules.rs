//! What a broker that runs elsewhere needs to know of the boxes: whom it lets in, where each may
//! publish and listen, and whom it keeps out. Files for Mosquitto and for NATS.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use trunkside_record::{Lane, Name, Origin, Topic};

use super::authority::{Authority, AuthorityError, ends_at, keep, serial_bytes};
use crate::store::Certificate;

/// For which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesFor {
    /// Mosquitto 2: an access list and a list of revoked certificates.
    Mosquitto,
    /// nats-server: the users of an account.
    Nats,
}

impl FromStr for RulesFor {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mosquitto" => Ok(Self::Mosquitto),
            "nats" => Ok(Self::Nats),
            _ => Err(format!("`{name}` is no broker; use mosquitto or nats")),
        }
    }
}

/// What the store knows of the boxes.
#[derive(Clone, Debug, Default)]
pub struct Boxes {
    /// Every certificate that was made since they are noted.
    pub certificates: Vec<Certificate>,
    /// Boxes that were turned away and have not come back.
    pub turned_away: Vec<Origin>,
}

/// A box whose name NATS cannot carry: its subjects have words without blanks and dots, `*` and `>` stand
/// for other words, its configuration has the name in quotation marks, and the name of a certificate that it
/// maps to a user has signs of its own (RFC 4514, section 2.4).
#[derive(Debug, thiserror::Error)]
#[error(
    "NATS cannot carry the names of `{0}`: blanks, dots, `*`, `>`, `<`, `,`, `;`, `=`, quotation marks and \
     backslashes have a meaning there; use a name of letters, digits and hyphens, and revoke the box where \
     it has a certificate under this one"
)]
pub struct NatsNameError(Origin);

/// Fails for a box that not every NATS could carry: before 2.10, nats-server closes the connection of one
/// that has a dot in its name.
pub fn check_for_nats(origin: &Origin) -> Result<(), NatsNameError> {
    if has_dot(origin) {
        return Err(NatsNameError(origin.clone()));
    }
    check_words(origin)
}

/// Whether the box has a dot in one of its names, which only newer servers carry.
pub fn has_dot(origin: &Origin) -> bool {
    names(origin).any(|name| name.contains('.'))
}

fn names(origin: &Origin) -> impl Iterator<Item = &str> {
    [&origin.tenant, &origin.branch, &origin.device]
        .into_iter()
        .map(Name::as_str)
}

/// Fails for a box that no NATS can be told of.
fn check_words(origin: &Origin) -> Result<(), NatsNameError> {
    let is_refused = |letter: char| {
        letter.is_whitespace() || matches!(letter, '*' | '>' | '<' | ',' | ';' | '=' | '"' | '\\')
    };
    if names(origin).any(|name| name.contains(is_refused)) {
        return Err(NatsNameError(origin.clone()));
    }
    Ok(())
}

/// A broker's certificate is replaced so long before its end: whoever writes the files once a year misses none.
const RENEW_BEFORE: Duration = Duration::from_hours(500 * 24);

/// Writes the files into `folder`, and the broker's own certificate for `host` where there is none that is good
/// for long.
/// Each file is replaced as a whole. Returns their names.
pub fn write_rules(
    rules_for: RulesFor,
    pki: &Path,
    host: &str,
    boxes: &Boxes,
    folder: &Path,
    now: Timestamp,
) -> Result<Vec<&'static str>, AuthorityError> {
    let authority = Authority::open(pki, &boxes.certificates, now)?;
    let mut names = vec!["ca.pem"];
    keep(folder, "ca.pem", authority.certificate().as_bytes(), 0o644)?;
    let (certificate, key) = (folder.join("broker.pem"), folder.join("broker.key"));
    if !key.exists() || !is_good_for_long(&certificate, now) {
        let (certificate, key) = authority.serve(host, now)?;
        keep(folder, "broker.key", key.as_bytes(), 0o640)?;
        keep(folder, "broker.pem", certificate.as_bytes(), 0o644)?;
        names.extend(["broker.pem", "broker.key"]);
    }
    match rules_for {
        RulesFor::Mosquitto => {
            let revoked = boxes
                .certificates
                .iter()
                .filter_map(|of| Some((serial_bytes(&of.serial), of.revoked_at?)));
            let list = authority.revoked(revoked, now)?;
            keep(folder, "revoked.crl", list.as_bytes(), 0o644)?;
            keep(folder, "boxes.acl", mosquitto(boxes).as_bytes(), 0o644)?;
            names.extend(["revoked.crl", "boxes.acl"]);
        }
        RulesFor::Nats => {
            keep(folder, "boxes.conf", nats(boxes)?.as_bytes(), 0o644)?;
            names.push("boxes.conf");
        }
    }
    Ok(names)
}

/// Whether a certificate is there that need not be replaced yet.
fn is_good_for_long(path: &Path, now: Timestamp) -> bool {
    let found = std::fs::read_to_string(path).ok();
    found
        .and_then(|found| ends_at(&found))
        .is_some_and(|ends_at| now + RENEW_BEFORE < ends_at)
}

/// Where a box publishes, and what it hears.
fn topics(of: &Origin) -> (Vec<String>, Vec<String>) {
    let up = Lane::ALL.map(|lane| Topic::Up(of.clone(), lane).to_string());
    let down = [Topic::Ack(of.clone()), Topic::Command(of.clone())].map(|topic| topic.to_string());
    (up.to_vec(), down.to_vec())
}

/// mosquitto.conf(5), `acl_file`. The user name is the certificate's common name,
/// `tenant/branch/device`.
fn mosquitto(boxes: &Boxes) -> String {
    let mut text = String::from("# Written by `trunkside-cloud boxes rules`: changes are lost.\n");
    for lane in Lane::ALL {
        let _ = writeln!(text, "pattern write trunkside/v1/%u/{lane}");
    }
    for down in ["ack", "command"] {
        let _ = writeln!(text, "pattern read trunkside/v1/%u/{down}");
    }
    for origin in boxes.turned_away.iter().collect::<BTreeSet<_>>() {
        // This ends what a connection that is still open may do; the list of revoked certificates
        // keeps new ones out.
        let _ = write!(text, "\nuser {origin}\ntopic deny #\n");
    }
    text
}

/// An account's `users`, for `verify_and_map`: the certificate's subject is the user. The aggregator's
/// password comes from the server's environment, so that no secret stands here.
fn nats(boxes: &Boxes) -> Result<String, NatsNameError> {
    let mut users: BTreeMap<String, &Origin> = BTreeMap::new();
    for certificate in &boxes.certificates {
        let Certificate {
            serial,
            origin,
            revoked_at,
            was_turned_away,
        } = certificate;
        if revoked_at.is_some() {
            continue;
        }
        check_words(origin)?;
        users.insert(format!("CN={origin},OU={serial}"), origin);
        // Certificates of earlier versions do not have their number in the subject.
        if !was_turned_away {
            users.insert(format!("CN={origin}"), origin);
        }
    }
    let mut text = String::from("# Written by `trunkside-cloud boxes rules`: changes are lost.\n");
    text.push_str("users = [\n  { user: trunkside-cloud, password: $TRUNKSIDE_CLOUD_PASSWORD }\n");
    for (user, origin) in users {
        let (up, down) = topics(origin);
        let list = |topics: Vec<String>, more: &[&str]| {
            let subjects = topics.iter().map(|topic| crate::ingest::subject(topic));
            let subjects = subjects.chain(more.iter().map(|more| (*more).to_owned()));
            let quoted: Vec<String> = subjects.map(|subject| format!("\"{subject}\"")).collect();
            quoted.join(", ")
        };
        let _ = writeln!(
            text,
            "  {{ user: \"{user}\", permissions: {{\n      publish: [{}]\n      subscribe: [{}] }} }}",
            list(up, &[]),
            // How the server hands over what a box has subscribed to at QoS 1.
            list(down, &["$MQTT.sub.>"]),
        );
    }
    text.push_str("]\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_certificate_is_replaced_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (pki, out) = (folder.path().join("pki"), folder.path().join("out"));
        let made: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let written = |years: u64| {
            let now = made + Duration::from_hours(years * 365 * 24);
            let boxes = Boxes::default();
            let host = "mqtt.example.net";
            write_rules(RulesFor::Mosquitto, &pki, host, &boxes, &out, now).unwrap();
            std::fs::read_to_string(out.join("broker.pem")).unwrap()
        };
        let first = written(0);
        assert_eq!(written(3), first);
        let second = written(4);
        assert_ne!(second, first);
        assert!(ends_at(&second) > ends_at(&first));
    }

    #[test]
    fn names_that_mean_something_to_nats_are_refused_and_told() {
        let boxes = |branch: &str| Boxes {
            certificates: vec![Certificate {
                serial: "1a".into(),
                origin: Origin::new("acme", branch, "box1").unwrap(),
                revoked_at: None,
                was_turned_away: false,
            }],
            turned_away: Vec::new(),
        };
        let told = [
            "harbour east",
            "*",
            ">",
            "a\" b",
            "a\\",
            "上\u{3000}海",
            "a,b",
            "a=b",
        ];
        for branch in told {
            let error = nats(&boxes(branch)).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`acme/{branch}/box1`")) && error.contains("hyphens"),
                "{error}"
            );
        }
        assert!(nats(&boxes("harbour-east.上海")).is_ok());
        // Not every server carries what this box was told before.
        for (name, is_refused) in [("acme.cn", true), ("海口一号店", false), ("a_b-1", false)]
        {
            for origin in [(name, "b", "c"), ("a", name, "c"), ("a", "b", name)] {
                let origin = Origin::new(origin.0, origin.1, origin.2).unwrap();
                assert_eq!(check_for_nats(&origin).is_err(), is_refused, "{origin}");
            }
        }
        let mut gone = boxes("*");
        gone.certificates[0].revoked_at = Some(Timestamp::UNIX_EPOCH);
        assert!(nats(&gone).is_ok(), "who is turned away is not told of");
    }
}
