//! Who is let in, who is turned away, and that neither learns more than that.

use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn source() -> IpAddr {
    "192.0.2.7".parse().expect("valid")
}

fn authenticator(now: Instant) -> Authenticator {
    let users = [("agent1".to_owned(), "secret".to_owned())];
    Authenticator::new(now, "trunkside", users, KEY, Limit::default())
}

fn nonce_of(challenge: &str) -> String {
    let (_, rest) = challenge.split_once("nonce=\"").expect("a nonce");
    rest.split('"').next().expect("quoted").to_owned()
}

/// The header of a phone that knows `password`.
fn header(user: &str, password: &str, nonce: &str, count: u64) -> String {
    let unsigned = format!(
        "Digest username=\"{user}\", realm=\"trunkside\", nonce=\"{nonce}\", uri=\"sip:box\", \
         response=\"x\", qop=auth, nc={count:08x}, cnonce=\"c,\\\"c\", algorithm=MD5"
    );
    let credentials = Credentials::parse(&unsigned).expect("well formed");
    let secret = hashed_secret(user, "trunkside", password);
    let response = credentials.expected(&secret, "REGISTER");
    unsigned.replace("response=\"x\"", &format!("response=\"{response}\""))
}

fn challenged(outcome: Outcome) -> String {
    match outcome {
        Outcome::Challenged { challenge, .. } => challenge,
        other => panic!("{other:?}"),
    }
}

struct Server {
    now: Instant,
    auth: Authenticator,
}

impl Server {
    fn new() -> Self {
        let now = crate::rsip::now();
        Self {
            now,
            auth: authenticator(now),
        }
    }

    fn nonce(&mut self) -> String {
        nonce_of(&challenged(self.check(None)))
    }

    fn check(&mut self, header: Option<&str>) -> Outcome {
        self.auth.check(self.now, source(), "REGISTER", header)
    }
}

