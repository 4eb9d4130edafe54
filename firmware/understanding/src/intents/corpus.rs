//! The corpus that the shipped model is trained from.

use super::{Example, Grammar};

/// Utterances an intent and language, at most.
const AN_INTENT: usize = 160;

/// The same for what is no request, which is more varied than any wish.
const OUT_OF_SCOPE: usize = 560;

/// One language of the corpus.
struct Source {
    /// Its code.
    language: &'static str,
    /// Whether it parts words by blanks.
    spaced: bool,
    /// Its grammar files: the text of each.
    files: &'static [&'static str],
}

macro_rules! grammar_files {
    ($language:literal: $($file:literal)*) => {
        &[$(include_str!(concat!("../../data/intents/", $language, "/", $file, ".txt"))),*]
    };
}

const SOURCES: [Source; 3] = [
    Source {
        language: "zh",
        spaced: false,
        files: grammar_files!("zh": "shared" "general" "banking" "accounts" "security" "money" "loans"
            "retail" "logistics" "telecom" "insurance" "government" "out_of_scope" "more" "near"),
    },
    Source {
        language: "yue",
        spaced: false,
        files: grammar_files!("yue": "shared" "general" "banking" "accounts" "security" "money"
            "retail" "logistics" "telecom" "insurance" "government" "out_of_scope" "more" "near"),
    },
    Source {
        language: "en",
        spaced: true,
        files: grammar_files!("en": "shared" "general" "banking" "accounts" "security" "money" "loans"
            "retail" "logistics" "telecom" "insurance" "government" "out_of_scope" "more" "near"),
    },
];

/// The intents of the taxonomy that ships: every branch's, then those of banks, shops, carriers,
/// telecoms, insurers and public offices.
#[rustfmt::skip]
pub const TAXONOMY: [&str; 68] = [
    "agent_request", "complaint", "appointment", "opening_hours", "branch_location",
    "callback_request", "stop_marketing",
    "balance_inquiry", "transaction_inquiry", "bill_inquiry", "charge_dispute", "lost_card",
    "card_problem", "card_application", "card_activation", "credit_limit", "repayment",
    "loan_application", "loan_progress", "transfer_money", "transfer_problem", "exchange_rate",
    "interest_rate", "wealth_products", "fee_inquiry", "open_account", "close_account",
    "password_reset", "update_details", "suspicious_login", "fraud_report", "account_locked",
    "cash_withdrawal",
    "damaged_goods", "cancel_order", "refund", "return_goods", "product_inquiry",
    "promotion_inquiry", "loyalty_points", "invoice_request", "warranty_repair",
    "delivery_chase", "missing_parcel", "change_delivery", "send_parcel",
    "fault_report", "plan_change", "data_usage", "top_up", "broadband_install", "roaming",
    "sim_service", "cancel_service", "renewal",
    "claim_report", "claim_progress", "policy_inquiry", "insurance_purchase", "policy_surrender",
    "social_insurance", "medical_insurance", "housing_fund", "residence_registration",
    "identity_documents", "tax_inquiry", "public_issue",
    "out_of_scope",
];

/// The shipped corpus and what identifies it.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// All utterances.
    pub examples: Vec<Example>,
    /// Changes when any grammar does.
    pub digest: String,
}

/// Which labels of public English sets are intents of the taxonomy: lines of set, label, intent.
pub const PUBLIC: &str = include_str!("../../data/intents/public.tsv");

/// Expands the shipped grammars; the same every time.
///
/// # Panics
/// Never with the grammars in the source tree: a test expands them.
pub fn shipped() -> Corpus {
    let examples = SOURCES
        .iter()
        .flat_map(|source| said(source, AN_INTENT, OUT_OF_SCOPE));
    Corpus {
        examples: examples.collect(),
        digest: digest(),
    }
}

/// Two parts of the corpus with every intent in every language, the first small, the second none of it; the
/// same every time.
pub(super) fn sample_and_control() -> (Vec<Example>, Vec<Example>) {
    let examples = SOURCES.iter().flat_map(|source| said(source, 36, 120));
    let (sample, control): (Vec<_>, Vec<_>) = examples.enumerate().partition(|(at, _)| at % 6 == 0);
    let texts =
        |part: Vec<(usize, Example)>| part.into_iter().map(|(_, example)| example).collect();
    (texts(sample), texts(control))
}

/// How many different utterances each language has of each intent: language, intent, count.
pub fn counts() -> Vec<(&'static str, &'static str, usize)> {
    let mut counts = Vec::new();
    for source in &SOURCES {
        let grammar = grammar(source);
        for intent in TAXONOMY {
            counts.push((
                source.language,
                intent,
                grammar.say(intent, AN_INTENT).len(),
            ));
        }
    }
    counts
}

fn said(source: &Source, an_intent: usize, out_of_scope: usize) -> Vec<Example> {
    let grammar = grammar(source);
    let (requests, none) = TAXONOMY.split_at(TAXONOMY.len() - 1);
    let mut examples = grammar.examples(requests, an_intent);
    examples.extend(grammar.examples(none, out_of_scope));
    examples
}

fn grammar(source: &Source) -> Grammar {
    let text = source.files.join("\n");
    Grammar::parse(&text, source.spaced)
        .unwrap_or_else(|error| panic!("the `{}` grammar is whole: {error}", source.language))
}

/// FNV-1a over the grammars' text and the table of public labels.
pub(super) fn digest() -> String {
    let files = SOURCES.iter().flat_map(|source| source.files);
    let hash = files
        .chain([&PUBLIC])
        .flat_map(|text| text.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}
