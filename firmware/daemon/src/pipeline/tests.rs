//! The stages joined, on a line whose far ends the tests play.

use std::net::{SocketAddr, UdpSocket};

use tempfile::TempDir;
use trunkside_call::{Emotion, Language};
use trunkside_line::{EndCause, LegCommand, PhoneEvent, Phones, SipCommand};
use trunkside_media::{Clip, MediaConfig, Prompt, Prompts};
use trunkside_understanding::intents;

use super::*;
use crate::call::conversation::tests::heard;
use crate::cloud::alarm::AlarmWay;
use crate::config;
use crate::hearing::Manner;
use crate::intent_lessons::Teacher;
use crate::model::tests::tones_in_force;
use crate::recording::tapes;
use crate::redaction_policy::Privacy;
use crate::storage::recorder::CALLS;
use crate::storage::store::Store;

mod codes;
mod models;

/// How long a prompt of a second may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whoever has kept a place.
const CALLER: &str = "13900000002";

const RINGS_BACK: &str = "callback_to = \"sip:{number}@127.0.0.1:9\"";

/// Notes what it is told.
#[derive(Default)]
struct Line {
    told: Vec<SipCommand>,
    phones: Phones,
}

impl SipUa for Line {
    fn command(&mut self, command: SipCommand) {
        self.told.push(command);
    }

    fn message(&mut self, _: &AgentContact, _: &Pii<String>) {}

    fn phones(&mut self, phones: Phones) {
        self.phones = phones;
    }

    async fn next_event(&mut self) -> Option<UaEvent> {
        std::future::pending().await
    }

    fn local_addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 5060))
    }
}

/// A box with one agent, Ann.
struct Branch {
    pipeline: Pipeline<Line>,
    now: Duration,
    /// Where everybody's voice goes.
    voice: UdpSocket,
    folder: TempDir,
}

impl Branch {
    /// With further settings of `[line]`.
    fn new(line: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        let text = format!("[line]\nlisten = \"127.0.0.1:0\"\n{line}\n");
        std::fs::write(&path, text).expect("writable");
        let config = config::load(&path).config;
        let mut prompts = Prompts::embedded();
        let greeting = Clip::Piece(PromptKey::Greeting, 1);
        prompts.put(Language::Zh, greeting, Prompt::from_samples(&[0; 8_000]));
        let spoken = Spoken {
            prompts,
            tells: config.prompts.tells,
        };
        let manner = Manner {
            teacher: Teacher::new(folder.path().join("intents"), None),
            privacy: Privacy::open(config.privacy, folder.path()),
            quality: watch::Sender::new(None).subscribe(),
        };
        let models = watch::Sender::new(tones_in_force()).subscribe();
        let (hearing, heard) = Hearing::start(1, models, manner).expect("it starts");
        let way = AlarmWay::into(None, folder.path());
        let (keep, pulse) = (config.privacy.keep, Pulse::default());
        let (found, places) = mpsc::channel(1);
        let recorder = Recorder::start(
            folder.path(),
            (keep, Duration::ZERO),
            None,
            (way, found),
            pulse,
        );
        let trouble = watch::Sender::new(None);
        let tasks = TaskTracker::new();
        let customers = Customers::new(&config.customers, folder.path(), trouble, tasks);
        let stages = Stages {
            ua: Line::default(),
            voice: VoiceThreads::start().expect("threads").0,
            ports: MediaPorts::new(&MediaConfig::default()),
            spoken: watch::Sender::new(spoken).subscribe(),
            self_service: SelfServiceRecordings::default(),
            hearing,
            heard,
            policy: policy("ann"),
            policies: mpsc::channel(1).1,
            lessons: Vec::new(),
            breaks: Breaks::new(),
            places,
            recorder: recorder.expect("it starts"),
            names: Pseudonyms::new(PseudonymKey::new([0; 32])),
            keys: mpsc::channel(1).1,
            customers,
            notices: broadcast::channel(1_024).0,
            quality: watch::Sender::new(None).subscribe(),
            tapes: tapes::open(&config.recording, folder.path(), |_| ()).0,
            recording: config.recording,
            tasks: TaskTracker::new(),
            pulse: Pulse::default(),
        };
        Self {
            pipeline: Pipeline::new(config.line, stages),
            now: Duration::from_secs(1),
            voice: UdpSocket::bind("127.0.0.1:0").expect("a port"),
            folder,
        }
    }

