//! `trunkside-cloud boxes`.

use anyhow::Context;
use jiff::{Span, ToSpan};
use trunkside_aggregator::now;
use trunkside_aggregator::store::{Claim, Store};
use trunkside_record::{ClaimCode, Origin};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Admit a box: prints a code that is good once, for `trunkside claim` on the box.
    Claim {
        /// Who owns the branch.
        #[arg(long)]
        tenant: String,
        /// The branch.
        #[arg(long)]
        branch: String,
        /// The box in the branch; a code that waits for the same box ends.
        #[arg(long)]
        device: String,
        /// Hours that the code is good for.
        #[arg(long, default_value_t = 72, value_parser = clap::value_parser!(i64).range(1..=8_760))]
        hours: i64,
    },
}

#[expect(clippy::print_stdout, reason = "the code is the command's result")]
pub(crate) fn run(command: &Command, store: &dyn Store) -> anyhow::Result<()> {
    let Command::Claim {
        tenant,
        branch,
        device,
        hours,
    } = command;
    let origin = Origin::new(tenant.as_str(), branch.as_str(), device.as_str())?;
    let mut random = [0; ClaimCode::BYTES];
    getrandom::fill(&mut random).context("the system has no randomness")?;
    let code = ClaimCode::new(&random);
    let wait: Span = hours.hours();
    store.add_claim(&Claim {
        id: code.id().to_owned(),
        proof_key: code.key().to_hex(),
        tenant: origin.tenant.to_string(),
        branch: origin.branch.to_string(),
        device: origin.device.to_string(),
        expires_at: now().checked_add(wait)?,
    })?;
    println!("{}", code.reveal());
    Ok(())
}