#[test]
fn the_example_of_rfc_2617_is_computed() {
    let credentials = Credentials::parse(
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, \
         nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", \
         opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
    )
    .expect("well formed");
    let secret = hashed_secret("Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(credentials.expected(&secret, "GET"), credentials.response);
}

#[test]
fn who_knows_the_secret_is_accepted_and_a_recording_of_it_is_not() {
    let mut server = Server::new();
    let nonce = server.nonce();
    let first = header("agent1", "secret", &nonce, 1);
    let user = "agent1".to_owned();
    assert_eq!(
        server.check(Some(&first)),
        Outcome::Accepted { user: user.clone() }
    );
    let stale = challenged(server.check(Some(&first)));
    assert!(stale.contains("stale=true"), "{stale}");
    let second = header("agent1", "secret", &nonce, 2);
    assert_eq!(server.check(Some(&second)), Outcome::Accepted { user });
}

#[test]
fn an_old_nonce_and_one_of_somebody_else_are_stale() {
    let mut server = Server::new();
    let nonce = server.nonce();
    let header = header("agent1", "secret", &nonce, 1);
    let elsewhere = "192.0.2.8".parse().expect("valid");
    let outcome = server
        .auth
        .check(server.now, elsewhere, "REGISTER", Some(&header));
    assert!(challenged(outcome).contains("stale=true"));
    server.now += NONCE_LIFE;
    assert!(challenged(server.check(Some(&header))).contains("stale=true"));
    let forged = super::tests::header("agent1", "secret", "0.1.00", 1);
    assert!(challenged(server.check(Some(&forged))).contains("stale=true"));
}

#[test]
fn an_unknown_user_and_a_wrong_password_look_the_same() {
    let mut server = Server::new();
    let shape = |outcome: Outcome| match outcome {
        Outcome::Refused { challenge, .. } => {
            let nonce = nonce_of(&challenge);
            challenge.replace(&nonce, "NONCE")
        }
        other => panic!("{other:?}"),
    };
    let nonce = server.nonce();
    let unknown = shape(server.check(Some(&header("stranger", "secret", &nonce, 1))));
    let wrong = shape(server.check(Some(&header("agent1", "guess", &nonce, 1))));
    assert_eq!(unknown, wrong);
    // The hash that stands in for a user who does not exist is nobody's password.
    let zero = "00000000000000000000000000000000";
    let text = header("stranger", "x", &nonce, 1);
    let credentials = Credentials::parse(&text).expect("well formed");
    let forged = credentials.expected(zero, "REGISTER");
    let forged = text.replace(&credentials.response, &forged);
    assert!(matches!(
        server.check(Some(&forged)),
        Outcome::Refused { .. }
    ));
}

#[test]
fn phones_whose_account_is_for_another_realm_are_told_of() {
    let mut server = Server::new();
    let nonce = server.nonce();
    let ours = header("agent1", "guess", &nonce, 1);
    let is_other = |outcome| match outcome {
        Outcome::Refused {
            of_another_realm, ..
        } => of_another_realm,
        other => panic!("{other:?}"),
    };
    assert!(!is_other(server.check(Some(&ours))), "a wrong secret");
    let theirs = ours.replace("realm=\"trunkside\"", "realm=\"branch.example\"");
    assert!(is_other(server.check(Some(&theirs))));
    // Some never answer what is asked for another realm than their own.
    let told = (0..10).filter(|_| {
        let outcome = server.check(None);
        matches!(
            outcome,
            Outcome::Challenged {
                gives_none: true,
                ..
            }
        )
    });
    assert_eq!(told.count(), 1);
}

#[test]
fn a_phone_without_qop_needs_a_new_nonce_each_time() {
    let mut server = Server::new();
    let nonce = server.nonce();
    let unsigned = format!(
        "Digest username=\"agent1\",realm=\"trunkside\",nonce=\"{nonce}\",uri=\"sip:box\",response=\"x\""
    );
    let secret = hashed_secret("agent1", "trunkside", "secret");
    let response = Credentials::parse(&unsigned)
        .expect("well formed")
        .expected(&secret, "REGISTER");
    let header = unsigned.replace("\"x\"", &format!("\"{response}\""));
    assert!(matches!(
        server.check(Some(&header)),
        Outcome::Accepted { .. }
    ));
    assert!(challenged(server.check(Some(&header))).contains("stale=true"));
}

#[test]
fn who_guesses_is_not_answered_for_a_while() {
    let mut server = Server::new();
    let nonce = server.nonce();
    let guess = header("agent1", "guess", &nonce, 1);
    let mut refused = 0;
    let first = loop {
        match server.check(Some(&guess)) {
            Outcome::Refused { .. } => refused += 1,
            Outcome::Ignored(Ignored { first }) => break first,
            other => panic!("{other:?}"),
        }
    };
    assert!(first, "the first silence is told");
    assert_eq!(refused, 10);
    assert_eq!(
        server.check(Some(&guess)),
        Outcome::Ignored(Ignored { first: false })
    );
    let right = header("agent1", "secret", &nonce, 2);
    assert_eq!(
        server.check(Some(&right)),
        Outcome::Ignored(Ignored { first: false })
    );
    let other = "192.0.2.8".parse().expect("valid");
    let outcome = server.auth.check(server.now, other, "REGISTER", None);
    assert!(
        matches!(outcome, Outcome::Challenged { .. }),
        "others are not concerned"
    );
    server.now += Duration::from_mins(1);
    assert!(matches!(
        server.check(Some(&right)),
        Outcome::Accepted { .. }
    ));
}

#[test]
fn phones_that_register_again_and_again_are_never_ignored() {
    let mut server = Server::new();
    for _ in 0..10_000 {
        let nonce = server.nonce();
        let right = header("agent1", "secret", &nonce, 1);
        assert!(matches!(
            server.check(Some(&right)),
            Outcome::Accepted { .. }
        ));
    }
    assert!(server.auth.counts.len() <= REMEMBERED);
}

#[test]
fn sources_are_forgotten_before_memory_is_lost() {
    let mut server = Server::new();
    for address in 0..20_000_u32 {
        let source = IpAddr::from(address.to_be_bytes());
        let _ = server.auth.check(server.now, source, "REGISTER", None);
    }
    // One more than remembered shows that none of them was refused service.
    let outcome = server.check(None);
    assert!(matches!(outcome, Outcome::Challenged { .. }));
}

proptest! {
    #[test]
    fn no_header_panics(text in "(Digest )?[ -~]{0,200}") {
        let _ = Credentials::parse(&text);
    }

    #[test]
    fn no_damaged_header_is_accepted(at in 0..220_usize, byte in 33_u8..126) {
        let mut server = Server::new();
        let nonce = server.nonce();
        let good = header("agent1", "secret", &nonce, 1);
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let damaged = String::from_utf8(bytes).expect("ascii");
        let parsed = |text: &str| Credentials::parse(text);
        if parsed(&damaged) != parsed(&good) {
            prop_assert!(!matches!(server.check(Some(&damaged)), Outcome::Accepted { .. }), "{damaged}");
        }
    }
}
