//! What the box is told: TOML files, `conf.d/`, environment, in that order.
//!
//! [`load`] reads every layer, checks every key and returns the [`Config`] together with all
//! problems found. `config.example.toml` shows every key with its default.

mod cloud;
mod customers;
mod identity;
mod layers;
mod problem;
mod prompts;
mod recording;
mod secrets;
mod transfers;
mod transports;
mod trunks;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use cloud::{CloudConfig, USUAL_GATHER, USUAL_KEEP_MB};
pub use customers::{CustomerService, CustomersConfig, NUMBER};
pub use identity::{Identity, faults_of_claim};
use layers::Layers;
pub use problem::{Problem, Severity};
pub use prompts::{PromptsConfig, Tells};
pub use recording::{RecordingConfig, RecordingMode};
pub use secrets::agent_secrets;
pub use transports::Transports;
pub use trunks::Trunk;
use trunkside_call::Language;
use trunkside_line::{Outside, REALM};

/// Everything the daemon needs to run; nothing optional that it could not do without.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from, if it was; changes there may count while the box runs.
    pub file: Option<PathBuf>,
    /// Who this box is.
    pub identity: Identity,
    /// Where calls, outbox and logs are kept.
    pub data_dir: PathBuf,
    /// Where the key is that seals the outbox; it lies open when none.
    pub outbox_key_file: Option<PathBuf>,
    /// Trunk and agents.
    pub line: LineConfig,
    /// What the box says.
    pub prompts: PromptsConfig,
    /// Speech recognition.
    pub recognition: RecognitionConfig,
    /// The routing policy's file.
    pub policy: PathBuf,
    /// The folder of the recordings that serve callers before an agent does.
    pub recordings: Option<PathBuf>,
    /// The folder of an intent model of the branch's own; the one that ships when none.
    pub intents: Option<PathBuf>,
    /// What is known of callers beside what they say.
    pub customers: CustomersConfig,
    /// The way to the cloud.
    pub cloud: CloudConfig,
    /// The front of the box.
    pub board: BoardConfig,
    /// What of the callers' words may leave the box.
    pub privacy: PrivacyConfig,
    /// The rules that calls are inspected by.
    pub quality: QualityRulesFrom,
    /// Whether and how calls are recorded.
    pub recording: RecordingConfig,
}

/// What stands in transcripts in place of what is personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RedactionLevel {
    /// Its kind.
    Mask,
    /// Its kind and a pseudonym, whose key is replaced from time to time.
    Pseudonym,
    /// Neither; amounts, dates and short numbers go too.
    Drop,
}

/// What of the callers' words may leave the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivacyConfig {
    /// What stands in place of what is personal.
    pub redaction: RedactionLevel,
    /// How long a key of pseudonyms lives.
    pub rotate_every: Duration,
    /// How long the box keeps what callers said, the numbers they called from and its decisions.
    pub keep: Duration,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self {
            redaction: RedactionLevel::Mask,
            rotate_every: Duration::from_secs(30 * DAY_S),
            keep: Duration::from_secs(USUAL_KEEP_DAYS * DAY_S),
        }
    }
}

const DAY_S: u64 = 86_400;

/// How many days calls stay on the box.
const USUAL_KEEP_DAYS: u64 = 90;

/// Where quality rules come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QualityRulesFrom {
    /// Calls are not inspected.
    #[default]
    Nowhere,
    /// The rules for banks that ship.
    Bank,
    /// The rules for shops that ship.
    Shop,
    /// A file of the customer's.
    File(PathBuf),
}

/// How the caller hears the greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// The call is answered, then greeted.
    Connected,
    /// The greeting is early media; the call is answered when an agent does.
    Early,
}

/// What agents see of the caller's number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ShownNumber {
    /// All of it.
    #[default]
    Full,
    /// Its ends only.
    Masked,
    /// This one in its place.
    Virtual(String),
}

/// In `line.callback_to` and `line.transfer_to`, before the name of the trunk that carries such calls.
pub const TRUNK: &str = "trunk:";

