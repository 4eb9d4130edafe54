//! TLS to the broker: whom the box trusts, and how it shows who it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rumqttc::{TlsConfiguration, Transport};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use trunkside_record::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::UplinkError;

/// Certificates and key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates that the broker's must descend from.
    pub ca_file: PathBuf,
    /// The box's own certificate and its key, when the broker asks who it is.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// When the certificate ends that shows the broker who the box is, or the first of those that vouch for it
    /// in the same file; none where the box shows none. Blocks.
    pub fn ends_at(&self) -> Result<Option<Timestamp>, UplinkError> {
        let Some((path, _)) = &self.identity else {
            return Ok(None);
        };
        let mut ends = Vec::new();
        for certificate in certificates(path)? {
            let (_, certificate) =
                X509Certificate::from_der(&certificate).map_err(|error| fault(path, &error))?;
            let second = certificate.validity().not_after.timestamp();
            ends.push(Timestamp::from_second(second).map_err(|error| fault(path, &error))?);
        }
        Ok(ends.into_iter().min())
    }

    pub(crate) fn transport(&self) -> Result<Transport, UplinkError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca_file)? {
            roots
                .add(certificate)
                .map_err(|error| fault(&self.ca_file, &error))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_root_certificates(roots);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let secret = PrivateKeyDer::from_pem_slice(&read(key)?)
                    .map_err(|error| fault(key, &error))?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|error| fault(key, &error))?
            }
        };
        let tls = TlsConfiguration::Rustls(Arc::new(config));
        Ok(Transport::Tls(tls))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, UplinkError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(path, &error))?;
    if certificates.is_empty() {
        return Err(fault(path, &"it holds no certificate in PEM form"));
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Vec<u8>, UplinkError> {
    std::fs::read(path).map_err(|error| fault(path, &error))
}

fn fault(path: &Path, fault: &dyn std::fmt::Display) -> UplinkError {
    UplinkError::Tls {
        path: path.to_owned(),
        fault: fault.to_string(),
    }
}