    fn settle(&mut self) {
        self.pipeline.decision(self.now);
        self.pipeline.forget_ended();
    }

    fn sdp(&self) -> Vec<u8> {
        let port = self.voice.local_addr().expect("bound").port();
        let session = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
        format!("{session}m=audio {port} RTP/AVP 8\r\n").into_bytes()
    }

    fn happens(&mut self, leg: LegId, what: LegEvent) {
        self.pipeline.line(self.now, SipEvent { leg, what });
        self.settle();
    }

    /// Somebody calls; which call it is, if it is taken.
    fn rings(&mut self, number: u64, from: &str) -> Option<CallId> {
        let leg = LegId::incoming(number);
        let incoming = LegEvent::Incoming {
            from: Pii::new(from.to_owned()),
            private: false,
            to: Pii::default(),
            sdp: self.sdp(),
        };
        self.happens(leg, incoming);
        self.pipeline.legs.get(&leg).copied()
    }

    fn answers(&mut self, leg: LegId) {
        let sdp = self.sdp();
        self.happens(leg, LegEvent::Answered { sdp });
    }

    fn hangs_up(&mut self, leg: LegId) {
        let cause = EndCause::Bye;
        self.happens(leg, LegEvent::Ended { cause });
    }

    /// The caller says something that means nothing, or what they want.
    fn says(&mut self, call: CallId, text: &str, is_final: bool) {
        let mut heard = heard(text, 0.9, Emotion::Neutral, is_final);
        heard.call = call;
        if text.len() < 3 {
            heard.intents.clear();
        }
        self.pipeline.understanding(self.now, heard);
        self.settle();
    }

    fn presses(&mut self, call: CallId, key: char) {
        self.pipeline.key(self.now, call, key);
        self.settle();
    }

    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.pipeline.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.pipeline.deadlines(self.now);
            self.settle();
        }
        self.now = until;
    }

    fn goes_on_under(&mut self, policy: Arc<Policy>, phones: Phones) {
        let ready = Ready {
            policy,
            self_service: SelfServiceRecordings::default(),
            phones,
        };
        self.pipeline.take_policy(self.now, ready);
        self.settle();
    }

    fn registers(&mut self, user: &str, is_there: bool) {
        let user = user.to_owned();
        self.pipeline.phone(self.now, PhoneEvent { user, is_there });
        self.settle();
    }

    /// What the line was told since this was asked last.
    fn told(&mut self) -> Vec<SipCommand> {
        std::mem::take(&mut self.pipeline.stages.ua.told)
    }

    /// The legs that were dialled since then, with whom they ring.
    fn dialled(&mut self) -> Vec<(LegId, String)> {
        let dials = |command: SipCommand| match command.what {
            LegCommand::Dial {
                to: AgentContact::Uri(to),
                ..
            } => Some((command.leg, to)),
            _ => None,
        };
        self.told().into_iter().filter_map(dials).collect()
    }

    /// Ann talks to the first caller.
    fn occupied(line: &str) -> Self {
        let mut branch = Self::new(line);
        let call = branch.rings(1, "13900000001").expect("it is taken");
        branch.says(call, "i lost my card", true);
        assert_eq!(
            branch.dialled(),
            [(LegId::incoming(1).branch(1), at("ann"))]
        );
        branch.answers(LegId::incoming(1).branch(1));
        branch
    }

    /// Ann talks to the first caller, and the second has hung up and keeps their place.
    fn with_a_place() -> (Self, CallId) {
        let mut branch = Self::occupied(RINGS_BACK);
        let call = branch.rings(2, CALLER).expect("it is taken");
        branch.says(call, "i lost my card", true);
        branch.presses(call, '1');
        branch.hangs_up(LegId::incoming(2));
        assert!(branch.pipeline.places.get(call).is_some());
        branch.told();
        (branch, call)
    }

    /// The second caller is rung as the box rings those whose turn has come.
    fn ringing_back() -> (Self, CallId) {
        let (mut branch, place) = Self::with_a_place();
        branch.hangs_up(LegId::incoming(1));
        assert_eq!(branch.dialled(), [(LegId::dialled(1), at(CALLER))]);
        (branch, place)
    }

    /// Whether Ann is rung for the next caller.
    fn ann_is_free(&mut self, number: u64) -> bool {
        self.told();
        let call = self.rings(number, "13900000009").expect("it is taken");
        self.says(call, "i lost my card", true);
        let leg = LegId::incoming(number).branch(1);
        self.dialled() == [(leg, at("ann"))]
    }
}