/// Trunk and agents.
#[derive(Clone, Debug)]
pub struct LineConfig {
    /// Where SIP is received, UDP.
    pub listen: SocketAddr,
    /// What else it is carried by.
    pub transports: Transports,
    /// The address that peers are told to send to.
    pub advertise: IpAddr,
    /// The ports that voice uses.
    pub rtp_ports: RangeInclusive<u16>,
    /// How the caller hears the greeting.
    pub greeting: Greeting,
    /// The language of prompts until the caller's is known.
    pub language: Language,
    /// How long an agent's phone rings.
    pub ring_timeout: Duration,
    /// How long a caller who says nothing is listened to before the default route is taken.
    pub listen_timeout: Duration,
    /// The folder with a file for each phone that registers, which holds its secret.
    pub agent_secrets: Option<PathBuf>,
    /// The realm that they are asked for them in.
    pub realm: String,
    /// The phones that are told of callers who turn angry, as agents' contacts are written.
    pub supervisors: Vec<String>,
    /// Whether the agent's phone is told, too.
    pub tell_agents: bool,
    /// How callers are rung who hang up and keep their place: [`TRUNK`] and a trunk's name, or an address
    /// with `{number}` in it.
    pub callback_to: Option<String>,
    /// What they see then, where they are rung by an address; a trunk shows the box's number there.
    pub callback_number: Option<String>,
    /// The key by which a caller who waits asks for that.
    pub callback_key: char,
    /// The numbers outside that agents may hand callers on to.
    pub transfer_to: Option<Outside>,
    /// What agents see of the caller's number.
    pub shown: ShownNumber,
    /// Carriers and PBXs; without any, calls are taken from everywhere.
    pub trunks: Vec<Trunk>,
    /// Servers of the DNS that know the trunks' SRV records; the system's where there are none.
    pub dns_servers: Vec<SocketAddr>,
}

impl LineConfig {
    /// Whether anybody who reaches the box may call through it: without a trunk, at an address that others
    /// than this machine reach.
    pub fn takes_calls_from_everywhere(&self) -> bool {
        let addresses = [Some(self.listen), self.transports.tcp, self.transports.tls];
        let mut addresses = addresses.iter().flatten();
        self.trunks.is_empty() && addresses.any(|address| !address.ip().is_loopback())
    }
}

/// Speech recognition.
#[derive(Clone, Debug, PartialEq)]
pub struct RecognitionConfig {
    /// The model's name in the catalogue.
    pub model: String,
    /// The folder of the catalogue, when it is not where the box looks by itself.
    pub models_dir: Option<PathBuf>,
    /// The only language to hear, or both when none.
    pub language: Option<Language>,
    /// Threads that recognise; calls are spread over them.
    pub workers: usize,
    /// Phrases that callers are likely to say, `text<TAB>weight` a line.
    pub phrases: Option<PathBuf>,
}

/// What the front of the box is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardKind {
    /// No hardware.
    Simulated,
    /// Pins of a Raspberry Pi.
    Raspberry,
}

/// The front of the box.
#[derive(Clone, Debug)]
pub struct BoardConfig {
    /// Where lamp and button are.
    pub kind: BoardKind,
    /// The lamp's BCM number: lit while calls are taken, blinking fast when a stage is stuck.
    pub lamp_pin: u8,
    /// The button's BCM number: held for five seconds it stops the box in good order.
    pub button_pin: u8,
    /// The watchdog's device.
    pub watchdog: Option<PathBuf>,
}

impl Default for BoardConfig {
    fn default() -> Self {
        Self {
            kind: BoardKind::Simulated,
            lamp_pin: 17,
            button_pin: 27,
            watchdog: None,
        }
    }
}

/// The settings and everything that is wrong with them.
#[derive(Debug)]
pub struct Loaded {
    /// The settings, defaults in place of what was wrong.
    pub config: Config,
    /// What was wrong, in the order of reading.
    pub problems: Vec<Problem>,
    /// Whether the file could be read; when not, defaults stand for everything.
    pub was_read: bool,
    /// Whether the data folder is the one that is meant: nothing that could not be read may name another.
    pub knows_data_dir: bool,
    /// Where each key was set.
    places: BTreeMap<String, String>,
}

impl Loaded {
    /// Whether the daemon may start with it. What is wrong with the way to the cloud, or with a key that
    /// seals records, may be mended while calls are taken.
    pub fn is_usable(&self) -> bool {
        self.unusable().is_none()
    }

    /// What keeps the daemon from starting with it.
    pub fn unusable(&self) -> Option<&Problem> {
        let is_grave =
            |problem: &&Problem| problem.severity == Severity::Error && !problem.spares_calls;
        self.problems.iter().find(is_grave)
    }

