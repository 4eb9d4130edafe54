//! Why there is no connection: told once, with what is likely behind it, and in two kinds. A network or
//! a broker that is away comes back; what somebody must mend is told to whoever watches as well.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rumqttc::ConnectionError;
use tokio::sync::watch;
use tokio_rustls::rustls::{self, CertificateError};
use trunkside_record::Timestamp;

/// How the box introduces itself to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// Over plain TCP.
    Plain,
    /// Over TLS, without a certificate.
    Tls,
    /// Over TLS, with its certificate.
    Certificate,
}

/// When a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the broker had taken the box in.
    Before(Greeting),
    /// So long after.
    After(Duration),
}

/// A connection that lasted so long was not cut short.
pub(crate) const LASTS: Duration = Duration::from_mins(2);

/// So many that were cut short, one after the other, are no accident.
const NO_ACCIDENT: u32 = 3;

/// What keeps the box from the broker, as it was said last: an outage of days is told once.
#[derive(Debug)]
pub(crate) struct Trouble {
    said: Mutex<Option<String>>,
    /// Connections that the broker cut short, one after the other.
    cut_short: AtomicU32,
    /// What somebody must mend.
    pub mending: watch::Sender<Option<String>>,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            said: Mutex::default(),
            cut_short: AtomicU32::new(0),
            mending: watch::Sender::new(None),
        }
    }
}

impl Trouble {
    /// The files or settings cannot be used.
    pub fn unusable(&self, what: String) {
        if self.is_new(&what) {
            tracing::error!(
                what,
                "the cloud cannot be reached; calls go on, records wait here, trying again"
            );
        }
        self.mending.send_replace(Some(what));
    }

    /// A connection failed, or was lost; true where the far end closed it after it had taken the box in.
    pub fn lost(&self, error: &ConnectionError, when: When) -> bool {
        let greeting = match when {
            When::Before(greeting) => Some(greeting),
            When::After(lasted) if is_turned_away(error) => {
                self.closed(error, lasted);
                return true;
            }
            When::After(_) => None,
        };
        self.failed(error, greeting);
        false
    }

    fn closed(&self, error: &ConnectionError, lasted: Duration) {
        if lasted >= LASTS {
            self.cut_short.store(0, Ordering::Relaxed);
        } else {
            let count = self.cut_short.fetch_add(1, Ordering::Relaxed) + 1;
            if count == NO_ACCIDENT {
                tracing::warn!(
                    error = shortened(error),
                    likely = "another box connects under the same tenant, branch and device, as a copied \
                              configuration does: give one of them a name and a claim of its own",
                    "the broker ends every connection soon; coming back ever later, records wait here"
                );
            }
            if count >= NO_ACCIDENT {
                return;
            }
        }
        self.failed(error, None);
    }

    /// Whether the broker cuts connections short, which has been told.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed) >= NO_ACCIDENT
    }

    fn failed(&self, error: &ConnectionError, before: Option<Greeting>) {
        let text = shortened(error);
        let cause = before.and_then(|greeting| likely(error, greeting));
        let is_new = self.is_new(cause.as_deref().unwrap_or(&text));
        match cause {
            Some(likely) if is_new => {
                tracing::warn!(
                    error = text,
                    likely = %likely,
                    "no connection to the broker; trying on, records wait here"
                );
            }
            // A broker that stops in the wrong moment looks the same, once.
            Some(likely) => drop(self.mending.send_replace(Some(likely.into_owned()))),
            None if is_new => {
                tracing::warn!(
                    error = text,
                    "no connection to the broker; trying on, records wait here"
                );
            }
            None => tracing::debug!(error = text, "still no connection to the broker"),
        }
    }

    /// The broker has taken the box in.
    pub fn over(&self) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.mending
            .send_if_modified(|mending| mending.take().is_some());
    }

    fn is_new(&self, text: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = said.as_deref() != Some(text);
        *said = Some(text.to_owned());
        is_new
    }
}

/// The error without the address of a web page that explains it to programmers.
fn shortened(error: &ConnectionError) -> String {
    let text = error.to_string();
    let end = text.find(": https://").unwrap_or(text.len());
    text[..end].to_owned()
}

/// What is probably behind a connection that came to nothing, and what mends it.
fn likely(error: &ConnectionError, greeting: Greeting) -> Option<Cow<'static, str>> {
    if matches!(error, ConnectionError::ConnectionRefused(_)) {
        return Some(Cow::Borrowed(
            "the broker refuses the box: check its user name and password, and whether the box may \
             connect under this name",
        ));
    }
    if let Some(distrusted) = distrusted(error) {
        return Some(out_of_time(distrusted).map_or(
            Cow::Borrowed(
                "the certificate that the broker shows is not from whom the box trusts for this name: \
                 check the broker's address and `ca_file`, or claim the box again",
            ),
            Cow::Owned,
        ));
    }
    if !is_turned_away(error) {
        return None;
    }
    let greeted = match greeting {
        Greeting::Certificate => {
            "the cloud turns the box's certificate away: was it revoked, is it over, or another \
             box's? Ask the operator for a new code and run `trunkside claim`; the box need not be \
             started again"
        }
        Greeting::Tls => {
            "the broker closes before it has said anything: it may ask for a certificate, which \
             `trunkside claim` gets"
        }
        Greeting::Plain => {
            "the broker closes before it has said anything: it may speak TLS at this port, for \
             which `ca_file` must be set"
        }
    };
    Some(Cow::Borrowed(greeted))
}

