//! What the aggregator needs to know, and where it comes from: flags before the file before
//! defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use trunkside_call::without_userinfo;

use crate::store::{PostgresOptions, StoreChoice};

/// Months that calls are kept, unless the configuration says otherwise.
const RETENTION_MONTHS: u32 = 24;

/// Months that notes of who read calls' words are kept, where calls are not kept for longer.
const AUDIT_MONTHS: u32 = 60;

/// The fewest that may be asked for: so long must be shown who handled personal information (PIPL, article 56).
const LEAST_AUDIT_MONTHS: u32 = 36;

/// Where boxes publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerChoice {
    /// A broker inside this process; port 0 takes a free one.
    Embedded {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// A broker that runs elsewhere, such as Mosquitto.
    External(ExternalBroker),
    /// NATS with `JetStream`, from whose MQTT listener boxes publish; several aggregators share the
    /// work.
    Nats {
        /// `host:port` of each server of the cluster.
        servers: Vec<String>,
        /// Credentials, when the servers ask for them.
        login: Option<LoginFiles>,
    },
}

/// An MQTT broker that runs elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalBroker {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// PEM certificates that the broker's must descend from; no TLS when none.
    pub ca_file: Option<PathBuf>,
    /// Credentials, when the broker asks for them.
    pub login: Option<LoginFiles>,
}

/// Credentials, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginFiles {
    /// Holds the user name.
    pub username_file: PathBuf,
    /// Holds the password.
    pub password_file: PathBuf,
}

impl LoginFiles {
    /// User name and password.
    pub fn read(&self) -> Result<(String, String), ConfigError> {
        Ok((secret(&self.username_file)?, secret(&self.password_file)?))
    }
}

fn secret(path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Who vouches for the people who read, and what their tokens say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The tokens' `iss`.
    pub issuer: String,
    /// What must be in the tokens' `aud`.
    pub audience: String,
    /// The issuer's public keys: a file, or an address that begins with `https://`.
    pub jwks: String,
    /// The claim that holds the role; `trunkside_role`.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// The claim that holds the tenant, `*` for all; `trunkside_tenant`.
    #[serde(default = "tenant_claim")]
    pub tenant_claim: String,
}

fn role_claim() -> String {
    "trunkside_role".to_owned()
}

fn tenant_claim() -> String {
    "trunkside_tenant".to_owned()
}

/// What an aggregator needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregatorConfig {
    /// Where HTTP is served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where boxes publish.
    pub broker: BrokerChoice,
    /// Where records are kept.
    pub store: StoreChoice,
    /// Months that they are kept; for ever when none.
    pub retention_months: Option<u32>,
    /// Months that notes of who read calls' words are kept, no fewer than calls; for ever when none.
    pub audit_months: Option<u32>,
    /// Who vouches for the people who read, besides keys.
    pub oidc: Option<OidcConfig>,
    /// How boxes join and connect with certificates; they cannot when none.
    pub boxes: Option<BoxesConfig>,
}

/// How boxes join and connect with certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxesConfig {
    /// Where they connect to, `host:port`; the listener's certificate names the host.
    pub connect_to: String,
    /// Where the embedded broker takes TLS; none when the broker runs elsewhere.
    pub listen: Option<SocketAddr>,
    /// The folder of the certificate authority.
    pub pki: PathBuf,
}

impl BoxesConfig {
    /// The name or address under which boxes know the broker.
    pub fn host(&self) -> &str {
        let host = self
            .connect_to
            .rsplit_once(':')
            .map_or("", |(host, _)| host);
        host.trim_matches(['[', ']'])
    }
}

/// The same as a file has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxesFile {
    connect_to: String,
    listen: Option<SocketAddr>,
    pki: Option<PathBuf>,
}

impl AggregatorConfig {
    /// Everything embedded and on loopback, with the database in `data`.
    ///
    /// # Panics
    /// Never: the defaults resolve.
    pub fn embedded(data: impl Into<PathBuf>) -> Self {
        let file = ConfigFile {
            data: Some(data.into()),
            ..ConfigFile::default()
        };
        file.resolve().expect("the defaults are valid")
    }
}