fn at(user: &str) -> String {
    format!("sip:{user}@127.0.0.1:9")
}

fn policy(agent: &str) -> Arc<Policy> {
    let text = format!(
        "[[agent]]\nid = \"{agent}\"\ncontact = \"{}\"\n\
         [queue]\nmax_wait_s = 600\nwrap_up_s = 0\n",
        at(agent)
    );
    parsed(&text)
}

fn parsed(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse("p.toml", text).policy.expect("it is whole"))
}

fn command(leg: LegId, what: LegCommand) -> SipCommand {
    SipCommand { leg, what }
}

#[tokio::test]
async fn a_noise_does_not_end_the_greeting() {
    let mut branch = Branch::new("");
    let call = branch.rings(1, CALLER).expect("it is taken");
    branch.says(call, "", true);
    let done = tokio::time::timeout(DEADLINE, branch.pipeline.media_events.recv());
    let (call, event) = done.await.expect("it is played").expect("media are there");
    branch.pipeline.media(branch.now, call, event);
    branch.pass(60);
    assert_eq!(
        branch.dialled(),
        [(LegId::incoming(1).branch(1), at("ann"))]
    );
}

#[tokio::test]
async fn who_cuts_the_greeting_short_and_is_not_understood_is_routed_all_the_same() {
    let mut branch = Branch::new("");
    let call = branch.rings(1, CALLER).expect("it is taken");
    branch.says(call, "er", false);
    branch.says(call, "", true);
    branch.pass(60);
    assert_eq!(
        branch.dialled(),
        [(LegId::incoming(1).branch(1), at("ann"))]
    );
}

#[tokio::test]
async fn what_is_known_late_of_a_caller_counts_for_who_waits_and_for_nobody_else() {
    let mut branch = Branch::new("");
    let text = format!(
        "[[agent]]\nid = \"ann\"\ncontact = \"{}\"\n[[rule]]\nname = \"keep\"\n\
         when = {{ tier = \"gold\", facts = \"wealth_viewed\" }}\nthen = {{ priority = 5 }}\n\
         [queue]\nwrap_up_s = 0\n",
        at("ann")
    );
    branch.goes_on_under(parsed(&text), Phones::default());
    let calls = [1, 2, 3].map(|number| {
        let caller = format!("1390000000{number}");
        let call = branch.rings(number, &caller).expect("it is taken");
        branch.says(call, "i lost my card", true);
        branch.pass(1);
        call
    });
    branch.answers(LegId::incoming(1).branch(1));
    branch.told();
    let gold = |fact: &str| Customer {
        tier: Some("gold".to_owned()),
        history: intents::Event::read(fact).into_iter().collect(),
        ..Customer::default()
    };
    let mut learns = |call, customer| {
        branch.pipeline.known(branch.now, call, customer);
        branch.settle();
    };
    learns(calls[1], gold("owes"));
    learns(calls[2], gold("wealth_viewed"));
    learns(calls[0], gold("wealth_viewed"));
    learns(CallId::new(uuid::Uuid::from_u128(7)), gold("wealth_viewed"));
    branch.hangs_up(LegId::incoming(1));
    assert_eq!(
        branch.dialled(),
        [(LegId::incoming(3).branch(1), at("ann"))]
    );
}

