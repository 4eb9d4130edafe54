//! What is known of a caller beside what they say: their class, whom they spoke to last, and facts that the
//! policy's rules use, such as a product that they looked at.
//!
//! Three places know: the box's own calls, a table of customers, and the branch's customer system. Each is
//! asked when a call comes in, and what it says goes to the pipeline when it comes, which may be late or
//! never: nobody waits for it. Numbers go to the customer system alone, and to no log.

mod service;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;
use trunkside_call::{AgentId, CallId, Intent, Pii};
use trunkside_decision::CallProfile;
use trunkside_record::Pseudonym;
use trunkside_understanding::intents::{Event, Hidden, HiddenIntents};

use crate::clock;
use crate::cloud::alarm::{Part, SEE_LOG};
use crate::config::{CustomersConfig, Problem};
use crate::phone_number::is_withheld;
use crate::storage::recorder::CALLS;
use crate::storage::store::history;
use service::Service;
use table::Table;

/// What the alarm is of.
pub const CUSTOMERS: Part = Part {
    code: "customers",
    raised: "callers' tiers and facts cannot be looked up; calls are routed without them",
    cleared: "callers are looked up again",
};

/// So many look-ups in a row that fail are more than a slip of the network.
const TROUBLE_FROM: u32 = 3;

/// Questions that the customer system has to answer at once, at most.
const AT_ONCE: usize = 16;

/// Answers that wait for the pipeline.
const ANSWERS: usize = 64;

/// Longer names of tiers and facts are none.
const NAME_MOST: usize = 40;

/// More facts of one customer are not taken.
const FACTS_MOST: usize = 64;

/// What is known of a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// The customer's class.
    pub tier: Option<String>,
    /// What they did or are, which rules may ask for.
    pub history: Vec<Event>,
    /// Whom they spoke to last, as the policy names them.
    pub last_agent: Option<AgentId>,
    /// Whom they spoke to last by the box's own records.
    pub talked_to: Option<Pseudonym>,
}

impl Customer {
    /// Takes what another place knows, which is believed where both know.
    fn add(&mut self, more: Self) {
        self.tier = more.tier.or(self.tier.take());
        self.history.extend(more.history);
        self.last_agent = more.last_agent.or(self.last_agent.take());
        self.talked_to = more.talked_to.or(self.talked_to.take());
    }

    /// The names of what they did or are.
    pub fn facts(&self) -> BTreeSet<String> {
        self.history
            .iter()
            .map(|event| event.kind.clone())
            .collect()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One caller as the box knows them so far.
#[derive(Clone, Debug)]
pub struct Acquaintance {
    customer: Customer,
    /// Whom the box's records say they met last.
    met: Option<AgentId>,
    rules: Arc<HiddenIntents>,
}

impl Acquaintance {
    /// Nothing is known yet. The rules find the wishes behind what is said.
    pub fn new(rules: Arc<HiddenIntents>) -> Self {
        Self {
            customer: Customer::default(),
            met: None,
            rules,
        }
    }

    /// Knows what a call before told the router.
    pub fn resume(&mut self, before: &CallProfile) {
        let of_today = |kind: &String| Event {
            kind: kind.clone(),
            days_ago: 0,
        };
        self.customer.add(Customer {
            tier: before.tier.clone(),
            history: before.facts.iter().map(of_today).collect(),
            last_agent: before.last_agent.clone(),
            talked_to: None,
        });
    }

    /// Learns more, and who is meant by whom the box's records name.
    pub fn learn(&mut self, more: Customer, met: Option<AgentId>) {
        self.customer.add(more);
        self.met = met.or(self.met.take());
    }

    /// Adds what is known to what a caller said; the wish behind it, if there is one.
    pub fn complete(&self, profile: &mut CallProfile) -> Option<Hidden> {
        let Customer {
            tier,
            history,
            last_agent,
            ..
        } = &self.customer;
        profile.tier.clone_from(tier);
        profile.facts = self.customer.facts();
        profile.last_agent = last_agent.as_ref().or(self.met.as_ref()).cloned();
        let said = profile.intent.clone().map(|name| Intent {
            name,
            score: f32::from(profile.intent_permille) / 1_000.0,
        });
        let hidden = self.rules.find(said.as_slice(), history);
        profile.hidden_intent = hidden.as_ref().map(|hidden| hidden.intent.name.clone());
        hidden
    }
}

/// What somebody did or is, `KIND` or `KIND:DAYS`; none where it is no name.
fn event(text: &str) -> Option<Event> {
    Event::read(text).filter(|event| name(&event.kind).is_some())
}

/// A tier or a fact as rules can ask for it; none where it is empty or no name.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = text.chars().count() <= NAME_MOST && !text.chars().any(char::is_control);
    (fits && !text.is_empty()).then(|| text.to_owned())
}

/// Looks callers up.
#[derive(Debug)]
pub struct Customers {
    look_up: LookUp,
    known: mpsc::Receiver<(CallId, Customer)>,
    rules: Arc<HiddenIntents>,
    tasks: TaskTracker,
}

impl Customers {
    /// Nobody is asked before a call comes in. `trouble` says whether the table and the customer system
    /// answer.
    pub fn new(
        config: &CustomersConfig,
        folder: &Path,
        trouble: watch::Sender<Option<String>>,
        tasks: TaskTracker,
    ) -> Self {
        let (answers, known) = mpsc::channel(ANSWERS);
        let rules = hidden_intents(config).unwrap_or_else(|problem| {
            tracing::error!(%problem, "the rules that ship find the wishes behind what callers say");
            HiddenIntents::shipped()
        });
        let look_up = LookUp {
            table: config.file.clone().map(|file| Arc::new(Table::new(file))),
            service: config.service.clone().map(Service::new),
            store: folder.join(CALLS),
            history: config.history,
            questions: Arc::new(Semaphore::new(AT_ONCE)),
            answers,
            trouble,
            failed: Arc::default(),
        };
        Self {
            look_up,
            known,
            rules: Arc::new(rules),
            tasks,
        }
    }

