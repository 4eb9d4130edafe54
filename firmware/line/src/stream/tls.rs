//! Who the box is on TLS, and whom it trusts. Certificates and keys are PEM text.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What is wrong with certificates or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// The text has no certificate, or a broken one.
    #[error("it holds no certificate in PEM form")]
    Certificate,
    /// The text has no private key.
    #[error("it holds no private key in PEM form")]
    Key,
    /// The key is not the certificate's, or of a kind that is not known.
    #[error("the key does not fit the certificate: {0}")]
    Mismatch(String),
    /// The system has no certificates to trust.
    #[error("the system has no trusted certificates")]
    NoRoots,
}

/// A certificate with what proves it to be the box's own.
#[derive(Debug)]
pub struct TlsIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl TlsIdentity {
    /// From the certificate with those that lead to its root, and its key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsFault> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsFault::Key)?;
        let identity = Self { chain, key };
        identity.server()?;
        Ok(identity)
    }

    /// For whoever connects to the box.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, TlsFault> {
        let provider = Arc::new(ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map(Arc::new)
            .map_err(|error| TlsFault::Mismatch(error.to_string()))
    }
}

/// The certificates that those of carriers and phones must descend from.
#[derive(Clone, Debug)]
pub struct TlsTrust(Arc<RootCertStore>);

impl TlsTrust {
    /// Those in a PEM text and no others.
    pub fn from_pem(text: &[u8]) -> Result<Self, TlsFault> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(text)? {
            roots.add(certificate).map_err(|_| TlsFault::Certificate)?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Those that the system trusts.
    pub fn of_system() -> Result<Self, TlsFault> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            return Err(TlsFault::NoRoots);
        }
        Ok(Self(Arc::new(roots)))
    }

    /// For whom the box connects to. Shows the box's own certificate to who asks for it.
    pub(crate) fn client(&self, own: Option<&TlsIdentity>) -> Result<Arc<ClientConfig>, TlsFault> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_root_certificates(Arc::clone(&self.0));
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(own.chain.clone(), own.key.clone_key())
                .map_err(|error| TlsFault::Mismatch(error.to_string()))?,
        };
        Ok(Arc::new(config))
    }
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsFault::Certificate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["box.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn certificates_and_keys_that_fit_are_taken_and_others_are_named() {
        let ((certificate, key), (_, other)) = (made(), made());
        let read = |certificate: &str, key: &str| {
            TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).map(drop)
        };
        assert_eq!(read(&certificate, &key), Ok(()));
        assert_eq!(read("", &key), Err(TlsFault::Certificate));
        assert_eq!(read(&key, &key), Err(TlsFault::Certificate));
        assert_eq!(read(&certificate, "nonsense"), Err(TlsFault::Key));
        assert!(matches!(
            read(&certificate, &other),
            Err(TlsFault::Mismatch(_))
        ));
        assert!(TlsTrust::from_pem(certificate.as_bytes()).is_ok());
        assert!(TlsTrust::from_pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n").is_err());
    }
}