/// The same, with everything optional: a file, or the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Where HTTP is served; `127.0.0.1:8080`.
    pub listen: Option<SocketAddr>,
    /// Where the embedded broker listens; `127.0.0.1:1883`.
    pub mqtt_listen: Option<SocketAddr>,
    /// A broker that runs elsewhere in place of the embedded one: `host:port` for MQTT, or
    /// `nats://host:port,host:port` for a NATS cluster.
    pub broker: Option<String>,
    /// Holds the user name for that broker.
    pub broker_username_file: Option<PathBuf>,
    /// Holds the password for that broker.
    pub broker_password_file: Option<PathBuf>,
    /// Certificates that an MQTT broker's must descend from; turns TLS on.
    pub broker_ca_file: Option<PathBuf>,
    /// The folder of the database; `trunkside-cloud-data`.
    pub data: Option<PathBuf>,
    /// PostgreSQL in place of a file: `postgres://user@host:port/database`.
    pub database: Option<String>,
    /// Holds the password for PostgreSQL.
    pub database_password_file: Option<PathBuf>,
    /// Certificates that PostgreSQL's must descend from; the system's.
    pub database_ca_file: Option<PathBuf>,
    /// Months that calls are kept, 0 for ever; 24.
    pub retention_months: Option<u32>,
    /// Months that notes of who read calls' words are kept, 0 for ever; 60, or as long as calls.
    pub audit_months: Option<u32>,
    /// Who vouches for the people who read.
    pub oidc: Option<OidcConfig>,
    /// How boxes join.
    pub boxes: Option<BoxesFile>,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file.
    #[error(
        "cannot read `{}`: {source}; check its name, and that whoever runs this may read it",
        path.display()
    )]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its content.
    #[error("{}:{line}: {message}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What.
        message: String,
    },
    /// The broker's address.
    #[error(
        "`broker` must be `host:port` or `nats://host:port`, got `{}`; for instance \
         `mqtt.example.net:1883`: a name and a password stand in files (`broker_username_file`, \
         `broker_password_file`)",
        without_userinfo(.0)
    )]
    Broker(String),
    /// Keys that do not go together.
    #[error("`{0}` and `{1}` exclude each other; remove one")]
    Both(&'static str, &'static str),
    /// A key that means nothing without another.
    #[error("`{0}` needs `{1}`; set both or neither")]
    Needs(&'static str, &'static str),
    /// A value out of range.
    #[error("`retention_months` must be at most 1200, got `{0}`; use 0 to keep everything")]
    Retention(u32),
    /// Notes that would go too soon.
    #[error(
        "`audit_months` must be from {LEAST_AUDIT_MONTHS} to 1200 and no less than `retention_months`, got `{0}`: \
         who read a call's words is known at least as long as the call is kept; use 0 to keep every note"
    )]
    AuditMonths(u32),
    /// Where boxes connect to.
    #[error(
        "`boxes.connect_to` must be `host:port`, got `{}`; for instance `cloud.example.net:8883`",
        without_userinfo(.0)
    )]
    ConnectTo(String),
    /// Where the issuer's keys are.
    #[error(
        "`oidc.jwks` must be a file or begin with `https://`, got `{}`; whoever can change keys \
         on the way could let anybody in",
        without_userinfo(.0)
    )]
    Jwks(String),
}

impl ConfigFile {
    /// Reads a TOML file; relative paths in it start from its folder.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        // The line itself is not shown: a password may stand there in place of its file.
        let read = toml::from_str(&text).map_err(|error| ConfigError::Content {
            path: path.to_owned(),
            line: line_of(&text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        });
        read.map(|file: Self| file.beside(path.parent().unwrap_or(Path::new(""))))
    }

    /// The same with its relative paths below `folder`: what they name does not depend on where a command
    /// runs.
    fn beside(mut self, folder: &Path) -> Self {
        let paths = [
            &mut self.broker_username_file,
            &mut self.broker_password_file,
            &mut self.broker_ca_file,
            &mut self.data,
            &mut self.database_password_file,
            &mut self.database_ca_file,
        ];
        let pki = self.boxes.as_mut().map(|boxes| &mut boxes.pki);
        for path in paths.into_iter().chain(pki).flatten() {
            *path = folder.join(&*path);
        }
        if let Some(OidcConfig { jwks, .. }) = &mut self.oidc
            && !jwks.contains("://")
            && let Some(path) = folder.join(&*jwks).to_str()
        {
            path.clone_into(jwks);
        }
        self
    }

