//! `trunkside-cloud keys`.

use anyhow::{Context, ensure};
use trunkside_aggregator::access::key::Key;
use trunkside_aggregator::now;
use trunkside_aggregator::store::{KeyRecord, Role, Scope, Store};
use trunkside_record::Name;

use crate::{hand_over, say};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key and print it; it cannot be shown again.
    Add {
        /// What it is for, such as `grafana`.
        #[arg(long, value_parser = one_line)]
        name: String,
        /// What its bearer may do: `analyst`, `operator` or `admin`.
        #[arg(long, default_value = "analyst", value_parser = str::parse::<Role>)]
        role: Role,
        /// Whose data its bearer may see; all tenants' when absent.
        #[arg(long, value_parser = |name: &str| Name::new(name))]
        tenant: Option<Name>,
        /// Of that tenant, only this branch's.
        #[arg(long, requires = "tenant", value_parser = |name: &str| Name::new(name))]
        branch: Option<Name>,
    },
    /// Print every key: name, role, scope, when made, when ended.
    List,
    /// End a key at once.
    Revoke {
        /// The key's name in the list; its second part.
        id: String,
    },
}

/// What the list shows as one of its lines, and nothing that would forge another.
fn one_line(name: &str) -> Result<String, &'static str> {
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err("it must be a word or some, without tabs and line breaks");
    }
    Ok(name.to_owned())
}

pub(crate) fn run(command: &Command, store: &dyn Store) -> anyhow::Result<()> {
    match command {
        Command::Add {
            name,
            role,
            tenant,
            branch,
        } => {
            let key = Key::random().context("the system has no randomness")?;
            store.add_key(&KeyRecord {
                id: key.id.clone(),
                name: name.clone(),
                hash: key.hash(),
                role: *role,
                scope: Scope {
                    tenant: tenant.as_ref().map(ToString::to_string),
                    branch: branch.as_ref().map(ToString::to_string),
                },
                created_at: now(),
                revoked_at: None,
            })?;
            if let Err(error) = hand_over(key.reveal()) {
                store.revoke_key(&key.id, now())?;
                return Err(error.context("nobody has seen the key, so it is ended; make another"));
            }
        }
        Command::List => {
            for key in store.keys()? {
                let ended = key
                    .revoked_at
                    .map_or_else(|| "in force".to_owned(), |at| format!("ended {at:.0}"));
                let (id, role, scope, made) = (key.id, key.role, key.scope, key.created_at);
                say(format_args!(
                    "{id}\t{}\t{role}\t{scope}\tmade {made:.0}\t{ended}",
                    key.name
                ))?;
            }
        }
        Command::Revoke { id } => {
            // The whole key is accepted too: that is what people have at hand.
            let id = Key::parse(id).map_or_else(|| id.clone(), |key| key.id);
            ensure!(
                store.revoke_key(&id, now())?,
                "no key `{id}` is in force; `trunkside-cloud keys list` shows them"
            );
        }
    }
    Ok(())
}
