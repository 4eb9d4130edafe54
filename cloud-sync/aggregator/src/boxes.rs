//! `trunkside-cloud boxes`.

use anyhow::{Context, ensure};
use jiff::{Span, ToSpan};
use trunkside_aggregator::now;
use trunkside_aggregator::store::{Claim, Store};
use trunkside_record::{ClaimCode, NameError, Origin};

use crate::say;

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
    /// What it has not sent stays on it; a new code lets it in again.
    Revoke {
        #[command(flatten)]
        of: Names,
    },
}

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

pub(crate) fn run(command: &Command, store: &dyn Store) -> anyhow::Result<()> {
    match command {
        Command::Claim { of, hours } => claim(store, &of.origin()?, hours.hours()),
        Command::Revoke { of } => {
            let ended = store.revoke_box(&of.origin()?, now())?;
            ensure!(
                ended > 0,
                "`{}/{}/{}` has no certificate and no code here; check the three names",
                of.tenant,
                of.branch,
                of.device
            );
            Ok(())
        }
    }
}

fn claim(store: &dyn Store, origin: &Origin, wait: Span) -> anyhow::Result<()> {
    let mut random = [0; ClaimCode::BYTES];
    getrandom::fill(&mut random).context("the system has no randomness")?;
    let code = ClaimCode::new(&random);
    store.add_claim(&Claim {
        id: code.id().to_owned(),
        proof_key: code.key().to_hex(),
        tenant: origin.tenant.to_string(),
        branch: origin.branch.to_string(),
        device: origin.device.to_string(),
        expires_at: now().checked_add(wait)?,
    })?;
    say(code.reveal())
}
