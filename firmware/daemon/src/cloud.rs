//! The way to the cloud: looked up before each connection, so that what a claim has changed counts
//! without a new start, and told of when it cannot be used. No call waits for it.

pub mod alarm;
pub mod certificate;
pub mod device_key;
pub mod health;
pub mod outbox;

use std::sync::Arc;

use trunkside_record::Origin;
use trunkside_uplink::{
    Access, Broker, Login, Outbox, TlsFiles, Uplink, UplinkConfig, UplinkError,
};

use crate::cloud::alarm::Part;
use crate::config::{self, CloudConfig, Config, Identity};

/// What the alarm is of.
pub const ACCESS: Part = Part {
    code: "cloud_access",
    raised: "the cloud cannot be reached, records wait on the box",
    cleared: "the cloud is reached again",
};

/// Sends what the outbox holds over the way that the configuration names at the time.
pub fn uplink(config: &Config, outbox: Arc<Outbox>) -> anyhow::Result<Uplink> {
    let uplink = uplink_config(config)?;
    let config = config.clone();
    Ok(Uplink::new(uplink, outbox).looking(move || look(&config)))
}

fn uplink_config(config: &Config) -> anyhow::Result<UplinkConfig> {
    let Identity {
        tenant,
        branch,
        device,
    } = &config.identity;
    let origin = Origin::new(&**tenant, &**branch, &**device)?;
    let access = access(&config.cloud);
    let mut uplink = UplinkConfig::new(origin, access.broker);
    let rate = config.cloud.catch_up_kbit_s;
    uplink.tuning.catch_up_bytes_per_s = rate.map(|kbit_s| kbit_s.saturating_mul(1_000 / 8));
    Ok(uplink)
}

/// The way as it is now; or what must be mended first.
fn look(started_with: &Config) -> Result<Access, String> {
    let cloud = read_again(started_with)?;
    match fault(&cloud) {
        Some((_, message)) => Err(message),
        None => Ok(access(&cloud)),
    }
}

/// `[cloud]` as it is now.
fn read_again(started_with: &Config) -> Result<CloudConfig, String> {
    let Some(file) = &started_with.file else {
        return Ok(started_with.cloud.clone());
    };
    let loaded = config::load(file);
    if !loaded.was_read {
        return Ok(started_with.cloud.clone());
    }
    if let Some(problem) = loaded.problems.iter().find(|problem| problem.is_of_cloud) {
        return Err(problem.to_string());
    }
    // What cannot be read may have asked for TLS or named another broker.
    if let Some(problem) = loaded.hiding() {
        return Err(problem.to_string());
    }
    let (was, is) = (&started_with.identity, &loaded.config.identity);
    if was != is {
        let [was, is] = [was, is].map(|it| format!("{}/{}/{}", it.tenant, it.branch, it.device));
        return Err(format!(
            "the configuration names this box `{is}`, but it was started as `{was}`; start it again"
        ));
    }
    let cloud = loaded.config.cloud;
    // A slip, or a file that is half written, looks the same.
    if started_with.cloud.ca_file.is_some() && cloud.ca_file.is_none() {
        return Err(
            "`cloud.ca_file` is gone, and without it whatever is sent is for all to read; put it back, or \
             start the box again if that is meant"
                .to_owned(),
        );
    }
    Ok(cloud)
}

fn access(cloud: &CloudConfig) -> Access {
    let (host, port) = cloud.broker.clone();
    let login = cloud.login.clone();
    Access {
        broker: Broker::new(host, port),
        login: login.map(|(username_file, password_file)| Login {
            username_file,
            password_file,
        }),
        tls: cloud.ca_file.clone().map(|ca_file| TlsFiles {
            ca_file,
            identity: cloud.certificate.clone(),
        }),
    }
}

/// What keeps the files from being used: the key that names the faulty one, and what mends it.
pub fn fault(cloud: &CloudConfig) -> Option<(&'static str, String)> {
    let error = access(cloud).check().err()?;
    let (path, fault) = match &error {
        UplinkError::Login { path, source } => (path, source.to_string()),
        UplinkError::Tls { path, fault } => (path, fault.clone()),
    };
    let login = cloud.login.as_ref();
    let (key, remedy) = if login.is_some_and(|(username, _)| username == path) {
        ("cloud.username_file", "write the user name into it")
    } else if login.is_some_and(|(_, password)| password == path) {
        ("cloud.password_file", "write the password into it")
    } else {
        let key = match &cloud.certificate {
            Some((certificate, _)) if certificate == path => "cloud.cert_file",
            Some((_, key)) if key == path => "cloud.key_file",
            _ => "cloud.ca_file",
        };
        let remedy = "put the right PEM file there, or claim the box again (`trunkside claim` with \
                      a new code)";
        (key, remedy)
    };
    let message = format!(
        "`{key}` names `{}`, which cannot be used: {fault}; {remedy}",
        path.display()
    );
    Some((key, message))
}

#[cfg(test)]
mod tests;