    /// What is set here, and `other` where nothing is. A broker of either kind set here leaves
    /// both kinds of `other` aside, and so does a database.
    #[must_use]
    pub fn or(self, mut other: Self) -> Self {
        if self.broker.is_some() || self.mqtt_listen.is_some() {
            (other.broker, other.mqtt_listen) = (None, None);
        }
        if self.database.is_some() || self.data.is_some() {
            (other.database, other.data) = (None, None);
        }
        Self {
            listen: self.listen.or(other.listen),
            mqtt_listen: self.mqtt_listen.or(other.mqtt_listen),
            broker: self.broker.or(other.broker),
            broker_username_file: self.broker_username_file.or(other.broker_username_file),
            broker_password_file: self.broker_password_file.or(other.broker_password_file),
            broker_ca_file: self.broker_ca_file.or(other.broker_ca_file),
            data: self.data.or(other.data),
            database: self.database.or(other.database),
            database_password_file: self.database_password_file.or(other.database_password_file),
            database_ca_file: self.database_ca_file.or(other.database_ca_file),
            retention_months: self.retention_months.or(other.retention_months),
            audit_months: self.audit_months.or(other.audit_months),
            oidc: self.oidc.or(other.oidc),
            boxes: self.boxes.or(other.boxes),
        }
    }

    /// Where records are kept; what a command that only reads the database needs.
    pub fn store(&self) -> Result<StoreChoice, ConfigError> {
        match (&self.database, &self.data) {
            (Some(_), Some(_)) => Err(ConfigError::Both("database", "data")),
            (Some(address), None) => Ok(StoreChoice::Postgres(PostgresOptions {
                address: address.clone(),
                password_file: self.database_password_file.clone(),
                ca_file: self.database_ca_file.clone(),
            })),
            (None, data) => {
                let default = || PathBuf::from("trunkside-cloud-data");
                Ok(StoreChoice::Sqlite(data.clone().unwrap_or_else(default)))
            }
        }
    }

    /// Fills in the defaults.
    pub fn resolve(self) -> Result<AggregatorConfig, ConfigError> {
        let store = self.store()?;
        let retention_months = match self.retention_months.unwrap_or(RETENTION_MONTHS) {
            0 => None,
            months @ 1..=1_200 => Some(months),
            months => return Err(ConfigError::Retention(months)),
        };
        let audit_months = match (self.audit_months, retention_months) {
            (None, kept) => kept.map(|kept| kept.max(AUDIT_MONTHS)),
            (Some(0), _) => None,
            (Some(months @ LEAST_AUDIT_MONTHS..=1_200), Some(kept)) if kept <= months => {
                Some(months)
            }
            (Some(months), _) => return Err(ConfigError::AuditMonths(months)),
        };
        if let Some(OidcConfig { jwks, .. }) = &self.oidc
            && jwks.contains("://")
            && !jwks.starts_with("https://")
        {
            return Err(ConfigError::Jwks(jwks.clone()));
        }
        let boxes = self
            .boxes
            .as_ref()
            .map(|boxes| self.gateway(boxes))
            .transpose()?;
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Ok(AggregatorConfig {
            listen: self.listen.unwrap_or_else(|| loopback(8080)),
            broker: self.broker_choice(loopback(1883))?,
            store,
            retention_months,
            audit_months,
            oidc: self.oidc,
            boxes,
        })
    }

    fn gateway(&self, boxes: &BoxesFile) -> Result<BoxesConfig, ConfigError> {
        let BoxesFile {
            connect_to,
            listen,
            pki,
        } = boxes.clone();
        // Boxes are told it as it stands here.
        if trunkside_record::host_and_port(&connect_to).is_none() {
            return Err(ConfigError::ConnectTo(connect_to));
        }
        if listen.is_some() && self.broker.is_some() {
            return Err(ConfigError::Both("boxes.listen", "broker"));
        }
        let beside = || match &self.data {
            Some(data) => data.join("pki"),
            None => PathBuf::from("trunkside-cloud-data/pki"),
        };
        Ok(BoxesConfig {
            connect_to,
            listen,
            pki: pki.unwrap_or_else(beside),
        })
    }