#[tokio::test]
async fn a_box_that_stops_takes_no_calls_and_rings_nobody() {
    let (mut branch, place) = Branch::with_a_place();
    branch.pipeline.release_all(branch.now);
    branch.settle();
    assert_eq!(branch.rings(3, "13900000003"), None);
    assert_eq!(branch.rings(4, CALLER), None);
    let told = branch.told();
    let refused = LegCommand::Reject { status: 503 };
    for number in [3, 4] {
        let refused = command(LegId::incoming(number), refused.clone());
        assert!(told.contains(&refused), "{told:?}");
    }
    let rings = |command: &SipCommand| matches!(command.what, LegCommand::Dial { .. });
    assert!(!told.iter().any(rings), "{told:?}");
    assert!(branch.pipeline.places.get(place).is_some(), "it is kept");
}

#[tokio::test]
async fn the_key_that_agrees_to_be_recorded_asks_for_no_call_back() {
    let recorded = "[recording]\nmode = \"consent\"\nkey_file = \"recording.key\"";
    let mut branch = Branch::occupied(&format!("{RINGS_BACK}\n{recorded}"));
    let call = branch.rings(2, CALLER).expect("it is taken");
    // Said over the question, so they wait already when they answer it.
    branch.says(call, "i lost my card", true);
    branch.presses(call, '1');
    assert!(branch.pipeline.places.get(call).is_none(), "they stay");
    // Pressed again, the key means what it means to all who wait.
    branch.presses(call, '1');
    assert!(branch.pipeline.places.get(call).is_some());
}

#[tokio::test]
async fn who_rings_in_while_they_are_rung_is_a_caller_like_any_other() {
    let (mut branch, place) = Branch::ringing_back();
    let mut notices = branch.pipeline.stages.notices.subscribe();
    let call = branch.rings(3, CALLER).expect("it is taken");
    let cancelled = command(LegId::dialled(1), LegCommand::Cancel);
    assert!(branch.told().contains(&cancelled));
    assert!(branch.pipeline.places.get(place).is_none());
    // The agent who was kept for them is free, and no call is told of but theirs.
    branch.says(call, "i lost my card", true);
    assert_eq!(
        branch.dialled(),
        [(LegId::incoming(3).branch(1), at("ann"))]
    );
    while let Ok(notice) = notices.try_recv() {
        assert!(!matches!(notice.event, Event::Ended { .. }), "{notice:?}");
    }
}

#[tokio::test]
async fn who_is_rung_back_and_answers_is_told_of_as_a_caller() {
    let (mut branch, _) = Branch::ringing_back();
    let mut notices = branch.pipeline.stages.notices.subscribe();
    let leg = LegId::dialled(1);
    let call = branch.pipeline.legs[&leg];
    branch.answers(leg);
    let of_them = |notice: &Notice| matches!(notice.event, Event::CalledBack);
    let told = std::iter::from_fn(|| notices.try_recv().ok()).find(of_them);
    assert_eq!(told.expect("they have answered").call, call);
}

#[tokio::test]
async fn who_answers_for_a_place_that_is_gone_is_let_go() {
    let (mut branch, place) = Branch::ringing_back();
    branch.pipeline.give_up_place(place);
    branch.answers(LegId::dialled(1));
    let let_go = command(LegId::dialled(1), LegCommand::HangUp);
    assert!(branch.told().contains(&let_go));
    assert!(branch.ann_is_free(3));
}

