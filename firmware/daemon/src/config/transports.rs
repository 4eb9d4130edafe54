//! What SIP is carried by besides datagrams, and what protects the voice then: `line.listen_tcp`,
//! `line.listen_tls`, `line.tls_*`, `line.srtp`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkside_line::{SrtpPolicy, TlsIdentity, TlsTrust};

use super::layers::Layers;

/// Where the box takes connections, and the files that prove who is who.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transports {
    /// Where SIP is received over TCP.
    pub tcp: Option<SocketAddr>,
    /// Where it is received over TLS.
    pub tls: Option<SocketAddr>,
    /// The box's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The certificates that those of others must descend from; the system's without it.
    pub ca_file: Option<PathBuf>,
    /// Whether voice is protected on legs over TLS.
    pub srtp: SrtpPolicy,
}

const RULE: &str = "must be an address and port such as `0.0.0.0:5061`";

pub fn resolve(layers: &mut Layers) -> Transports {
    let (cert, key) = ("line.tls_cert_file", "line.tls_key_file");
    let identity = layers.both_files(cert, key);
    let is_told = layers.is_faulty(cert) || layers.is_faulty(key);
    if let Some((chain, secret)) = &identity
        && !is_told
        && let Err((faulty, fault)) = read_identity(chain, secret)
    {
        let named = if faulty == chain { cert } else { key };
        let message = format!(
            "`{named}` names `{}`, which cannot be used: {fault}; give PEM files that belong \
             together",
            faulty.display()
        );
        layers.report(named, &message);
    }
    let ca_file = layers.readable_file("line.tls_ca_file");
    if let Some(path) = &ca_file
        && !layers.is_faulty("line.tls_ca_file")
        && let Err(fault) = read_trust(path)
    {
        let message = format!(
            "`line.tls_ca_file` names `{}`, which cannot be used: {fault}; give a PEM file",
            path.display()
        );
        layers.report("line.tls_ca_file", &message);
    }
    let tls: Option<SocketAddr> = layers.optional("line.listen_tls", RULE);
    if tls.is_some() && identity.is_none() && layers.is_sure_of(cert) && layers.is_sure_of(key) {
        let message = format!(
            "`line.listen_tls` needs a certificate; set `{cert}` and `{key}`, or remove it"
        );
        layers.report("line.listen_tls", &message);
    }
    let secrecies = [
        ("never", SrtpPolicy::Never),
        ("optional", SrtpPolicy::Optional),
        ("required", SrtpPolicy::Required),
    ];
    Transports {
        srtp: layers.choice("line.srtp", SrtpPolicy::Optional, &secrecies),
        tcp: layers.optional("line.listen_tcp", RULE),
        tls,
        identity,
        ca_file,
    }
}

/// What is wrong with a file, and with which.
type Faulty<'a> = (&'a Path, String);

fn read_identity<'a>(chain: &'a Path, key: &'a Path) -> Result<TlsIdentity, Faulty<'a>> {
    let read = |path: &'a Path| std::fs::read(path).map_err(|error| (path, error.to_string()));
    let (chain_text, key_text) = (read(chain)?, read(key)?);
    TlsIdentity::from_pem(&chain_text, &key_text).map_err(|fault| {
        let path = match fault {
            trunkside_line::TlsFault::Certificate => chain,
            _ => key,
        };
        (path, fault.to_string())
    })
}

fn read_trust(path: &Path) -> Result<TlsTrust, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    TlsTrust::from_pem(&text).map_err(|fault| fault.to_string())
}

impl Transports {
    /// The box's certificate, read.
    pub fn identity(&self) -> anyhow::Result<Option<Arc<TlsIdentity>>> {
        let Some((chain, key)) = &self.identity else {
            return Ok(None);
        };
        let read = read_identity(chain, key);
        let read = read.map_err(|(path, fault)| anyhow::anyhow!("`{}`: {fault}", path.display()));
        Ok(Some(Arc::new(read?)))
    }

    /// Whom the box trusts; none where the system trusts nobody.
    pub fn trust(&self) -> anyhow::Result<Option<TlsTrust>> {
        match &self.ca_file {
            None => Ok(TlsTrust::of_system().ok()),
            Some(path) => {
                let read = read_trust(path);
                let named = |fault| anyhow::anyhow!("`{}`: {fault}", path.display());
                read.map(Some).map_err(named)
            }
        }
    }
}
