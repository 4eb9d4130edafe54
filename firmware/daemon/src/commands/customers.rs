//! `trunkside customers`: what the box would be told of a caller, and by whom.

use anyhow::anyhow;
use serde_json::json;
use trunkside_call::Pii;

use super::complain;
use super::recordings::settings;
use crate::cli::{CustomersArgs, Failure};
use crate::config::Problem;
use crate::customers::{Customer, look_up};

/// Asks everybody once. What nobody answers is told, and fails the command (1).
pub fn customers(args: CustomersArgs) -> Result<(), Failure> {
    let config = settings(&args.config.file)?;
    let found = look_up(&config.customers, &config.data_dir, &Pii::new(args.number));
    if found.is_empty() {
        return Err(Failure::input(anyhow!(
            "nobody tells this box of callers; set `customers.file`, `customers.url` or \
             `customers.history_days` in `{}`",
            args.config.file.display()
        )));
    }
    let mut is_answered = true;
    for (source, answer) in found {
        match answer {
            Ok(customer) if args.json => say!("{}", line_of_json(source, &customer)),
            Ok(customer) => say!("{source:16}{}", line(&customer)),
            Err(why) => {
                is_answered = false;
                complain(Problem::error(source, why));
            }
        }
    }
    is_answered.then_some(()).ok_or(Failure::Said(1))
}

/// What the caller did or is, and how many days ago.
fn facts(customer: &Customer) -> Vec<String> {
    customer.history.iter().map(ToString::to_string).collect()
}

fn line(customer: &Customer) -> String {
    let mut known = Vec::new();
    known.extend(customer.tier.as_ref().map(|tier| format!("tier {tier}")));
    if !customer.history.is_empty() {
        known.push(format!("facts {}", facts(customer).join(", ")));
    }
    let agent = customer.last_agent.as_ref().map(ToString::to_string);
    let agent = agent.or(customer.talked_to.as_ref().map(ToString::to_string));
    known.extend(agent.map(|agent| format!("last agent {agent}")));
    if known.is_empty() {
        return "nothing known".to_owned();
    }
    known.join("; ")
}

fn line_of_json(source: &str, customer: &Customer) -> serde_json::Value {
    json!({
        "source": source,
        "tier": customer.tier,
        "facts": facts(customer),
        "agent": customer.last_agent,
        "agent_pseudonym": customer.talked_to,
    })
}
