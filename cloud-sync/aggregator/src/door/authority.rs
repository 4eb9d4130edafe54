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
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use trunkside_record::Origin;

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
}

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Opens the authority in `folder`, or makes one there.
    pub(crate) fn open(folder: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        if !certificate.exists() {
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
        request.params = params;
        let signed = request.signed_by(&self.issuer)?.pem();
        Ok((signed, serial_text(&serial.unwrap_or_default())))
    }

    /// TLS for a listener of these names that asks boxes for their certificates.
    pub(crate) fn server(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<Arc<ServerConfig>, AuthorityError> {
        let pair = KeyPair::generate()?;
        let common = names.first().map_or("localhost", String::as_str);
        let mut params = params(common, now, YEARS)?;
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&pair, &self.issuer)?;

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
    let date =
        |date: Date| rcgen::date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8);
    params.not_before = date(today.saturating_sub(span.days(1)));
    params.not_after = date(today.saturating_add(span.years(years)));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