#[tokio::test]
async fn whom_nobody_can_serve_any_more_is_not_rung_on() {
    let (mut branch, place) = Branch::ringing_back();
    // Nobody is left who could take the call.
    let agent = AgentId::new("ann");
    let away = Input::AgentAway { agent };
    branch.pipeline.tell_router(branch.now, away);
    branch.settle();
    let cancelled = command(LegId::dialled(1), LegCommand::Cancel);
    assert!(branch.told().contains(&cancelled));
    assert!(branch.pipeline.places.get(place).is_none());
}

#[tokio::test]
async fn places_that_come_late_are_kept_but_of_callers_who_have_rung_since() {
    let (asked, place) = Branch::with_a_place();
    let noted = |call: u128, number: &str| {
        let kept = asked.pipeline.places.get(place).expect("it is kept");
        let call = CallId::new(uuid::Uuid::from_u128(call));
        let number = Pii::new(number.to_owned());
        KeptPlace {
            number,
            ..kept.note(call, crate::clock::timestamp().as_millisecond())
        }
    };
    let mut branch = Branch::occupied(RINGS_BACK);
    branch.hangs_up(LegId::incoming(1));
    branch.told();
    let late = vec![noted(1, "13900000001"), noted(2, CALLER)];
    branch.pipeline.take_over_places(branch.now, late);
    branch.pass(60);
    assert_eq!(branch.dialled(), [(LegId::dialled(1), at(CALLER))]);
    let rung_since = CallId::new(uuid::Uuid::from_u128(1));
    assert!(branch.pipeline.places.get(rung_since).is_none());
}

#[tokio::test]
async fn an_agent_is_not_kept_for_nobody() {
    let mut branch = Branch::new(RINGS_BACK);
    // A place that the router has and nobody else.
    let kept = Input::PlaceKept {
        place: CallId::new(uuid::Uuid::from_u128(7)),
        profile: trunkside_decision::CallProfile::unknown(),
        waited_ms: 0,
    };
    branch.pipeline.tell_router(branch.now, kept);
    branch.pass(60);
    assert!(branch.ann_is_free(1));
}

#[tokio::test]
async fn an_agent_who_has_handed_a_call_on_to_a_number_is_free_and_nobody_learns_the_number() {
    let mut branch = Branch::occupied("");
    let mut notices = branch.pipeline.stages.notices.subscribe();
    let (first, second) = (LegId::incoming(1).branch(1), LegId::incoming(1).branch(2));
    let number = "13800138000";
    let to = AgentContact::Uri(at(number));
    branch.happens(first, LegEvent::TransferAsked { to });
    assert_eq!(branch.dialled(), [(second, at(number))]);
    branch.answers(second);
    assert!(branch.ann_is_free(2), "she talks to nobody");
    while let Ok(notice) = notices.try_recv() {
        assert!(!format!("{notice:?}").contains(number), "{notice:?}");
    }
}

#[tokio::test]
async fn who_is_rung_back_is_sent_beyond_the_branch_where_nobody_there_is_left() {
    let (mut branch, _) = Branch::ringing_back();
    let messages = format!(
        "{}last_resort = \"messages\"\n[[destination]]\nname = \"messages\"\nkind = \"voicemail\"\n\
         contact = \"{}\"\n",
        policy("ann").text,
        at("messages")
    );
    branch.goes_on_under(parsed(&messages), Phones::default());
    let agent = AgentId::new("ann");
    let away = Input::AgentAway { agent };
    branch.pipeline.tell_router(branch.now, away);
    branch.settle();
    branch.told();
    branch.answers(LegId::dialled(1));
    assert_eq!(
        branch.dialled(),
        [(LegId::dialled(1).branch(1), at("messages"))]
    );
}

