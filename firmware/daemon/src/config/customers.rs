//! Where the box learns what is known of a caller beside what they say.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::DAY_S;
use super::layers::Layers;

/// In `customers.url`, where the caller's number goes.
pub const NUMBER: &str = "{number}";

/// How many days of a caller's own calls count.
const USUAL_HISTORY_DAYS: u64 = 30;

/// Where the box learns what is known of a caller beside what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomersConfig {
    /// A table of customers, CSV.
    pub file: Option<PathBuf>,
    /// The branch's own customer system, asked for each call.
    pub service: Option<CustomerService>,
    /// The rules that find wishes behind what callers say; those that ship when none.
    pub hidden_intents: Option<PathBuf>,
    /// How long the box remembers a caller's calls for this; nothing where it does not.
    pub history: Duration,
}

impl CustomersConfig {
    /// Whether anybody tells the box of customers.
    pub const fn asks_somebody(&self) -> bool {
        self.file.is_some() || self.service.is_some()
    }
}

impl Default for CustomersConfig {
    fn default() -> Self {
        Self {
            file: None,
            service: None,
            hidden_intents: None,
            history: Duration::from_secs(USUAL_HISTORY_DAYS * DAY_S),
        }
    }
}

/// A customer system that answers over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerService {
    /// Its address, with [`NUMBER`] in it.
    pub url: String,
    /// The file that holds what it knows the box by.
    pub token_file: Option<PathBuf>,
    /// The certificates that its own must descend from; the public ones when none.
    pub ca_file: Option<PathBuf>,
    /// How long it may take to answer.
    pub timeout: Duration,
}

/// Reads `[customers]`.
pub fn resolve(layers: &mut Layers) -> CustomersConfig {
    let file = layers.readable_file("customers.file");
    let url = layers.optional_text("customers.url");
    let token_file = layers.readable_file("customers.token_file");
    let ca_file = layers.readable_file("customers.ca_file");
    let timeout = layers.seconds("customers.timeout_s", 2, 1..=30);
    if url.is_none() && layers.is_sure_of("customers.url") {
        for (key, is_set) in [
            ("customers.token_file", token_file.is_some()),
            ("customers.ca_file", ca_file.is_some()),
        ] {
            if is_set {
                let message =
                    format!("`{key}` is nothing without `customers.url`; set both or neither");
                layers.report(key, &message);
            }
        }
    }
    let usable = url.filter(|url| is_fit(layers, url, token_file.is_some()));
    let days = layers.integer("customers.history_days", USUAL_HISTORY_DAYS, 0..=3_650);
    CustomersConfig {
        file,
        service: usable.map(|url| CustomerService {
            url,
            token_file,
            ca_file,
            timeout,
        }),
        hidden_intents: layers.readable_file("customers.hidden_intents"),
        history: Duration::from_secs(days * DAY_S),
    }
}

/// Whether this is an address to ask; tells why not, and where numbers would go for all to read.
fn is_fit(layers: &mut Layers, url: &str, has_token: bool) -> bool {
    let key = "customers.url";
    let parsed: Option<ureq::http::Uri> = url.replace(NUMBER, "0").parse().ok();
    let scheme = parsed.as_ref().and_then(|uri| uri.scheme_str());
    let host = parsed.as_ref().and_then(|uri| uri.host());
    let is_web = matches!(scheme, Some("http" | "https"));
    let Some(host) = host.filter(|_| is_web && url.contains(NUMBER)) else {
        let message = format!(
            "`{key}` must be an address of http or https with `{NUMBER}` in it, such as \
             `https://crm.example/customers/{NUMBER}`, got `{url}`"
        );
        layers.report(key, &message);
        return false;
    };
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_here = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
    if scheme == Some("http") && !is_here {
        let what = if has_token {
            "callers' numbers and the token go"
        } else {
            "callers' numbers go"
        };
        let message = format!("by http {what} to `{host}` for all to read; use https");
        layers.warn(key, &message);
    }
    true
}