    /// What could not be read and may have set any key, if anything.
    pub fn hiding(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.hides_keys)
    }

    /// Whether a key that nothing sets may stand where something could not be read.
    pub fn may_hide(&self, key: &str) -> bool {
        self.hiding().is_some() && !self.places.contains_key(key)
    }

    /// Where a key was set; the file itself when it was not.
    pub fn place(&self, key: &str) -> String {
        let file = || {
            self.config
                .file
                .as_deref()
                .unwrap_or(Path::new(""))
                .display()
        };
        let place = self.places.get(key).cloned();
        place.unwrap_or_else(|| file().to_string())
    }
}

/// Reads `path`, the `conf.d/*.toml` beside it in order of name, and the environment.
///
/// A file that cannot be read is a problem like any other.
pub fn load(path: &Path) -> Loaded {
    let mut layers = Layers::default();
    let mut unreadable = Vec::new();
    let drop_ins = drop_ins(path).unwrap_or_else(|problem| {
        unreadable.push(problem);
        Vec::new()
    });
    for file in std::iter::once(path.to_owned()).chain(drop_ins) {
        match std::fs::read_to_string(&file) {
            Ok(text) => layers.add_file(&file, &text),
            Err(error) => unreadable.push(
                Problem::error(
                    file.display().to_string(),
                    format!("cannot be read: {error}; {}", remedy(&error)),
                )
                .hiding_keys(),
            ),
        }
    }
    if !unreadable.is_empty() {
        layers.lack_a_file();
    }
    let was_read = unreadable
        .iter()
        .all(|problem| problem.place != path.display().to_string());
    if !was_read {
        // Every required key would be missing: only the cause is worth saying.
        return Loaded {
            config: resolve(&mut Layers::default()),
            problems: unreadable,
            was_read,
            knows_data_dir: false,
            places: BTreeMap::new(),
        };
    }
    layers.add_environment(std::env::vars_os());
    let config = Config {
        file: Some(path.to_owned()),
        ..resolve(&mut layers)
    };
    let places = layers.places();
    let knows_data_dir = layers.is_sure_of("box.data_dir");
    unreadable.extend(layers.finish());
    Loaded {
        config,
        problems: unreadable,
        was_read,
        knows_data_dir,
        places,
    }
}

/// What lets a file of settings be read after all.
fn remedy(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "ask as root or as the box's user, or let them read it",
        ErrorKind::InvalidData => "write it anew with an editor that saves UTF-8",
        ErrorKind::IsADirectory => "put a file in its place, or give the right one with --config",
        _ => "give the right file with --config",
    }
}

/// The files that lie over the first one; none where there is no folder of them. One that cannot be
/// looked into may hold the trunks, without which calls are taken from everywhere.
fn drop_ins(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let folder = path.parent().unwrap_or(Path::new(".")).join("conf.d");
    let list = || -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let file = entry?.path();
            let extension = file.extension();
            if extension.is_some_and(|extension| extension == "toml") {
                files.push(file);
            }
        }
        files.sort();
        Ok(files)
    };
    list().or_else(|error| match error.kind() {
        ErrorKind::NotFound if !folder.is_symlink() => Ok(Vec::new()),
        _ => Err(Problem::error(
            folder.display().to_string(),
            format!(
                "cannot be read: {error}; make it a folder that the box's user may read, or remove it"
            ),
        )
        .hiding_keys()),
    })
}

fn resolve(layers: &mut Layers) -> Config {
    let line = resolve_line(layers);
    let asks_for_callback = line.callback_to.is_some().then_some(line.callback_key);
    Config {
        file: None,
        identity: identity::resolve(layers),
        data_dir: layers
            .path("box.data_dir")
            .unwrap_or_else(|| "/var/lib/trunkside".into()),
        outbox_key_file: layers.key_file("box.outbox_key_file"),
        line,
        prompts: prompts::resolve(layers),
        recognition: RecognitionConfig {
            model: layers
                .optional_text("recognition.model")
                .unwrap_or_else(|| "zh-en-1".into()),
            models_dir: layers.path("recognition.models_dir"),
            language: layers.choice("recognition.language", None, &LANGUAGES),
            workers: layers.integer("recognition.workers", 1, 1..=64) as usize,
            phrases: layers.readable_file("recognition.phrases"),
        },
        policy: layers
            .readable_file("decision.policy")
            .unwrap_or_else(|| "/etc/trunkside/policy.toml".into()),
        recordings: layers.path("decision.recordings"),
        intents: layers.path("intents.model"),
        customers: customers::resolve(layers),
        cloud: cloud::resolve(layers),
        board: resolve_board(layers),
        privacy: resolve_privacy(layers),
        quality: resolve_quality(layers),
        recording: recording::resolve(layers, asks_for_callback),
    }
}