/// What mends a certificate that is not good at the time of the box's clock, which may be the one
/// that is wrong: without a battery it begins at its maker's date. Told by the day, as what is told
/// anew every second is not read.
fn out_of_time(error: &CertificateError) -> Option<String> {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    let (what, time) = match error {
        NotValidYet => ("not good yet", None),
        NotValidYetContext { time, .. } => ("not good yet", Some(time)),
        Expired => ("over", None),
        ExpiredContext { time, .. } => ("over", Some(time)),
        _ => return None,
    };
    let says = time
        .and_then(|time| i64::try_from(time.as_secs()).ok())
        .and_then(|second| Timestamp::from_second(second).ok())
        .map(|at| format!(", which says {}", at.strftime("%Y-%m-%d")))
        .unwrap_or_default();
    Some(format!(
        "the broker's certificate is {what} by the box's clock{says}: set the clock, or let it reach \
         a time server; if it is right, the broker needs a new certificate"
    ))
}

/// The error and everything behind it.
fn causes<'a>(error: &'a ConnectionError) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let current = next?;
        // An I/O error hides what it wraps from `source`.
        let wrapped = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        };
        Some(current)
    })
}

/// What is wrong with the broker's certificate.
fn distrusted(error: &ConnectionError) -> Option<&CertificateError> {
    causes(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(fault)) => Some(fault),
        _ => None,
    })
}

/// Whether the far end ended it, by word or by deed.
fn is_turned_away(error: &ConnectionError) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let ended = [
        BrokenPipe,
        ConnectionAborted,
        ConnectionReset,
        UnexpectedEof,
    ];
    causes(error).any(|cause| {
        if let Some(rumqttc::StateError::ConnectionAborted) = cause.downcast_ref() {
            return true;
        }
        if let Some(rustls::Error::AlertReceived(_)) = cause.downcast_ref() {
            return true;
        }
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| ended.contains(&error.kind()))
    })
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::UnixTime;

    use super::*;

    fn ended() -> ConnectionError {
        let page = "peer closed connection without sending TLS close_notify: https://docs.rs/x";
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, page);
        ConnectionError::MqttState(rumqttc::StateError::Io(error))
    }

    #[test]
    fn who_is_turned_away_reads_of_the_certificate_and_of_the_claim() {
        let cause = likely(&ended(), Greeting::Certificate).unwrap();
        assert!(cause.contains("certificate") && cause.contains("trunkside claim"));
        assert!(!shortened(&ended()).contains("https"));
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRevoked);
        let told = ConnectionError::Io(io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(likely(&told, Greeting::Certificate), Some(cause));
        assert!(likely(&ended(), Greeting::Plain).unwrap().contains("TLS"));
        let stranger = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let shown = ConnectionError::Io(io::Error::new(io::ErrorKind::InvalidData, stranger));
        assert!(likely(&shown, Greeting::Tls).unwrap().contains("ca_file"));
    }

    #[test]
    fn a_clock_that_is_wrong_is_not_told_as_a_foreign_certificate() {
        let at = |second| UnixTime::since_unix_epoch(Duration::from_secs(second));
        let begins = CertificateError::NotValidYetContext {
            time: at(86_400),
            not_before: at(1_795_248_000),
        };
        let over = CertificateError::ExpiredContext {
            time: at(4_000_000_000),
            not_after: at(1_795_248_000),
        };
        let told = |fault| {
            let fault = rustls::Error::InvalidCertificate(fault);
            let error = ConnectionError::Io(io::Error::new(io::ErrorKind::InvalidData, fault));
            likely(&error, Greeting::Certificate).unwrap()
        };
        for (fault, clock) in [
            (begins, "which says 1970-01-02: set the clock"),
            (over, "which says 2096-10-02: set the clock"),
            (
                CertificateError::NotValidYet,
                "the box's clock: set the clock",
            ),
            (CertificateError::Expired, "the box's clock: set the clock"),
        ] {
            let cause = told(fault);
            assert!(
                cause.contains(clock) && !cause.contains("ca_file"),
                "{cause}"
            );
        }
    }

    #[test]
    fn a_broker_that_is_away_need_not_be_mended() {
        let trouble = Trouble::default();
        let mending = trouble.mending.subscribe();
        let away = ConnectionError::Io(io::Error::from(io::ErrorKind::ConnectionRefused));
        for _ in 0..3 {
            trouble.lost(&away, When::Before(Greeting::Certificate));
            assert!(trouble.lost(&ended(), When::After(LASTS)));
        }
        assert_eq!(*mending.borrow(), None);
    }

    #[test]
    fn connections_that_are_cut_short_one_after_the_other_are_no_accident() {
        let trouble = Trouble::default();
        let soon = When::After(Duration::from_secs(5));
        for _ in 0..2 {
            assert!(trouble.lost(&ended(), soon) && !trouble.is_cut_short());
            trouble.over();
        }
        trouble.lost(&ended(), soon);
        assert!(trouble.is_cut_short());
        trouble.lost(&ended(), When::After(LASTS));
        assert!(!trouble.is_cut_short());
        let broken = ConnectionError::Io(io::Error::from(io::ErrorKind::TimedOut));
        assert!(
            !trouble.lost(&broken, soon),
            "a line that breaks is another matter"
        );
    }

    #[test]
    fn what_must_be_mended_is_told_until_it_is() {
        let trouble = Trouble::default();
        let mending = trouble.mending.subscribe();
        trouble.lost(&ended(), When::Before(Greeting::Certificate));
        assert_eq!(
            *mending.borrow(),
            None,
            "the broker may have stopped just then"
        );
        trouble.lost(&ended(), When::Before(Greeting::Certificate));
        assert!(mending.borrow().as_ref().unwrap().contains("certificate"));
        trouble.unusable("`box.key` is empty".to_owned());
        assert_eq!(mending.borrow().as_deref(), Some("`box.key` is empty"));
        trouble.over();
        assert_eq!(*mending.borrow(), None);
    }
}
