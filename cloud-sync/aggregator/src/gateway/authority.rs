//! The cloud's own certificate authority, for boxes and for its listener.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams,
    CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use trunkside_record::Origin;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::rules::NatsNameError;
use crate::store::Certificate as Known;

/// Years that the authority, and what it signs, are good for.
const AUTHORITY_YEARS: i64 = 20;
const YEARS: i64 = 5;

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";

/// What can go wrong with certificates.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file of the authority.
    #[error("cannot use `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate or request.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS.
    #[error("the listener's TLS cannot be set up: {0}")]
    Tls(String),
    /// No authority, where boxes have certificates of one.
    #[error(
        "`{}` holds no authority, and boxes have certificates of one; copy the folder from the machine \
         or the backup that has it, or name it in `boxes.pki`; where it is lost, revoke these boxes and \
         claim them anew",
        .0.display()
    )]
    Absent(PathBuf),
    /// A box that NATS cannot know.
    #[error(transparent)]
    Name(#[from] NatsNameError),
}

impl AuthorityError {
    /// Whether what somebody wrote is at fault, so that another try would fail again.
    pub const fn is_input(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Absent(_))
    }
}

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Opens the authority in `folder`, or makes one there. A new one would shut out every box that has
    /// a certificate in force: where `known` has such, there must be one.
    pub(crate) fn open(
        folder: &Path,
        known: &[Known],
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        if !certificate.exists() {
            if known.iter().any(|known| known.revoked_at.is_none()) {
                return Err(AuthorityError::Absent(folder.to_owned()));
            }
            make(folder, &certificate, &key, now)?;
        }
        let certificate = read(&certificate)?;
        let pair = KeyPair::from_pem(&read(&key)?)?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_pem(&certificate, pair)?,
            certificate,
        })
    }

    /// The authority's own certificate, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs a box's request; of what it asks for only the public key counts. Returns the
    /// certificate, PEM, and its serial number as [`serial_text`] writes it.
    pub(crate) fn admit(
        &self,
        csr: &str,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(String, String), AuthorityError> {
        let mut request = CertificateSigningRequestParams::from_pem(csr)?;
        let mut params = params(&origin.to_string(), now, YEARS)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let serial = params.serial_number.as_ref().map(SerialNumber::to_bytes);
        let serial = serial_text(&serial.unwrap_or_default());
        // So that a broker which knows certificates by their subject tells an ended one from the next.
        params
            .distinguished_name
            .push(DnType::OrganizationalUnitName, serial.clone());
        request.params = params;
        Ok((request.signed_by(&self.issuer)?.pem(), serial))
    }

    /// A certificate and its key, PEM, for a broker of this name.
    pub(super) fn serve(
        &self,
        host: &str,
        now: Timestamp,
    ) -> Result<(String, String), AuthorityError> {
        let pair = KeyPair::generate()?;
        let certificate = self.server_certificate(&[host.to_owned()], &pair, now)?;
        Ok((certificate.pem(), pair.serialize_pem()))
    }

    fn server_certificate(
        &self,
        names: &[String],
        pair: &KeyPair,
        now: Timestamp,
    ) -> Result<Certificate, AuthorityError> {
        let common = names.first().map_or("localhost", String::as_str);
        let mut params = params(common, now, YEARS)?;
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params.signed_by(pair, &self.issuer)?)
    }

    /// The list of revoked certificates (RFC 5280, section 5), PEM: their serial numbers, and since
    /// when. Good for as long as certificates are: a broker with a list that is over lets nobody in.
    pub(super) fn revoked(
        &self,
        serials: impl Iterator<Item = (Vec<u8>, Timestamp)>,
        now: Timestamp,
    ) -> Result<String, AuthorityError> {
        let day = |at: Timestamp| date(at.to_zoned(TimeZone::UTC).date());
        let today = now.to_zoned(TimeZone::UTC).date();
        let span = jiff::Span::new();
        let revoked_certs = serials.map(|(serial, at)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&serial),
            revocation_time: day(at),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date(today.saturating_sub(span.days(1))),
            next_update: date(today.saturating_add(span.years(YEARS))),
            crl_number: SerialNumber::from(now.as_second().cast_unsigned()),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }

    /// TLS for a listener of these names that asks boxes for their certificates.
    pub(crate) fn server(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<Arc<ServerConfig>, AuthorityError> {
        let pair = KeyPair::generate()?;
        let certificate = self.server_certificate(names, &pair, now)?;
        let tls = |error: &dyn std::fmt::Display| AuthorityError::Tls(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|error| tls(&error))?;
        roots.add(own).map_err(|error| tls(&error))?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| tls(&error))?;
        let key = PrivateKeyDer::try_from(pair.serialize_der()).map_err(|error| tls(&error))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(|error| tls(&error))?;
        Ok(Arc::new(config))
    }
}

/// A serial number as the store names it: hex without leading zeros, which encoders may drop.
pub(super) fn serial_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().skip_while(|byte| **byte == 0) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// When a certificate (PEM) ends; none where it is no certificate.
pub(super) fn ends_at(pem: &str) -> Option<Timestamp> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// The reverse of [`serial_text`].
pub(super) fn serial_bytes(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, next| byte << 4 | digit(*next)))
        .collect()
}

/// Replaces a file as a whole.
pub(super) fn keep(
    folder: &Path,
    name: &str,
    content: &[u8],
    mode: u32,
) -> Result<(), AuthorityError> {
    let new = folder.join(format!("{name}.new"));
    let file = |source| AuthorityError::File {
        path: new.clone(),
        source,
    };
    fs::create_dir_all(folder).map_err(file)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let written = options.open(&new).and_then(|mut out| {
        out.write_all(content)?;
        out.sync_all()?;
        fs::rename(&new, folder.join(name))
    });
    written.map_err(file)
}

fn make(
    folder: &Path,
    certificate: &Path,
    key: &Path,
    now: Timestamp,
) -> Result<(), AuthorityError> {
    let pair = KeyPair::generate()?;
    let mut params = params("Trunkside boxes", now, AUTHORITY_YEARS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| AuthorityError::File { path, source }
    };
    fs::create_dir_all(folder).map_err(file(folder))?;
    // The key first: a certificate without its key would end every later start.
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(key)
        .and_then(|mut out| {
            out.write_all(pair.serialize_pem().as_bytes())?;
            out.sync_all()
        })
        .map_err(file(key))?;
    let text = params.self_signed(&pair)?.pem();
    let new = folder.join("ca.pem.new");
    fs::write(&new, text).map_err(file(&new))?;
    fs::rename(&new, certificate).map_err(file(certificate))
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|source| AuthorityError::File {
        path: path.to_owned(),
        source,
    })
}

fn date(date: Date) -> OffsetDateTime {
    rcgen::date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
}

/// A certificate for somebody, good from yesterday (clocks differ) for some years.
fn params(common: &str, now: Timestamp, years: i64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|_| rcgen::Error::RingUnspecified)?;
    // Positive, as RFC 5280 asks (section 4.1.2.2).
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let today = now.to_zoned(TimeZone::UTC).date();
    let span = jiff::Span::new();
    params.not_before = date(today.saturating_sub(span.days(1)));
    params.not_after = date(today.saturating_add(span.years(years)));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
