//! `[trunk.NAME]`: carriers and PBXs.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use trunkside_line::{Network, Transport, TrunkTarget};

use super::layers::Layers;

/// One carrier or PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Where it is reached, most preferred first.
    pub targets: Vec<TrunkTarget>,
    /// What carries what is sent there.
    pub transport: Transport,
    /// What stands behind the `@` of our address of record.
    pub domain: String,
    /// Whether to register there.
    pub register: bool,
    /// The user name and the file that holds the password.
    pub login: Option<(String, PathBuf)>,
    /// The number that the box calls from there.
    pub number: Option<String>,
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
    let targets: Vec<TrunkTarget> = layers.list(&key("targets"), rule);
    let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let transports = transports.map(|transport| (transport.name(), transport));
    let transport = layers.choice(&key("transport"), Transport::Udp, &transports);
    let rule = "must be a list of addresses and networks such as `[\"192.0.2.0/24\"]`";
    let allow = layers.list(&key("allow"), rule);
    let user = layers.optional_text(&key("username"));
    let password = layers.readable_file(&key("password_file"));
    let is_whole = |key: &str| layers.is_sure_of(key);
    if user.is_some() != password.is_some()
        && is_whole(&key("username"))
        && is_whole(&key("password_file"))
    {
        let message = format!(
            "`trunk.{name}` has only one of `username` and `password_file`; set both or neither"
        );
        layers.report(&key("username"), &message);
    }
    let register = layers.switch(&key("register"), user.is_some());
    let unreached = targets.is_empty() && (register || allow.is_empty());
    if unreached && layers.is_sure_of(&key("targets")) && layers.is_sure_of(&key("allow")) {
        let message = format!(
            "`trunk.{name}` is reached nowhere; set `targets`, or `allow` for a trunk that only calls in"
        );
        layers.report(&key("targets"), &message);
    }
    let host = targets.first().map(uri_host);
    Trunk {
        domain: layers
            .optional_text(&key("domain"))
            .or(host)
            .unwrap_or_else(|| "localhost".into()),
        targets,
        transport,
        register,
        login: user.zip(password),
        number: layers.telephone_number(&key("number")),
        expires: layers.seconds(&key("expires_s"), 600, 60..=86_400),
        keep_alive: layers.seconds(&key("keepalive_s"), 30, 5..=3_600),
        allow,
        name,
    }
}

/// What the box calls from over trunks where it has neither number nor name: the branch's number.
pub fn call_from(trunks: &mut [Trunk], number: Option<&String>) {
    for trunk in trunks {
        if trunk.login.is_none() && trunk.number.is_none() {
            trunk.number = number.cloned();
        }
    }
}

/// Tells of a trunk that calls go out over, as `key` has it, from nobody's number.
pub fn tell_anonymous(layers: &mut Layers, trunks: &[Trunk], key: &str, name: &str) {
    let used = trunks.iter().find(|trunk| trunk.name == name);
    let is_anonymous = used.is_some_and(|trunk| trunk.login.is_none() && trunk.number.is_none());
    let number = format!("trunk.{name}.number");
    let is_sure = [&number, "line.callback_number"]
        .iter()
        .all(|key| layers.is_sure_of(key));
    if is_anonymous && is_sure {
        let message = format!(
            "`{key}` calls out over `trunk.{name}`, where the box has no number: its calls come from `anonymous`, \
             which many carriers refuse; set `{number}` or `line.callback_number`"
        );
        layers.warn(key, &message);
    }
}

/// A target's host as URIs write it.
fn uri_host(target: &TrunkTarget) -> String {
    if target.host.contains(':') {
        format!("[{}]", target.host)
    } else {
        target.host.clone()
    }
}

/// `line.dns_servers`: addresses, with a port where it is not the usual one.
pub fn resolve_dns_servers(layers: &mut Layers) -> Vec<SocketAddr> {
    let rule = "must be a list of addresses with or without port such as `[\"192.0.2.53\"]`";
    let servers: Vec<DnsServer> = layers.list("line.dns_servers", rule);
    servers.into_iter().map(|server| server.0).collect()
}

struct DnsServer(SocketAddr);

impl std::str::FromStr for DnsServer {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.parse::<IpAddr>();
        let address = address.map(|address| SocketAddr::new(address, 53));
        address.or_else(|_| text.parse()).map(Self)
    }
}