fn resolve_quality(layers: &mut Layers) -> QualityRulesFrom {
    let key = "quality.rules";
    match layers.optional_text(key).as_deref() {
        None | Some("none") => QualityRulesFrom::Nowhere,
        Some("bank") => QualityRulesFrom::Bank,
        Some("shop") => QualityRulesFrom::Shop,
        Some(named) => {
            let path = layers.path(key).unwrap_or_default();
            if let Err(error) = std::fs::File::open(&path) {
                let message = format!(
                    "`{key}` must be `none`, `bank`, `shop` or a file that can be read, got \
                     `{named}`: {error}; change it or create the file"
                );
                layers.report(key, &message);
            }
            // It may come later.
            QualityRulesFrom::File(path)
        }
    }
}

fn resolve_privacy(layers: &mut Layers) -> PrivacyConfig {
    let levels = [
        ("mask", RedactionLevel::Mask),
        ("pseudonym", RedactionLevel::Pseudonym),
        ("drop", RedactionLevel::Drop),
    ];
    let days = layers.integer("privacy.rotate_days", 30, 1..=366);
    let keep_days = layers.integer("privacy.keep_days", USUAL_KEEP_DAYS, 1..=3_650);
    PrivacyConfig {
        redaction: layers.choice("privacy.redaction", RedactionLevel::Mask, &levels),
        rotate_every: Duration::from_secs(days * DAY_S),
        keep: Duration::from_secs(keep_days * DAY_S),
    }
}

fn resolve_board(layers: &mut Layers) -> BoardConfig {
    let kinds = [
        ("simulated", BoardKind::Simulated),
        ("raspberry", BoardKind::Raspberry),
    ];
    let usual = BoardConfig::default();
    BoardConfig {
        kind: layers.choice("board.kind", usual.kind, &kinds),
        lamp_pin: layers.integer("board.lamp_pin", usual.lamp_pin.into(), 0..=27) as u8,
        button_pin: layers.integer("board.button_pin", usual.button_pin.into(), 0..=27) as u8,
        watchdog: layers.path("board.watchdog"),
    }
}

const LANGUAGES: [(&str, Option<Language>); 4] = [
    ("auto", None),
    ("zh", Some(Language::Zh)),
    ("yue", Some(Language::Yue)),
    ("en", Some(Language::En)),
];

fn resolve_line(layers: &mut Layers) -> LineConfig {
    let listen = layers.address("line.listen", SocketAddr::from(([0, 0, 0, 0], 5060)));
    let advertise = layers
        .optional(
            "line.advertise",
            "must be an IP address that peers can reach",
        )
        .unwrap_or(listen.ip());
    if advertise.is_unspecified() && !listen.ip().is_unspecified() {
        let message = format!(
            "`line.advertise` is `{advertise}`, which no peer can send to; set it to the address of \
             the box that the trunk reaches, or remove it: then it is that of `line.listen`"
        );
        layers.report("line.advertise", &message);
    } else if advertise.is_unspecified()
        && layers.is_sure_of("line.listen")
        && layers.is_sure_of("line.advertise")
    {
        let message = format!(
            "`line.listen` is `{listen}`, which no peer can send to; set `line.advertise` to the \
             address of the box that the trunk reaches"
        );
        layers.report("line.listen", &message);
    }
    let greetings = [
        ("connected", Greeting::Connected),
        ("early", Greeting::Early),
    ];
    let languages = [
        ("zh", Language::Zh),
        ("yue", Language::Yue),
        ("en", Language::En),
    ];
    let mut trunks = trunks::resolve(layers);
    let callback_number = layers.telephone_number("line.callback_number");
    trunks::call_from(&mut trunks, callback_number.as_ref());
    let callback_to = resolve_callback(layers, &trunks);
    let transfer_to = transfers::resolve(layers, &trunks);
    let back = callback_to.as_deref().and_then(|to| to.strip_prefix(TRUNK));
    let on = transfer_to.as_ref().map(|outside| outside.trunk.as_str());
    for (key, trunk) in [("line.callback_to", back), (transfers::KEY, on)] {
        if let Some(trunk) = trunk {
            trunks::tell_anonymous(layers, &trunks, key, trunk);
        }
    }
    LineConfig {
        listen,
        transports: transports::resolve(layers),
        advertise: if advertise.is_unspecified() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            advertise
        },
        rtp_ports: layers.ports("line.rtp_ports", 10_000..=10_999),
        greeting: layers.choice("line.greeting", Greeting::Connected, &greetings),
        language: layers.choice("line.language", Language::Zh, &languages),
        ring_timeout: layers.seconds("line.ring_timeout_s", 20, 3..=180),
        listen_timeout: layers.seconds("line.listen_timeout_s", 8, 2..=60),
        agent_secrets: layers.path("line.agent_secrets"),
        realm: resolve_realm(layers),
        supervisors: resolve_supervisors(layers),
        tell_agents: layers.switch("line.tell_agents", true),
        callback_to,
        callback_number,
        callback_key: resolve_key(layers),
        transfer_to,
        shown: resolve_shown(layers),
        trunks,
        dns_servers: trunks::resolve_dns_servers(layers),
    }
}

