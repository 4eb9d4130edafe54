//! `[trunk.NAME]`: carriers and PBXs.

use std::path::PathBuf;
use std::time::Duration;

use trunkside_line::{Network, Transport};

use super::layers::Layers;

/// One carrier or PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Where it is reached, `host:port`, most preferred first.
    pub targets: Vec<String>,
    /// What carries what is sent there.
    pub transport: Transport,
    /// What stands behind the `@` of our address of record.
    pub domain: String,
    /// Whether to register there.
    pub register: bool,
    /// The user name and the file that holds the password.
    pub login: Option<(String, PathBuf)>,
    /// For how long to register.
    pub expires: Duration,
    /// How often to ask whether it is there.
    pub keep_alive: Duration,
    /// Where its calls may come from, besides its targets.
    pub allow: Vec<Network>,
}

pub fn resolve(layers: &mut Layers) -> Vec<Trunk> {
    let names = layers.names("trunk");
    names
        .into_iter()
        .map(|name| resolve_one(layers, name))
        .collect()
}

fn resolve_one(layers: &mut Layers, name: String) -> Trunk {
    let key = |end: &str| format!("trunk.{name}.{end}");
    let rule = "must be a list of hosts with or without port, such as `[\"sip.example:5060\"]`";
    let targets: Vec<Target> = layers.list(&key("targets"), rule);
    let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let transports = transports.map(|transport| (transport.name(), transport));
    let transport = layers.choice(&key("transport"), Transport::Udp, &transports);
    let rule = "must be a list of addresses and networks such as `[\"192.0.2.0/24\"]`";
    let allow = layers.list(&key("allow"), rule);
    let user = layers.optional_text(&key("username"));
    let password = layers.readable_file(&key("password_file"));
    if user.is_some() != password.is_some() {
        let message = format!(
            "`trunk.{name}` has only one of `username` and `password_file`; set both or neither"
        );
        layers.report(&key("username"), &message);
    }
    let register = layers.switch(&key("register"), user.is_some());
    let unreached = targets.is_empty() && (register || allow.is_empty());
    if unreached && !layers.is_faulty(&key("targets")) && !layers.is_faulty(&key("allow")) {
        let message = format!(
            "`trunk.{name}` is reached nowhere; set `targets`, or `allow` for a trunk that only calls in"
        );
        layers.report(&key("targets"), &message);
    }
    let host = targets.first().map(|target| target.host.clone());
    Trunk {
        domain: layers
            .optional_text(&key("domain"))
            .or(host)
            .unwrap_or_else(|| "localhost".into()),
        targets: targets
            .iter()
            .map(|target| target.with_port(transport))
            .collect(),
        transport,
        register,
        login: user.zip(password),
        expires: layers.seconds(&key("expires_s"), 600, 60..=86_400),
        keep_alive: layers.seconds(&key("keepalive_s"), 30, 5..=3_600),
        allow,
        name,
    }
}

struct Target {
    host: String,
    port: Option<u16>,
}

impl std::str::FromStr for Target {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| ())?)),
            None => (text, None),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte);
        if host.is_empty() || port == Some(0) || !host.bytes().all(fits) {
            return Err(());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl Target {
    /// `host:port`, with the transport's usual port where none is named.
    fn with_port(&self, transport: Transport) -> String {
        let port = self.port.unwrap_or(transport.default_port());
        format!("{}:{port}", self.host)
    }
}