#[tokio::test]
async fn who_waits_goes_to_the_agents_of_another_policy() {
    let mut branch = Branch::occupied("");
    for number in [2, 3] {
        branch.pass(1);
        let call = branch.rings(number, CALLER).expect("it is taken");
        branch.says(call, "i lost my card", true);
    }
    branch.told();
    branch.goes_on_under(policy("bob"), Phones::default());
    let told = branch.told();
    let dials = |told: &SipCommand| matches!(told.what, LegCommand::Dial { .. });
    let dialled: Vec<LegId> = told.iter().filter(|t| dials(t)).map(|t| t.leg).collect();
    assert_eq!(dialled, [LegId::incoming(2).branch(1)]);
    assert_eq!(branch.pipeline.router.waiting(), 1);
}

#[tokio::test]
async fn agents_sign_in_and_out_with_their_phones() {
    let mut branch = Branch::new("");
    let bob_first = format!(
        "[[agent]]\nid = \"bob\"\ncontact = \"registered:2001\"\n{}",
        policy("ann")
            .text
            .replace("id = \"ann\"", "id = \"ann\"\npriority = 2")
    );
    branch.goes_on_under(parsed(&bob_first), Phones::default());
    let rung = |branch: &mut Branch, number| {
        let call = branch.rings(number, CALLER).expect("it is taken");
        branch.says(call, "i lost my card", true);
        let told = branch.told();
        let dialled = told.into_iter().find_map(|told| match told.what {
            LegCommand::Dial { to, .. } => Some(to),
            _ => None,
        });
        branch.hangs_up(LegId::incoming(number));
        dialled
    };
    let ann = || Some(AgentContact::Uri(at("ann")));
    let bob = || Some(AgentContact::Registered("2001".to_owned()));
    assert_eq!(rung(&mut branch, 1), ann(), "his phone is not there");
    branch.registers("2001", true);
    assert_eq!(rung(&mut branch, 2), bob());
    branch.registers("2001", false);
    assert_eq!(rung(&mut branch, 3), ann());
    // His phone is another now, which is there already; then it is one that need not register.
    branch.registers("2002", true);
    let moved = bob_first.replace("2001", "2002");
    branch.goes_on_under(parsed(&moved), Phones::default());
    let there = Some(AgentContact::Registered("2002".to_owned()));
    assert_eq!(rung(&mut branch, 4), there);
    branch.goes_on_under(parsed(&bob_first), Phones::default());
    assert_eq!(rung(&mut branch, 5), ann());
    let fixed = bob_first.replace("registered:2001", &at("bob"));
    branch.goes_on_under(parsed(&fixed), Phones::default());
    let there = Some(AgentContact::Uri(at("bob")));
    assert_eq!(rung(&mut branch, 6), there);
}

#[tokio::test]
async fn another_policy_brings_what_it_names() {
    let mut branch = Branch::new("");
    let users = vec!["bob".to_owned()];
    let phones = Phones {
        users,
        ..Phones::default()
    };
    branch.goes_on_under(policy("bob"), phones.clone());
    assert_eq!(branch.pipeline.stages.ua.phones, phones);
    let call = branch.rings(1, CALLER).expect("it is taken");
    branch.says(call, "i lost my card", true);
    assert_eq!(
        branch.dialled(),
        [(LegId::incoming(1).branch(1), at("bob"))]
    );
}

/// Ann's caller hangs up while their last words are still being recognised.
fn left(branch: &mut Branch) -> (CallId, broadcast::Receiver<Notice>) {
    let leg = LegId::incoming(1);
    let call = branch.pipeline.legs[&leg];
    let mut notices = branch.pipeline.stages.notices.subscribe();
    branch.hangs_up(leg);
    assert!(notices.try_recv().is_err(), "nothing is recorded yet");
    (call, notices)
}

fn has_ended(notices: &mut broadcast::Receiver<Notice>) -> bool {
    let ends = |notice: Notice| matches!(notice.event, Event::Ended { .. });
    std::iter::from_fn(|| notices.try_recv().ok()).any(ends)
}

