//! The address, the password, and TLS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::postgres::Config;
use ::postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::StoreError;
use super::PostgresOptions;

/// A server that has vanished is noticed within half a minute: after this much silence it is asked,
/// this often, this many times; and what is sent is answered by then.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

pub(super) fn settings(
    options: &PostgresOptions,
) -> Result<(Config, MakeRustlsConnect), StoreError> {
    let mut config: Config = options.address.parse().map_err(|_| {
        // The parser's own message could quote a password.
        StoreError::Address(
            "cannot be read; use `postgres://user@host:port/database`, such as \
             `postgres://trunkside@db.example.net/trunkside?sslmode=require`"
                .to_owned(),
        )
    })?;
    if let Some(path) = &options.password_file {
        let password = read(path, "database_password_file")?;
        let password = String::from_utf8_lossy(&password);
        config.password(password.trim_end_matches(['\r', '\n']));
    }
    if config.get_application_name().is_none() {
        config.application_name("trunkside-cloud");
    }
    keep_alive(&mut config, &options.address);
    let needs_tls = config.get_ssl_mode() == SslMode::Require;
    let says_plain = config.get_ssl_mode() == SslMode::Disable;
    if !needs_tls && !says_plain && !config.get_hosts().iter().all(is_near) {
        return Err(StoreError::Address(
            "names another machine without saying how to reach it safely; add \
             `?sslmode=require` (with `database_ca_file` for your own authority), or \
             `?sslmode=disable` on a network that nobody else uses"
                .to_owned(),
        ));
    }
    if !needs_tls {
        config.ssl_mode(SslMode::Disable);
    }
    let roots = if needs_tls {
        roots(options.ca_file.as_deref())?
    } else {
        RootCertStore::empty()
    };
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((config, MakeRustlsConnect::new(tls)))
}

/// Where the server is, and nothing else of its address.
pub(super) fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate();
    let places = hosts.map(|(index, host)| match host {
        Host::Unix(folder) => folder.display().to_string(),
        Host::Tcp(name) => {
            let port = ports.get(index).or(ports.first()).unwrap_or(&5432);
            format!("{name}:{port}")
        }
    });
    places.collect::<Vec<_>>().join(",")
}

/// Notices a server that has vanished, unless the address says how.
fn keep_alive(config: &mut Config, address: &str) {
    // This one has a default that cannot be told from the same in the address.
    if !address.contains("keepalives_idle") {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(ANSWERED_WITHIN);
    }
}

/// Whether nobody else can listen in.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    }
}

fn roots(path: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let path = path.unwrap_or(Path::new("/etc/ssl/certs/ca-certificates.crt"));
    let key = "database_ca_file";
    let fault = |fault: String| StoreError::File {
        path: path.to_owned(),
        key,
        fault,
    };
    let pem = read(path, key)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        // Old roots of the system may be beyond what rustls reads; one good one is enough.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(fault("it holds no certificate in PEM form".to_owned()));
    }
    Ok(roots)
}

fn read(path: &Path, key: &'static str) -> Result<Vec<u8>, StoreError> {
    std::fs::read(path).map_err(|error| StoreError::File {
        path: path.to_owned(),
        key,
        fault: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(address: &str) -> String {
        let options = PostgresOptions {
            address: address.to_owned(),
            ..PostgresOptions::default()
        };
        settings(&options).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn an_unsafe_or_unreadable_address_is_refused_without_quoting_it() {
        assert!(fault("postgres://u:secret@db.example.net/x").contains("sslmode=require"));
        let unreadable = fault("postgres://u:secret@[/x");
        assert!(unreadable.contains("`database`") && !unreadable.contains("secret"));
        let near = PostgresOptions {
            address: "host=/run/postgresql user=u".to_owned(),
            ..PostgresOptions::default()
        };
        assert!(settings(&near).is_ok());
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_named_without_its_password() {
        let place_of = |address: &str| place(&address.parse().unwrap());
        let address = "postgres://u:hunter2@db.example.net,[::1]:5433/x";
        assert_eq!(place_of(address), "db.example.net:5432,::1:5433");
        assert_eq!(
            place_of("host=/run/postgresql user=u password=hunter2"),
            "/run/postgresql"
        );
        // Nobody listens at port 1.
        let options = PostgresOptions {
            address: "postgres://u:hunter2@127.0.0.1:1/x".to_owned(),
            ..PostgresOptions::default()
        };
        let error = super::super::Postgres::open(&options).err().unwrap();
        let said = error.to_string();
        assert!(
            said.contains("`127.0.0.1:1`")
                && said.contains("`database`")
                && !said.contains("hunter2"),
            "{said}"
        );
        assert!(!error.is_input() && !error.is_content(), "it may come back");
    }

    #[test]
    fn a_server_that_vanishes_is_noticed_unless_the_address_says_otherwise() {
        let config = |address: &str| {
            let options = PostgresOptions {
                address: address.to_owned(),
                ..PostgresOptions::default()
            };
            let (config, _) = settings(&options).unwrap();
            (
                config.get_keepalives_idle().as_secs(),
                config
                    .get_keepalives_interval()
                    .map(|every| every.as_secs()),
                config.get_keepalives_retries(),
                config.get_tcp_user_timeout().map(Duration::as_secs),
            )
        };
        assert_eq!(
            config("postgres://u@localhost/x"),
            (10, Some(5), Some(3), Some(30))
        );
        let said =
            "keepalives_idle=7200&keepalives_interval=60&keepalives_retries=9&tcp_user_timeout=90";
        assert_eq!(
            config(&format!("postgres://u@localhost/x?{said}")),
            (7_200, Some(60), Some(9), Some(90))
        );
    }

    #[test]
    fn a_missing_file_is_named_with_its_key() {
        let options = PostgresOptions {
            address: "postgres://u@localhost/x".to_owned(),
            password_file: Some("/nowhere".into()),
            ca_file: None,
        };
        let error = settings(&options).map(drop).unwrap_err().to_string();
        assert!(
            error.contains("/nowhere") && error.contains("database_password_file"),
            "{error}"
        );
    }
}
