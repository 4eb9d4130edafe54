//! What the aggregator needs to know, and where it comes from: flags before the file before
//! defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where boxes publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerChoice {
    /// A broker inside this process; port 0 takes a free one.
    Embedded {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// A broker that runs elsewhere, such as Mosquitto.
    External {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
}

/// What an aggregator needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregatorConfig {
    /// Where HTTP is served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where boxes publish.
    pub broker: BrokerChoice,
    /// The folder of the database.
    pub data: PathBuf,
}

/// The same, with everything optional: a file, or the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Where HTTP is served; `127.0.0.1:8080`.
    pub listen: Option<SocketAddr>,
    /// Where the embedded broker listens; `127.0.0.1:1883`.
    pub mqtt_listen: Option<SocketAddr>,
    /// A broker that runs elsewhere, as `host:port`, in place of the embedded one.
    pub broker: Option<String>,
    /// The folder of the database; `trunkside-cloud-data`.
    pub data: Option<PathBuf>,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its content.
    #[error("{}: {message}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What, with the line.
        message: String,
    },
    /// The broker's address.
    #[error("`broker` must be `host:port`, got `{0}`; for instance `mqtt.example.net:1883`")]
    Broker(String),
    /// Two brokers.
    #[error("`broker` and `mqtt_listen` exclude each other; remove one")]
    TwoBrokers,
}

impl ConfigFile {
    /// Reads a TOML file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        toml::from_str(&text).map_err(|error| ConfigError::Content {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })
    }

    /// What is set here, and `other` where nothing is. A broker of either kind set here leaves
    /// both kinds of `other` aside.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let has_broker = self.broker.is_some() || self.mqtt_listen.is_some();
        let (broker, mqtt_listen) = if has_broker {
            (self.broker, self.mqtt_listen)
        } else {
            (other.broker, other.mqtt_listen)
        };
        Self {
            listen: self.listen.or(other.listen),
            mqtt_listen,
            broker,
            data: self.data.or(other.data),
        }
    }

    /// Fills in the defaults.
    pub fn resolve(self) -> Result<AggregatorConfig, ConfigError> {
        let broker = match (self.broker, self.mqtt_listen) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoBrokers),
            (Some(address), None) => external(&address)?,
            (None, listen) => {
                let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 1883)));
                BrokerChoice::Embedded { listen }
            }
        };
        Ok(AggregatorConfig {
            listen: self
                .listen
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            broker,
            data: self
                .data
                .unwrap_or_else(|| PathBuf::from("trunkside-cloud-data")),
        })
    }
}

fn external(address: &str) -> Result<BrokerChoice, ConfigError> {
    let wrong = || ConfigError::Broker(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port = port
        .parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(wrong)?;
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(BrokerChoice::External {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ConfigFile {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn nothing_set_means_everything_on_loopback() {
        let config = ConfigFile::default().resolve().unwrap();
        assert!(config.listen.ip().is_loopback());
        assert!(
            matches!(config.broker, BrokerChoice::Embedded { listen } if listen.ip().is_loopback())
        );
    }

    #[test]
    fn mosquitto_takes_one_line() {
        let config = parsed("broker = 'mqtt.example.net:1883'")
            .resolve()
            .unwrap();
        let host = "mqtt.example.net".to_owned();
        assert_eq!(config.broker, BrokerChoice::External { host, port: 1883 });
    }

    #[test]
    fn flags_come_before_the_file() {
        let file = parsed("broker = 'a:1'\nlisten = '127.0.0.1:1'\ndata = 'x'");
        let flags = parsed("mqtt_listen = '127.0.0.1:2'\nlisten = '127.0.0.1:3'");
        let config = flags.or(file).resolve().unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.data, PathBuf::from("x"));
        assert!(matches!(config.broker, BrokerChoice::Embedded { .. }));
    }

    #[test]
    fn faults_name_the_key_and_the_remedy() {
        for address in ["", "host", "host:", ":1", "host:0", "host:99999"] {
            let file = ConfigFile {
                broker: Some(address.to_owned()),
                ..ConfigFile::default()
            };
            let error = file.resolve().unwrap_err().to_string();
            assert!(
                error.contains("`broker`") && error.contains("host:port"),
                "{error}"
            );
        }
        let both = parsed("broker = 'a:1'\nmqtt_listen = '127.0.0.1:2'");
        assert!(matches!(both.resolve(), Err(ConfigError::TwoBrokers)));
        assert!(toml::from_str::<ConfigFile>("brokr = 'a:1'").is_err());
    }
}