    fn broker_choice(&self, default: SocketAddr) -> Result<BrokerChoice, ConfigError> {
        let login = match (&self.broker_username_file, &self.broker_password_file) {
            (None, None) => None,
            (Some(username_file), Some(password_file)) => Some(LoginFiles {
                username_file: username_file.clone(),
                password_file: password_file.clone(),
            }),
            _ => {
                return Err(ConfigError::Needs(
                    "broker_username_file",
                    "broker_password_file",
                ));
            }
        };
        match (&self.broker, self.mqtt_listen) {
            (Some(_), Some(_)) => Err(ConfigError::Both("broker", "mqtt_listen")),
            (None, _) if login.is_some() => {
                Err(ConfigError::Needs("broker_username_file", "broker"))
            }
            (None, _) if self.broker_ca_file.is_some() => {
                Err(ConfigError::Needs("broker_ca_file", "broker"))
            }
            (None, listen) => Ok(BrokerChoice::Embedded {
                listen: listen.unwrap_or(default),
            }),
            (Some(address), None) => match address.strip_prefix("nats://") {
                Some(_) if self.broker_ca_file.is_some() => {
                    Err(ConfigError::Both("broker_ca_file", "broker = 'nats://…'"))
                }
                Some(servers) => Ok(BrokerChoice::Nats {
                    servers: servers
                        .split(',')
                        .map(|server| host_and_port(server).map(|_| server.trim().to_owned()))
                        .collect::<Option<_>>()
                        .ok_or_else(|| ConfigError::Broker(address.clone()))?,
                    login,
                }),
                None => {
                    let (host, port) = host_and_port(address)
                        .ok_or_else(|| ConfigError::Broker(address.clone()))?;
                    Ok(BrokerChoice::External(ExternalBroker {
                        host,
                        port,
                        ca_file: self.broker_ca_file.clone(),
                        login,
                    }))
                }
            },
        }
    }
}

/// The line (from 1) that a byte offset lies in.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    before.filter(|byte| *byte == b'\n').count() + 1
}

