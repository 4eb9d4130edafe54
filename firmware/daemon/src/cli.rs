//! The command line: what can be asked of `trunkside`, and how it ends.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;
use trunkside_call::{CallId, Language};

use crate::config::RedactionLevel;

/// The box beside a branch office's phone trunk: answers, understands, routes and reports calls.
#[derive(Debug, Parser)]
#[command(name = "trunkside", version, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 success, 1 the operation failed, 2 bad usage or bad input; 3 the box was stopped\n\
    by its button.\n\
    TRUNKSIDE_LOG sets what is logged (error, warn, info, debug, trace, or per module)."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Everything the binary does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole job: simulated trunk, callers, agents, broker and cloud in one process.
    Demo(DemoArgs),
    /// Run the box.
    Run(RunArgs),
    /// Report every problem of a configuration.
    Check(CheckArgs),
    /// Join a cloud with the code that its operator made for this box.
    Claim(ClaimArgs),
    /// Turn audio files (8 kHz mono WAV) into text.
    Transcribe(TranscribeArgs),
    /// Say what utterances on standard input mean, one a line.
    Understand(UnderstandArgs),
    /// Train or measure an intent model.
    #[command(subcommand)]
    Intents(IntentsCommand),
    /// Re-run logged decisions and report any that differ.
    Replay(ReplayArgs),
    /// Try routing policies on a scenario.
    Simulate(SimulateArgs),
    /// Measure what this machine can do.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Check a routing policy, try it on yesterday, list those that were in force, go back to one.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List, add, check or remove speech models.
    Models(ModelsArgs),
    /// List whom to call back, and note who was.
    #[command(subcommand)]
    Callbacks(CallbacksCommand),
    /// List the calls that the box keeps, and forget those that somebody asks to be forgotten.
    #[command(subcommand)]
    Calls(CallsCommand),
    /// Say what is known of a caller beside what they say, and who knows it.
    Customers(CustomersArgs),
    /// List, export or delete the recordings of calls.
    #[command(subcommand)]
    Recordings(RecordingsCommand),
}

/// Where the box is configured, for every command that reads it.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The box's configuration file; `conf.d/*.toml` beside it is read too.
    #[arg(
        id = "config",
        long,
        value_name = "FILE",
        default_value = "/etc/trunkside/config.toml"
    )]
    pub file: PathBuf,
}

/// `trunkside customers`
#[derive(Debug, Args)]
pub struct CustomersArgs {
    /// The number that somebody calls from, as the trunk tells it.
    #[arg(value_name = "NUMBER")]
    pub number: String,
    /// Where the box is configured.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print one JSON object a source.
    #[arg(long)]
    pub json: bool,
}