fn resolve_realm(layers: &mut Layers) -> String {
    let rule = "must be a name such as `branch.example`, of letters, digits, dots, hyphens and underscores";
    let realm: Option<Realm> = layers.optional("line.realm", rule);
    realm.map_or_else(|| REALM.to_owned(), |Realm(name)| name)
}

/// A realm that needs no quoting.
struct Realm(String);

impl std::str::FromStr for Realm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_name = !text.is_empty() && text.len() <= 253 && text.chars().all(fits);
        is_name.then(|| Self(text.to_owned())).ok_or(())
    }
}

fn resolve_supervisors(layers: &mut Layers) -> Vec<String> {
    let rule = "must be a list of phones such as `[\"registered:wang\", \"sip:wang@192.0.2.7\"]`";
    let phones: Vec<Phone> = layers.list("line.supervisors", rule);
    phones.into_iter().map(|Phone(contact)| contact).collect()
}

fn resolve_callback(layers: &mut Layers, trunks: &[Trunk]) -> Option<String> {
    let contact = layers.optional_text("line.callback_to")?;
    let is_known = |name| trunks.iter().any(|trunk| trunk.name == name);
    let there = match contact.strip_prefix(TRUNK) {
        Some(name) => is_known(name),
        None => contact.parse::<Phone>().is_ok() && contact.contains("{number}@"),
    };
    if there && !contact.starts_with("registered:") {
        return Some(contact);
    }
    let message = format!(
        "`line.callback_to` must be `{TRUNK}NAME` with the name of a trunk, or an address such as \
         `sip:{{number}}@carrier.example`, got `{contact}`; write where calls to the caller's number go"
    );
    layers.report("line.callback_to", &message);
    None
}

fn resolve_key(layers: &mut Layers) -> char {
    let keys: Vec<(String, char)> = "1234567890*#"
        .chars()
        .map(|key| (key.into(), key))
        .collect();
    let choices: Vec<(&str, char)> = keys
        .iter()
        .map(|(text, key)| (text.as_str(), *key))
        .collect();
    layers.choice("line.callback_key", '1', &choices)
}

/// A contact such as the policy's agents have.
struct Phone(String);

impl std::str::FromStr for Phone {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let kinds = ["registered:", "sip:", "sips:"];
        let rest = kinds.iter().find_map(|kind| text.strip_prefix(kind));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(()),
        }
    }
}

fn resolve_shown(layers: &mut Layers) -> ShownNumber {
    let number = layers.optional_text("line.virtual_number");
    let choices = [("full", 0), ("masked", 1), ("virtual", 2)];
    match (layers.choice("line.show_number", 0, &choices), number) {
        (1, _) => ShownNumber::Masked,
        (2, Some(number)) => ShownNumber::Virtual(number),
        (2, None) => {
            let message = "`line.show_number` is `virtual`, but there is no number to show; set \
                           `line.virtual_number`";
            layers.report("line.show_number", message);
            ShownNumber::Masked
        }
        _ => ShownNumber::Full,
    }
}

#[cfg(test)]
mod tests;