    /// A caller of whom nothing is known yet.
    pub fn acquaintance(&self) -> Acquaintance {
        Acquaintance::new(Arc::clone(&self.rules))
    }

    /// Asks what is known of who calls.
    pub fn ask(&self, call: CallId, caller: &Pii<String>) {
        if is_withheld(caller.reveal()) {
            return;
        }
        let at_hand = self.look_up.clone().at_hand(call, caller.clone());
        self.tasks.spawn(at_hand);
        if let Some(service) = self.look_up.service.clone() {
            let asking = self.look_up.clone().of(service, call, caller.clone());
            self.tasks.spawn(asking);
        }
    }

    /// The next answer.
    pub async fn known(&mut self) -> Option<(CallId, Customer)> {
        self.known.recv().await
    }
}

/// The ways to what is known of callers.
#[derive(Clone, Debug)]
struct LookUp {
    store: PathBuf,
    history: Duration,
    table: Option<Arc<Table>>,
    service: Option<Service>,
    questions: Arc<Semaphore>,
    answers: mpsc::Sender<(CallId, Customer)>,
    trouble: watch::Sender<Option<String>>,
    failed: Arc<AtomicU32>,
}

impl LookUp {
    /// What is known on the box.
    async fn at_hand(self, call: CallId, caller: Pii<String>) {
        let this = self.clone();
        let looked = tokio::task::spawn_blocking(move || this.look(&caller));
        match looked.await {
            Ok(customer) => self.answer(call, customer).await,
            Err(error) => tracing::error!(%call, %error, "a look-up ended by a fault"),
        }
    }

    /// What the box's own calls and the table say. Blocks.
    fn look(&self, caller: &Pii<String>) -> Customer {
        let mut customer = self.remembered(caller);
        if let Some(table) = &self.table {
            match table.customer(caller) {
                Ok(found) => {
                    customer.add(found);
                    if self.service.is_none() {
                        self.answered();
                    }
                }
                Err(problem) => self.failed(&problem),
            }
        }
        customer
    }

    fn remembered(&self, caller: &Pii<String>) -> Customer {
        if self.history.is_zero() {
            return Customer::default();
        }
        let now_ms = clock::timestamp().as_millisecond();
        history::of(&self.store, caller, self.history, now_ms).unwrap_or_else(|error| {
            tracing::warn!(%error, "what the caller's earlier calls were is not known");
            Customer::default()
        })
    }

    /// What the customer system says, if it says it in time.
    async fn of(self, service: Service, call: CallId, caller: Pii<String>) {
        let timeout = service.timeout();
        let Ok(Ok(_turn)) = tokio::time::timeout(timeout, self.questions.acquire()).await else {
            return self.failed("the customer system has too many questions to answer");
        };
        let asked = tokio::task::spawn_blocking(move || service.ask(&caller));
        match asked.await {
            Ok(Ok(customer)) => {
                self.answered();
                self.answer(call, customer).await;
            }
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(error) => tracing::error!(%call, %error, "a look-up ended by a fault"),
        }
    }

    async fn answer(&self, call: CallId, customer: Customer) {
        if !customer.is_empty() {
            // The box may be stopping.
            let _ = self.answers.send((call, customer)).await;
        }
    }

    fn answered(&self) {
        self.failed.store(0, Ordering::Relaxed);
        self.trouble
            .send_if_modified(|trouble| trouble.take().is_some());
    }

    fn failed(&self, why: &str) {
        tracing::warn!(why, "a caller is routed without what is known of them");
        if self.failed.fetch_add(1, Ordering::Relaxed) + 1 >= TROUBLE_FROM {
            let trouble = Some(SEE_LOG.to_owned());
            self.trouble.send_if_modified(|before| {
                let is_new = *before != trouble;
                *before = trouble;
                is_new
            });
        }
    }
}

/// The rules that find wishes behind what callers say.
pub fn hidden_intents(config: &CustomersConfig) -> Result<HiddenIntents, Problem> {
    let Some(file) = &config.hidden_intents else {
        return Ok(HiddenIntents::shipped());
    };
    let wrong = |why: String| Problem::error(file.display().to_string(), why);
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong(format!("cannot be read: {error}; create it")))?;
    HiddenIntents::parse(&text).map_err(wrong)
}

/// What is wrong with the files that the settings name.
pub fn check(config: &CustomersConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(file) = &config.file {
        problems.extend(table::check(file));
    }
    if let Some(service) = &config.service {
        problems.extend(service::check(service));
    }
    problems.extend(hidden_intents(config).err());
    problems
}

/// What is known of a number, asked at once, by who knows it: for a technician.
pub fn look_up(
    config: &CustomersConfig,
    folder: &Path,
    number: &Pii<String>,
) -> Vec<(&'static str, Result<Customer, String>)> {
    let mut found = Vec::new();
    if !config.history.is_zero() {
        let now_ms = clock::timestamp().as_millisecond();
        let history = history::of(&folder.join(CALLS), number, config.history, now_ms);
        found.push(("calls", history.map_err(|error| error.to_string())));
    }
    if let Some(file) = config.file.clone() {
        let table = Table::new(file);
        found.push(("customers.file", table.customer(number)));
    }
    if let Some(service) = config.service.clone() {
        let answer = Service::new(service).ask(number);
        found.push(("customers.url", answer.map_err(|error| error.to_string())));
    }
    found
}

#[cfg(test)]
mod tests;