/// `trunkside calls`
#[derive(Debug, Subcommand)]
pub enum CallsCommand {
    /// List the calls, oldest first: call, beginning, number, turns whose words are kept, outcome.
    List {
        /// Only those from this number; spaces, signs and the country's code do not matter.
        #[arg(long, value_name = "NUMBER")]
        number: Option<String>,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
        /// Print one JSON object a call.
        #[arg(long)]
        json: bool,
    },
    /// Show one call: what was wanted, felt and decided, with which models, which quality rules were kept, and
    /// every word.
    Show {
        /// The call, as `list` names it.
        #[arg(value_name = "CALL", value_parser = call)]
        call: CallId,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Forget calls for good: number, words, promise to call back and recording. The box may run.
    ///
    /// A record that the cloud's queue does not have yet stays until it has it; it names nobody, and
    /// what the cloud has is not touched. A caller who keeps their place in the queue is rung at their
    /// turn first: ask again after that. Without being asked the box forgets a call after
    /// `privacy.keep_days`.
    Delete {
        /// The calls, as `list` names them.
        #[arg(
            value_name = "CALL",
            required_unless_present = "number",
            conflicts_with = "number",
            value_parser = call
        )]
        calls: Vec<CallId>,
        /// All calls from this number; spaces, signs and the country's code do not matter.
        #[arg(long, value_name = "NUMBER")]
        number: Option<String>,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// `trunkside callbacks`
#[derive(Debug, Subcommand)]
pub enum CallbacksCommand {
    /// List whom to call back, oldest first: call, when they called, number, why nobody took the call or
    /// that the box stopped in its middle, and whether they are on the line now or the box rings them itself
    /// at their turn. A promise is kept once an agent has talked to that number.
    List {
        /// Also those that were kept, and when.
        #[arg(long)]
        all: bool,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
        /// Print one JSON object a promise.
        #[arg(long)]
        json: bool,
    },
    /// Note that somebody has called back, by another phone than the box's. The box may run.
    Done {
        /// The calls, as `list` names them.
        #[arg(value_name = "CALL", required = true, value_parser = call)]
        calls: Vec<CallId>,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// `trunkside recordings`
#[derive(Debug, Subcommand)]
pub enum RecordingsCommand {
    /// List the recordings, oldest first: call, beginning, seconds, bytes, and whether each is ended,
    /// running, cut (the box stopped or the disk was full) or damaged.
    ///
    /// Without --check only the first and last bytes of each are looked at.
    List {
        /// Look at all of each: `whole` in place of `ended`, or damaged (exit status 1). No key is
        /// needed. It reads every file to its end, which takes its time.
        #[arg(long)]
        check: bool,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
        /// Print one JSON object a recording.
        #[arg(long)]
        json: bool,
    },
    /// Write one call's recording as a WAV file: the caller left, the agent right.
    Export {
        /// The call, as `list` names it.
        #[arg(value_name = "CALL", value_parser = call)]
        call: CallId,
        /// The WAV file; it must not exist.
        #[arg(long, value_name = "FILE.wav")]
        out: PathBuf,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
        /// The key that it is sealed with, if it is not `recording.key_file`.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Export what is whole of a damaged recording, with silence for the rest.
        #[arg(long)]
        salvage: bool,
    },
    /// Destroy one call's recording for good.
    Delete {
        /// The call, as `list` names it.
        #[arg(value_name = "CALL", value_parser = call)]
        call: CallId,
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// `trunkside demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Exit when the calls are over instead of serving until Ctrl-C.
    #[arg(long)]
    pub once: bool,
    /// Where the cloud's web pages are served.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    pub http: std::net::SocketAddr,
}

/// `trunkside run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where the box is configured.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// `trunkside check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Where the box is configured.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Refuse warnings (such as unknown keys) as well.
    #[arg(long)]
    pub strict: bool,
}

/// `trunkside claim`
#[derive(Debug, Args)]
#[command(
    after_help = "The settings that use the certificate are printed; put them beside the others when it has worked,\n\
    for the shell empties a file before the command that writes to it has begun:\n\
    sudo -u trunkside trunkside claim --cloud http://cloud.example.net:8080 --code CODE > cloud.toml \\\n  \
    && sudo install -D -m 644 cloud.toml /etc/trunkside/conf.d/cloud.toml"
)]
pub struct ClaimArgs {
    /// Where the cloud's web page is, such as `http://cloud.example.net:8080`.
    #[arg(long, value_name = "ADDRESS")]
    pub cloud: String,
    /// The code of `trunkside-cloud boxes claim`; good once.
    #[arg(long)]
    pub code: trunkside_record::ClaimCode,
    /// Where key and certificates are written.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/trunkside/cloud")]
    pub out: PathBuf,
}

/// `trunkside transcribe`
#[derive(Debug, Args)]
pub struct TranscribeArgs {
    /// Recordings: WAV, mono, 8 kHz, PCM 16 bit or G.711.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object a file.
    #[arg(long)]
    pub json: bool,
    /// How to listen.
    #[command(flatten)]
    pub listening: ListeningArgs,
    /// Feed the audio at the speed of a call and show words as they are recognised.
    #[arg(long)]
    pub realtime: bool,
}

/// Which model hears, and what it is told beforehand: the same for every command that recognises.
#[derive(Debug, Args)]
pub struct ListeningArgs {
    /// The language to hear.
    #[arg(long, default_value = "auto", value_name = "zh|yue|en|auto", value_parser = language)]
    pub language: LanguageChoice,
    /// The model, by its name in the catalogue.
    #[arg(long, default_value = "zh-en-1", value_name = "NAME")]
    pub model: String,
    /// Only the phrases of this file can be heard, one a line; anything else is rejected.
    #[arg(long, value_name = "FILE")]
    pub grammar: Option<PathBuf>,
    /// Phrases to expect, `text<TAB>weight` a line: 1 is a nudge, 5 is strong, below 0 hinders.
    #[arg(long, value_name = "FILE")]
    pub phrases: Option<PathBuf>,
    /// An n-gram in ARPA format in place of the model's own. Where the model has no lexicon, its
    /// words are single Chinese characters and other words whole.
    #[arg(long, value_name = "FILE")]
    pub lm: Option<PathBuf>,
    /// How much the n-gram weighs against the network; 0.8 with a lexicon, 0.3 without.
    #[arg(long, value_name = "W", value_parser = lm_weight)]
    pub lm_weight: Option<f32>,
    /// Where models lie; else `TRUNKSIDE_MODELS` or the usual places.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Paths that the search of a model without a lexicon follows: 1 is greedy, 4 sherpa-onnx's
    /// usual; 8 by default where phrases, a grammar or an n-gram are given, else 1. Refused where the
    /// model has a lexicon.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub beam: Option<u8>,
}

/// `trunkside understand`
#[derive(Debug, Args)]
pub struct UnderstandArgs {
    /// A folder of lessons (`intents` in a box's data folder): with the corrections that are in force there.
    #[arg(long, value_name = "DIR")]
    pub lessons: Option<PathBuf>,
    /// Understand the turns of one call instead, one a line (`-`: standard input): `caller: …` or `agent: …`,
    /// the caller's where a line says neither. Each is redacted beside those before it; what the call came to
    /// stands last. A turn counts as five seconds.
    #[arg(long, value_name = "FILE")]
    pub call: Option<PathBuf>,
    /// Check the call against quality rules: `bank`, `shop` or a file of them.
    #[arg(long, value_name = "RULES", requires = "call")]
    pub quality: Option<PathBuf>,
    /// What stands in place of what is hidden in the call; pseudonyms are those of this run alone.
    #[arg(long, value_enum, default_value = "mask", requires = "call")]
    pub redaction: RedactionLevel,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `trunkside intents`
#[derive(Debug, Subcommand)]
pub enum IntentsCommand {
    /// Train a model from lines of `text<TAB>label`.
    Train {
        /// The lines, without a header.
        #[arg(long, value_name = "FILE.tsv")]
        data: PathBuf,
        /// The folder the model is written to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Measure a model on lines of `text<TAB>label`.
    Evaluate {
        /// A folder that `intents train` wrote.
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// The lines, without a header.
        #[arg(long, value_name = "FILE.tsv")]
        data: PathBuf,
        /// End with one line of JSON: `{"accuracy":…,"n":…}`.
        #[arg(long)]
        json: bool,
    },
    /// Say which words decided.
    Explain {
        /// What was said.
        #[arg(value_name = "TEXT")]
        text: String,
        /// A folder that `intents train` wrote; without it, what ships.
        #[arg(long, value_name = "DIR")]
        model: Option<PathBuf>,
        /// A folder of lessons: what ships with the corrections that are in force there.
        #[arg(long, value_name = "DIR", conflicts_with = "model")]
        lessons: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Look for the wish behind what was said, given what the customer did.
    Hidden {
        /// What was said.
        #[arg(value_name = "TEXT")]
        text: String,
        /// What the customer did and how many days ago, for instance `wealth_product_view:6`.
        #[arg(long = "did", value_name = "KIND:DAYS")]
        history: Vec<String>,
        /// Rules in TOML; without it, those that ship.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
        /// Print one JSON object: `{"said":…,"hidden":…}`.
        #[arg(long)]
        json: bool,
    },
    /// Learn corrections at once; five an intent are enough to matter.
    Correct {
        /// The folder of lessons (`intents` in the data folder of the running box).
        #[arg(long, value_name = "DIR")]
        lessons: PathBuf,
        /// Corrections as lines of `text<TAB>label`, without a header.
        #[arg(long, value_name = "FILE.tsv", required_unless_present = "text")]
        data: Option<PathBuf>,
        /// One sentence as it was heard, in place of a file.
        #[arg(long, requires = "intent", conflicts_with = "data")]
        text: Option<String>,
        /// What it should have been taken for.
        #[arg(long, requires = "text")]
        intent: Option<String>,
        /// Found intents that are not known yet; without it they are refused, as mistyped.
        #[arg(long)]
        new_intent: bool,
    },
    /// List the versions of the lessons.
    Versions {
        /// The folder of lessons.
        #[arg(long, value_name = "DIR")]
        lessons: PathBuf,
        /// Print one JSON object a version.
        #[arg(long)]
        json: bool,
    },
    /// Put an earlier version of the lessons in force.
    Rollback {
        /// The folder of lessons.
        #[arg(long, value_name = "DIR")]
        lessons: PathBuf,
        /// Which version; 0 is what ships. Without it, the one before.
        #[arg(long, value_name = "NUMBER")]
        to: Option<u32>,
    },
}

/// `trunkside replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A decision log (`decisions.jsonl` in the data folder).
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// Tell why each decision about this call was made, and the smallest single change that would have
    /// turned it.
    #[arg(long, value_name = "CALL", value_parser = call)]
    pub flip: Option<CallId>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `trunkside simulate`
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The scenario (firmware/decision/scenarios has some).
    #[arg(long, value_name = "FILE")]
    pub scenario: PathBuf,
    /// Policies to compare: `trunkside` is the product's own, `trunkside-greedy` the same one call at a
    /// time, `fcfs` longest idle first come, `all` every one there is (an unknown name lists them).
    #[arg(long = "policy", value_name = "NAME", num_args = 1.., required = true)]
    pub policies: Vec<String>,
    /// Makes the callers; the same seed gives every policy the same ones.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Independent runs with the seeds that follow; figures then have 95 % intervals.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub replications: u32,
    /// Calls as they came, instead of drawn ones: `arrival_s,class,service_s,patience_s` under that
    /// header.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write an HTML page with tables and plots.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print one JSON object a policy and seed.
    #[arg(long)]
    pub json: bool,
}

/// `trunkside policy`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Report every fault of a policy with its key and line.
    Check {
        /// The policy.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Say which calls of a decision log would have gone elsewhere, and how waits would change.
    DryRun {
        /// The policy and the log.
        #[command(flatten)]
        trial: TrialArgs,
        /// Count the calls of this day alone, by the branch's clock: `yesterday` or a date such as
        /// `2026-11-22`.
        #[arg(long, value_name = "DATE", value_parser = log_day)]
        day: Option<LogDay>,
    },
    /// Estimate how many calls another policy would have resolved, from a log of one that explores
    /// (`[learning] enabled = true`): inverse propensity and doubly robust, with 95 % intervals.
    Evaluate(TrialArgs),
    /// List the policies that were in force, oldest first.
    Versions {
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Put an earlier version in place of the policy; a running box takes it up within seconds.
    Rollback {
        /// Where the box is configured.
        #[command(flatten)]
        config: ConfigArgs,
        /// Which; by default the last that was in force, or the one before it where the file holds
        /// that one still.
        #[arg(long, value_name = "NUMBER")]
        to: Option<u32>,
    },
}

/// One day of a log.
#[derive(Clone, Copy, Debug)]
pub enum LogDay {
    /// The day before this one.
    Yesterday,
    /// A day by its date.
    On(Date),
}

/// Another policy, and the log that it is tried on.
#[derive(Debug, Args)]
pub struct TrialArgs {
    /// The policy to try.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// Logged decisions (`decisions.jsonl` in the data folder).
    #[arg(long, value_name = "LOG")]
    pub log: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `trunkside models`
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Where models lie; else `TRUNKSIDE_MODELS` or the usual places.
    #[arg(long, global = true, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: ModelsCommand,
}

/// What `trunkside models` does.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the catalogue.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// List the models that others publish, which `add` downloads, instead.
        #[arg(long)]
        public: bool,
    },
    /// Check that the files are those of the catalogue and that the networks load.
    Verify {
        /// Only this model.
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Add a streaming model that was exported for sherpa-onnx: check it, try it, install it.
    ///
    /// Give its files and --name, or the name of a public model (`models list --public`), which is
    /// then downloaded; a download that was cut goes on where it ended. Stopped later on (SIGINT), it
    /// adds nothing and leaves nothing.
    Add(AddModelArgs),
    /// Remove a model that was added.
    Remove {
        /// The model.
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// `trunkside models add`
#[derive(Debug, Args)]
#[command(
    after_help = "Contracts: streaming NeMo CTC, zipformer2 CTC, zipformer and zipformer2\n\
    transducer (encoder, decoder, joiner), T-one; fp32 or int8. The files' roles are found from\n\
    what they hold, so their order and names do not matter. An n-gram (NAME.arpa, or compressed\n\
    by zstd NAME.arpa.zst) may come with them: each Chinese character is a word\n\
    of its own, other words are written whole."
)]
pub struct AddModelArgs {
    /// The ONNX files, `tokens.txt`, and perhaps an n-gram in ARPA format; or the name of a public
    /// model.
    #[arg(required = true, value_name = "FILE|NAME")]
    pub files: Vec<PathBuf>,
    /// What commands will call it; needed with files, for a public model instead of its own name.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The licence of the weights, kept with the model; else what the catalogue says.
    #[arg(long, value_name = "TEXT")]
    pub licence: Option<String>,
    /// The languages it knows; without, it may be listened to in any.
    #[arg(long, value_delimiter = ',', value_name = "zh,yue,en")]
    pub languages: Vec<Language>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `trunkside bench`
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// What recognition costs, and how far it keeps up with calls.
    ///
    /// Every stream hears the recordings one after the other, each stream beginning with another
    /// one. By default it hears them at the pace of a call, a frame every 20 ms by the clock, with
    /// the streams out of step as calls are; so the command runs as long as the audio does.
    /// `--unpaced` plays them on one thread as fast as they can be heard, which takes no longer
    /// than it must: it is for `cpu_s` and `cpu_per_audio`, which hardly differ.
    ///
    /// Loading the model is not counted. `cpu_s` is the processor time of the whole process,
    /// `cpu_per_audio` the same for a second of one stream. `first_partial_ms_p50` is the median
    /// time from the beginning of an utterance to its first words shown. `chunk_lag_ms_p99` says
    /// how long after a chunk's last sample the chunk was heard, for 99 of 100 chunks (unpaced: how
    /// long hearing it took). `rss_mb` is the resident memory at the end (MiB), all streams open.
    /// When the processor is short, less is heard, as of calls: `unheard_s` is the audio given up,
    /// `longest_hop` the most chunks that were heard in one run.
    Recognition(BenchRecognitionArgs),
}

/// `trunkside bench recognition`
#[derive(Debug, Args)]
pub struct BenchRecognitionArgs {
    /// What every stream listens for; its cost is measured too.
    #[command(flatten)]
    pub listening: ListeningArgs,
    /// Streams at the same time; a call has two, one for each side.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = at_least_one)]
    pub streams: usize,
    /// Recordings: WAV, mono, 8 kHz, PCM 16 bit or G.711.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub audio: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Play as fast as can be, on one thread.
    #[arg(long)]
    pub unpaced: bool,
    /// Threads that share the streams at the pace of calls; one a core where not given.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// Stop after so much audio of each stream.
    #[arg(long, value_name = "S", value_parser = positive)]
    pub seconds: Option<f64>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=10_000) => Ok(number),
        _ => Err("it must be a whole number from 1 to 10000".to_owned()),
    }
}

fn lm_weight(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(weight) if (0.0..=5.0).contains(&weight) => Ok(weight),
        _ => Err("it must be a number from 0 to 5".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.02..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("it must be a number of seconds from 0.02 to 86400".to_owned()),
    }
}

/// A language, or whichever is spoken.
#[derive(Clone, Copy, Debug)]
pub struct LanguageChoice(pub Option<Language>);

fn language(text: &str) -> Result<LanguageChoice, String> {
    if text == "auto" {
        return Ok(LanguageChoice(None));
    }
    text.parse()
        .map(|language| LanguageChoice(Some(language)))
        .map_err(|fault: String| format!("{fault}, or `auto` for whichever is spoken"))
}

fn log_day(text: &str) -> Result<LogDay, String> {
    if text == "yesterday" {
        return Ok(LogDay::Yesterday);
    }
    let date = text.parse().map(LogDay::On);
    date.map_err(|_| "it must be `yesterday` or a date such as `2026-11-22`".to_owned())
}

fn call(text: &str) -> Result<CallId, String> {
    text.parse().map_err(|_| {
        "it must be a call as `list` names it, such as `01989a5b-1f0c-7c3a-9d52-4be1f0a7c311`"
            .to_owned()
    })
}

/// The exit status of a box that was stopped by its button: a supervisor leaves it stopped.
pub const STOPPED_BY_BUTTON: u8 = 3;

/// How a command ends when it does not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The operation failed: exit status 1.
    Operation(anyhow::Error),
    /// The usage or the input was bad: exit status 2.
    Input(anyhow::Error),
    /// Everything was said already; only the exit status is left.
    Said(u8),
}

impl Failure {
    /// The process's exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Operation(_) => 1,
            Self::Input(_) => 2,
            Self::Said(status) => *status,
        }
    }

    /// Wraps the fault of something that the user gave.
    pub fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Operation(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let line = ["trunkside"].iter().chain(arguments);
        Cli::try_parse_from(line).unwrap_err().to_string()
    }

    #[test]
    fn what_is_mistyped_is_answered_with_what_may_stand_there() {
        for command in [
            ["calls", "delete"],
            ["callbacks", "done"],
            ["recordings", "delete"],
        ] {
            let said = refused(&[&command[..], &["nope"]].concat());
            assert!(said.contains("as `list` names it"), "{said}");
        }
        let said = refused(&["recordings", "export", "nope", "--out", "a.wav"]);
        assert!(said.contains("as `list` names it"), "{said}");
        let said = refused(&["transcribe", "--language", "fr", "a.wav"]);
        assert!(said.contains("`en`, or `auto`"), "{said}");
    }

    #[test]
    fn the_help_begins_with_what_the_box_does() {
        let help = refused(&["--help"]);
        assert!(
            help.starts_with("The box beside a branch office's phone trunk"),
            "{help}"
        );
    }
}
