//! `trunkside-cloud boxes`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use jiff::{Span, ToSpan};
use trunkside_aggregator::config::BoxesConfig;
use trunkside_aggregator::store::{Claim, Store};
use trunkside_aggregator::{
    AggregatorConfig, Boxes, BrokerChoice, RulesFor, check_for_nats, has_dot, now, write_rules,
};
use trunkside_record::{ClaimCode, NameError, Origin};

use crate::{hand_over, note, say};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Admit a box: prints a code that is good once, for `trunkside claim` on the box. A code that
    /// waits for the same box ends.
    Claim {
        #[command(flatten)]
        of: Names,
        /// Hours that the code is good for.
        #[arg(long, default_value_t = 72, value_parser = clap::value_parser!(i64).range(1..=8_760))]
        hours: i64,
    },
    /// Turn a box away: its certificates end within seconds, and so does a code that waits for it.
    /// What it has not sent stays on it; a new code lets it in again. A broker that runs elsewhere
    /// needs new files (`rules`) to keep it out; nothing of it is taken meanwhile.
    Revoke {
        #[command(flatten)]
        of: Names,
    },
    /// Write what a broker that runs elsewhere needs to know of the boxes: whom it lets in, where each
    /// may publish, and whom it keeps out. docs/cloud.md tells how the broker reads the files.
    Rules {
        /// The broker: `mosquitto` or `nats`.
        #[arg(long = "for", value_name = "BROKER")]
        rules_for: RulesFor,
        /// The folder that the files go to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Codes that are drawn before one whose id is free: of a million ids, boxes have thousands.
const DRAWS: u32 = 16;

/// The configuration says nothing of boxes.
#[derive(Debug, thiserror::Error)]
#[error(
    "this cloud admits no boxes; set `boxes.connect_to` in its configuration, and name that with \
     `--config`"
)]
pub(crate) struct NoBoxes;

/// Which box.
#[derive(clap::Args)]
pub(crate) struct Names {
    /// Who owns the branch.
    #[arg(long)]
    tenant: String,
    /// The branch.
    #[arg(long)]
    branch: String,
    /// The box in the branch.
    #[arg(long)]
    device: String,
}

impl Names {
    fn origin(&self) -> Result<Origin, NameError> {
        let Self {
            tenant,
            branch,
            device,
        } = self;
        Origin::new(tenant, branch, device)
    }
}

impl Command {
    /// Fails for what needs a cloud that admits boxes, before anything is made: a code of another could
    /// never be used.
    pub(crate) fn check(&self, config: &AggregatorConfig) -> Result<(), NoBoxes> {
        match self {
            Self::Claim { .. } | Self::Rules { .. } if config.boxes.is_none() => Err(NoBoxes),
            _ => Ok(()),
        }
    }
}

pub(crate) fn run(
    command: &Command,
    config: &AggregatorConfig,
    store: &dyn Store,
) -> anyhow::Result<()> {
    match command {
        Command::Rules { rules_for, out } => {
            let boxes = config.boxes.as_ref().ok_or(NoBoxes)?;
            rules(*rules_for, boxes, store, out)
        }
        Command::Claim { of, hours } => {
            let origin = of.origin()?;
            if matches!(config.broker, BrokerChoice::Nats { .. }) {
                check_for_nats(&origin)?;
            }
            claim(store, &origin, hours.hours())
        }
        Command::Revoke { of } => {
            let ended = store.revoke_box(&of.origin()?, now())?;
            ensure!(
                ended > 0,
                "`{}/{}/{}` has no certificate and no code here, and never sent anything; check the three \
                 names",
                of.tenant,
                of.branch,
                of.device
            );
            Ok(())
        }
    }
}

fn rules(
    rules_for: RulesFor,
    config: &BoxesConfig,
    store: &dyn Store,
    out: &Path,
) -> anyhow::Result<()> {
    let boxes = Boxes {
        certificates: store.certificates()?,
        turned_away: store.turned_away()?,
    };
    let written = write_rules(rules_for, &config.pki, config.host(), &boxes, out, now())?;
    if rules_for == RulesFor::Nats {
        let in_force = boxes.certificates.iter();
        let in_force = in_force.filter(|of| of.revoked_at.is_none());
        for origin in in_force.map(|of| &of.origin).filter(|of| has_dot(of)) {
            note(format_args!(
                "`{origin}` has a dot in its name, which nats-server carries from 2.10 on: with an older \
                 one, claim the box under another name"
            ));
        }
    }
    for name in written {
        say(out.join(name).display())?;
    }
    Ok(())
}

fn claim(store: &dyn Store, origin: &Origin, wait: Span) -> anyhow::Result<()> {
    let expires_at = now().checked_add(wait)?;
    for _ in 0..DRAWS {
        let mut random = [0; ClaimCode::BYTES];
        getrandom::fill(&mut random).context("the system has no randomness")?;
        let code = ClaimCode::new(&random);
        let kept = store.add_claim(&Claim {
            id: code.id().to_owned(),
            proof_key: code.key().to_hex(),
            tenant: origin.tenant.to_string(),
            branch: origin.branch.to_string(),
            device: origin.device.to_string(),
            expires_at,
        })?;
        if kept {
            return hand_over(code.reveal())
                .context("nobody has seen the code; ask for another, which ends it");
        }
    }
    bail!("no code was free in {DRAWS} tries; try again")
}