/// Neither of them with a password: what is connected to is told and logged.
fn host_and_port(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.trim().rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let is_host = !host.is_empty() && !host.contains("//") && !host.contains('@');
    is_host.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ConfigFile {
        toml::from_str(text).unwrap()
    }

    fn fault(text: &str) -> String {
        parsed(text).resolve().unwrap_err().to_string()
    }

    #[test]
    fn nothing_set_means_everything_on_loopback() {
        let config = ConfigFile::default().resolve().unwrap();
        assert!(config.listen.ip().is_loopback());
        assert!(
            matches!(config.broker, BrokerChoice::Embedded { listen } if listen.ip().is_loopback())
        );
        assert!(matches!(config.store, StoreChoice::Sqlite(_)));
    }

    #[test]
    fn two_lines_change_broker_and_database() {
        let text = "broker = 'mqtt.example.net:1883'\ndatabase = 'postgres://u@localhost/x'";
        let config = parsed(text).resolve().unwrap();
        assert!(matches!(
            &config.broker,
            BrokerChoice::External(broker) if (broker.host.as_str(), broker.port) == ("mqtt.example.net", 1883)
        ));
        assert!(matches!(config.store, StoreChoice::Postgres(_)));
        let nats = parsed("broker = 'nats://a:4222,b:4222'").resolve().unwrap();
        assert!(
            matches!(nats.broker, BrokerChoice::Nats { servers, .. } if servers == ["a:4222", "b:4222"])
        );
    }

    #[test]
    fn the_example_is_what_happens_without_a_file() {
        let example = parsed(include_str!("../config.example.toml")).resolve();
        assert_eq!(example.unwrap(), ConfigFile::default().resolve().unwrap());
        // Also what it only mentions.
        let uncommented = include_str!("../config.example.toml")
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| {
                line.starts_with('[')
                    || line
                        .split_once(" = ")
                        .is_some_and(|(key, _)| !key.contains(' '))
            })
            .filter(|line| !line.starts_with("broker = \"mqtt"))
            .collect::<Vec<_>>();
        assert!(uncommented.len() > 10, "{uncommented:?}");
        // They name one broker and one database each way.
        parsed(&uncommented.join("\n"));
    }

    #[test]
    fn flags_come_before_the_file() {
        let file = parsed("broker = 'a:1'\nlisten = '127.0.0.1:1'\ndatabase = 'x'");
        let flags = parsed("mqtt_listen = '127.0.0.1:2'\nlisten = '127.0.0.1:3'\ndata = 'y'");
        let config = flags.or(file).resolve().unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.store, StoreChoice::Sqlite("y".into()));
        assert!(matches!(config.broker, BrokerChoice::Embedded { .. }));
    }

    #[test]
    fn faults_name_the_key_and_the_remedy() {
        for address in [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "host:99999",
            "nats://",
            "http://a:1",
            "mqtt://u:hunter2@h:1",
            "u:hunter2@h:1",
            "nats://a:1,u:hunter2@h:1",
        ] {
            let error = fault(&format!("broker = '{address}'"));
            assert!(
                error.contains("`broker`") && error.contains("host:port"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
        for (text, keys) in [
            (
                "broker = 'a:1'\nmqtt_listen = '127.0.0.1:2'",
                ["`broker`", "`mqtt_listen`"],
            ),
            ("database = 'x'\ndata = 'y'", ["`database`", "`data`"]),
            (
                "broker = 'a:1'\nbroker_username_file = 'u'",
                ["`broker_username_file`", "`broker_password_file`"],
            ),
            ("broker_ca_file = 'u'", ["`broker_ca_file`", "`broker`"]),
            ("retention_months = 9999", ["`retention_months`", "`9999`"]),
            ("audit_months = 35", ["`audit_months`", "`35`"]),
            ("audit_months = 1201", ["`audit_months`", "`1201`"]),
            (
                "retention_months = 48\naudit_months = 40",
                ["`retention_months`", "`40`"],
            ),
            (
                "retention_months = 0\naudit_months = 40",
                ["`retention_months`", "`40`"],
            ),
        ] {
            let error = fault(text);
            assert!(keys.iter().all(|key| error.contains(key)), "{error}");
        }
        for connect_to in ["", "h", "mqtts://h:1", " h:1", "h/x:1", "::1:8883"] {
            let error = fault(&format!("[boxes]\nconnect_to = '{connect_to}'"));
            assert!(error.contains("`boxes.connect_to` must be"), "{error}");
        }
        let http = "[oidc]\nissuer = 'i'\naudience = 'a'\njwks = 'http://keys'";
        assert!(fault(http).contains("`oidc.jwks`"));
    }

    #[test]
    fn who_read_calls_is_known_no_shorter_than_the_calls_are_kept() {
        let kept = |text: &str| parsed(text).resolve().unwrap().audit_months;
        assert_eq!(kept(""), Some(60));
        assert_eq!(kept("retention_months = 84"), Some(84));
        assert_eq!(kept("retention_months = 0"), None);
        assert_eq!(kept("audit_months = 0"), None);
        assert_eq!(kept("audit_months = 36"), Some(36));
    }

    #[test]
    fn relative_paths_start_from_the_files_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.toml");
        let text = "data = 'a'\nbroker = 'b:1'\nbroker_username_file = 'c'\n\
                    broker_password_file = '/d'\nbroker_ca_file = 'e'\n\
                    database_password_file = 'f'\ndatabase_ca_file = 'g'\n\
                    [boxes]\nconnect_to = 'h:1'\n\
                    [oidc]\nissuer = 'i'\naudience = 'j'\njwks = 'k'\n";
        std::fs::write(&path, text).unwrap();
        let there = |name: &str| Some(folder.path().join(name));
        let read = ConfigFile::read(&path).unwrap();
        assert_eq!(read.data, there("a"));
        assert_eq!(read.broker_username_file, there("c"));
        assert_eq!(read.broker_password_file, Some("/d".into()));
        assert_eq!(read.broker_ca_file, there("e"));
        assert_eq!(read.database_password_file, there("f"));
        assert_eq!(read.database_ca_file, there("g"));
        let config = read.resolve().unwrap();
        assert_eq!(config.boxes.map(|boxes| boxes.pki), there("a/pki"));
        assert_eq!(config.oidc.map(|oidc| oidc.jwks.into()), there("k"));
        std::fs::write(
            &path,
            text.replace("[oidc]", "pki = 'l'\n[oidc]")
                .replace("'k'", "'https://k'"),
        )
        .unwrap();
        let config = ConfigFile::read(&path).unwrap().resolve().unwrap();
        assert_eq!(config.boxes.map(|boxes| boxes.pki), there("l"));
        assert_eq!(config.oidc.unwrap().jwks, "https://k");
    }

    #[test]
    fn a_key_that_is_not_known_is_told_with_its_line_and_without_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.toml");
        std::fs::write(&path, "broker = 'a:1'\nbroker_password = 'hunter2'\n").unwrap();
        let error = ConfigFile::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("cloud.toml:2: ") && error.contains("`broker_password`"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}
