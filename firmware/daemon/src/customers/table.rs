//! A table of customers: CSV with a first line of names, of which `number` is required and `tier`, `facts`
//! (`KIND` or `KIND:DAYS`, several with `;` between them) and `agent` are known. Read again when the file has changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use csv::ByteRecord;
use trunkside_call::{AgentId, Pii};

use super::{Customer, FACTS_MOST, NAME_MOST, event, name};
use crate::config::Problem;
use crate::config_watch::{Stamped, stamped};
use crate::phone_number::{is_the_same, is_withheld, stems};

/// A larger table is not read: look customers up by `customers.url`.
const MOST_BYTES: u64 = 64 << 20;

/// Lines that are told of one by one.
const TOLD: usize = 5;

/// Customers with their numbers as the table has them, by the numbers' stems.
type Known = HashMap<String, Vec<Arc<(String, Customer)>>>;

/// A file of customers, and what it held when it was read last.
#[derive(Debug)]
pub struct Table {
    file: PathBuf,
    read: Mutex<Option<(Stamped, Arc<Known>)>>,
}

impl Table {
    /// Nothing is read before it is asked.
    pub const fn new(file: PathBuf) -> Self {
        Self {
            file,
            read: Mutex::new(None),
        }
    }

    /// What it says of a number; why it cannot be read otherwise. What is wrong in single lines is logged when
    /// it is read.
    pub fn customer(&self, number: &Pii<String>) -> Result<Customer, String> {
        let known = self.known()?;
        let found = of(&known, number.reveal());
        Ok(found.map_or_else(Customer::default, |row| row.1.clone()))
    }

    fn known(&self) -> Result<Arc<Known>, String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamped(self.file.clone());
        if let (Some((then, known)), Some(now)) = (read.as_ref(), &now)
            && then == now
        {
            return Ok(Arc::clone(known));
        }
        match parse(&self.file) {
            Ok((known, problems)) => {
                for problem in &problems {
                    tracing::warn!(%problem, "a line of the table of customers is left out");
                }
                let known = Arc::new(known);
                *read = now.map(|now| (now, Arc::clone(&known)));
                Ok(known)
            }
            Err(problem) => Err(problem.to_string()),
        }
    }
}

/// The row with a number, however it is written there.
fn of<'k>(known: &'k Known, number: &str) -> Option<&'k (String, Customer)> {
    let stems = stems(number);
    let mut alike = stems
        .iter()
        .filter_map(|stem| known.get(stem))
        .flatten()
        .map(Arc::as_ref);
    alike.find(|(written, _)| is_the_same(written, number))
}

/// What is wrong with a table.
pub fn check(file: &Path) -> Vec<Problem> {
    match parse(file) {
        Ok((_, problems)) => problems,
        Err(problem) => vec![problem],
    }
}

/// The customers of a file, and what is wrong with the lines that were left out.
fn parse(file: &Path) -> Result<(Known, Vec<Problem>), Problem> {
    let place = file.display().to_string();
    let unreadable = |why: String| Problem::error(place.clone(), why);
    let bytes = std::fs::metadata(file)
        .map_err(|error| unreadable(format!("cannot be read: {error}; create it")))?
        .len();
    if bytes > MOST_BYTES {
        return Err(unreadable(format!(
            "has {bytes} bytes, the limit is {MOST_BYTES}; keep those who call, or use `customers.url`"
        )));
    }
    let text = std::fs::read(file)
        .map_err(|error| unreadable(format!("cannot be read: {error}; create it")))?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text));
    let columns = reader
        .byte_headers()
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let column = |name: &str| {
        columns
            .iter()
            .position(|column| column.eq_ignore_ascii_case(name.as_bytes()))
    };
    let [number, tier, facts, agent] = ["number", "tier", "facts", "agent"].map(column);
    let number = number.ok_or_else(|| {
        unreadable(
            "has no column `number`; begin it with a line such as `number,tier,facts,agent`"
                .to_owned(),
        )
    })?;
    let columns = Columns {
        number,
        tier,
        facts,
        agent,
    };
    let mut known = Known::new();
    let (mut problems, mut more) = (Vec::new(), 0);
    for record in reader.byte_records() {
        let (line, read) = match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                (line, columns.customer(&record))
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                (line, Err(error.to_string()))
            }
        };
        let wrong = match read {
            Ok((number, customer)) => {
                let is_there = of(&known, &number).is_some();
                if !is_there {
                    let row = Arc::new((number, customer));
                    for stem in stems(&row.0) {
                        known.entry(stem).or_default().push(Arc::clone(&row));
                    }
                }
                is_there.then(|| "has a number that stands in a line before; keep one".to_owned())
            }
            Err(why) => Some(why),
        };
        match wrong {
            Some(why) if problems.len() < TOLD => {
                problems.push(Problem::warning(format!("{place}:{line}"), why));
            }
            Some(_) => more += 1,
            None => {}
        }
    }
    if more > 0 {
        let message = format!("{more} further lines have such problems");
        problems.push(Problem::warning(place, message));
    }
    Ok((known, problems))
}

/// Where a table's columns are.
struct Columns {
    number: usize,
    tier: Option<usize>,
    facts: Option<usize>,
    agent: Option<usize>,
}

impl Columns {
    /// A line's number and its customer.
    fn customer(&self, record: &ByteRecord) -> Result<(String, Customer), String> {
        let field = |column: Option<usize>| -> Result<&str, String> {
            let bytes = column
                .and_then(|column| record.get(column))
                .unwrap_or_default();
            std::str::from_utf8(bytes)
                .map_err(|_| "is not UTF-8; save the table as `CSV UTF-8`".to_owned())
        };
        let number = field(Some(self.number))?;
        if is_withheld(number) {
            return Err(
                "has no number; write one, such as `13800138000` or `+8613800138000`".to_owned(),
            );
        }
        let (tier, facts, agent) = (field(self.tier)?, field(self.facts)?, field(self.agent)?);
        let tier = (!tier.is_empty()).then(|| {
            name(tier).ok_or_else(|| {
                format!("has a tier that is no name; write at most {NAME_MOST} plain characters")
            })
        });
        let facts = facts
            .split([';', '|', ' '])
            .filter(|fact| !fact.is_empty())
            .take(FACTS_MOST)
            .map(|fact| {
                event(fact).ok_or_else(|| {
                    format!(
                        "has a fact that is none; write a name of at most {NAME_MOST} plain characters, \
                         with the days since then where they matter, such as `complaint:3`"
                    )
                })
            });
        let customer = Customer {
            tier: tier.transpose()?,
            history: facts.collect::<Result<_, _>>()?,
            last_agent: name(agent).map(AgentId::new),
            talked_to: None,
        };
        Ok((number.to_owned(), customer))
    }
}