#[tokio::test]
async fn what_was_said_last_stands_in_the_record() {
    let mut branch = Branch::occupied("");
    let (call, mut notices) = left(&mut branch);
    branch.says(call, "thank you and goodbye", true);
    branch.pipeline.conclude(branch.now, call);
    branch.settle();
    assert!(has_ended(&mut notices) && branch.pipeline.calls.is_empty());
    let Branch {
        pipeline, folder, ..
    } = branch;
    pipeline.stages.recorder.stop();
    let mut store = Store::open(&folder.path().join(CALLS)).expect("it is there");
    assert_eq!(store.calls().expect("it can be read")[0].turns, 2);
}

#[tokio::test]
async fn a_record_does_not_wait_for_recognition_for_long() {
    let mut branch = Branch::occupied("");
    let (_, mut notices) = left(&mut branch);
    branch.pass(1);
    assert!(!has_ended(&mut notices));
    branch.pass(1);
    assert!(has_ended(&mut notices) && branch.pipeline.calls.is_empty());
}

#[tokio::test]
async fn who_takes_a_caller_over_is_known_and_who_left_is_free() {
    let mut branch = Branch::occupied("");
    let both = format!(
        "[[agent]]\nid = \"ann\"\ncontact = \"{}\"\n[[agent]]\nid = \"wang\"\n\
         contact = \"registered:wang\"\n[queue]\nwrap_up_s = 0\n",
        at("ann")
    );
    branch.goes_on_under(parsed(&both), Phones::default());
    branch.registers("wang", true);
    let mut notices = branch.pipeline.stages.notices.subscribe();
    let leg = LegId::incoming(1);
    let (by, sdp) = (leg.branch(1_000), branch.sdp());
    let at = AgentContact::Registered("wang".into());
    branch.happens(leg.branch(1), LegEvent::Replaced { by, at, sdp });
    branch.happens(by, LegEvent::Acknowledged { sdp: Vec::new() });
    let talks =
        |notice: Notice| matches!(notice.event, Event::Bridged(who) if who.as_str() == "wang");
    assert!(std::iter::from_fn(|| notices.try_recv().ok()).any(talks));
    assert!(branch.ann_is_free(2), "she has left");
}

#[tokio::test]
async fn colleagues_talk_to_each_other_and_no_stage_is_told() {
    let mut branch = Branch::new("");
    let (near, far) = (LegId::incoming(1), LegId::incoming(1).branch(1));
    let (from, to) = ("ann".to_owned(), "wang".to_owned());
    let sdp = branch.sdp();
    branch.happens(near, LegEvent::PhoneCalls { from, to, sdp });
    let told = branch.told();
    let rings = |command: &SipCommand| {
        let wang = AgentContact::Registered("wang".into());
        command.leg == far && matches!(&command.what, LegCommand::Dial { to, .. } if *to == wang)
    };
    assert!(matches!(&told[..], [one] if rings(one)), "{told:?}");
    branch.answers(far);
    let answers = |command: &SipCommand| matches!(command.what, LegCommand::Answer { .. });
    assert!(branch.told().iter().any(answers));
    assert!(branch.ann_is_free(2), "her phone says whether it is in use");
    branch.told();
    branch.hangs_up(near);
    assert_eq!(branch.told(), [command(far, LegCommand::HangUp)]);
    assert!(branch.pipeline.phone_calls.is_empty());

    // Nobody answers, and then the box stops in the middle of another try.
    for number in [3, 4] {
        let (from, to) = ("ann".to_owned(), "wang".to_owned());
        let (near, sdp) = (LegId::incoming(number), branch.sdp());
        branch.happens(near, LegEvent::PhoneCalls { from, to, sdp });
        branch.told();
        let refused = command(near, LegCommand::Reject { status: 480 });
        if number == 3 {
            branch.pass(100);
        } else {
            branch.pipeline.release_all(branch.now);
        }
        assert!(branch.told().contains(&refused));
    }
}
