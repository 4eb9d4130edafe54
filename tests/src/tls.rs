//! Certificates for a box, a carrier and phones on loopback.

use std::path::PathBuf;

use tempfile::TempDir;

/// A certificate for `127.0.0.1` that vouches for itself, with its key, as files.
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// A new one.
    ///
    /// # Panics
    /// When it cannot be made or written.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("written");
        };
        write("cert.pem", made.cert.pem());
        write("key.pem", made.signing_key.serialize_pem());
        Self { folder }
    }

    /// The certificate, which is also whom to trust.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// What a box with this certificate is told: to listen for TLS, and to trust nobody else.
    pub fn line(&self) -> String {
        format!(
            "[line]\nlisten_tls = \"127.0.0.1:0\"\ntls_cert_file = \"{0}\"\n\
             tls_key_file = \"{1}\"\ntls_ca_file = \"{0}\"\n",
            self.file().display(),
            self.key().display(),
        )
    }
}
