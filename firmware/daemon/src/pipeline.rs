//! The sentence, in its order: line → media → recognition → understanding → decision → action →
//! record. (The uplink takes it from the record; the aggregator from the uplink.)
//!
//! One task. It waits for whatever comes first, lets the stage it concerns take note, and then
//! settles: what stages put out goes to the next ones until nothing is left. Nothing here waits
//! for a disk, a network or a computation; voice runs beside it, in each call's own relay.
//!
//! Which agents are there is in `pipeline/attendance.rs`; that they are
//! away, by codes, in `pipeline/codes.rs`; what they say to each other, in `pipeline/colleagues.rs`; how a call's
//! stages come together, in `pipeline/calls.rs`; callers who are rung back, in
//! `pipeline/callback.rs`; the last words of calls that are over, in `pipeline/leaving.rs`; what falls due by
//! the clock or comes anew from the box's settings, in `pipeline/upkeep.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trunkside_call::{
    Action, AgentId, CallId, CallbackCause, Decision, Pii, PromptKey, Repeat, Side,
};
use trunkside_decision::{
    Input, Lesson, OfferFailure, Policy, Router,
    log::{Entry, Models},
};
use trunkside_line::{
    AgentContact, CallEvent, CallFlow, Cause, EndedBy, LegEvent, LegId, Order, SipEvent, SipUa,
    UaEvent,
};
use trunkside_media::{MediaEvent, MediaPorts, MediaSession, VoiceThreads};
use trunkside_record::{PseudonymKey, Pseudonyms, TalkBy};
use trunkside_understanding::quality::QualityRules;

use crate::call::conversation::Conversation;
use crate::call::outcomes::Outcomes;
use crate::call::places::{self, Places, Returning};
use crate::call::progress::Urgency;
use crate::call::translate;
use crate::clock::Clock;
use crate::config::{LineConfig, RecordingConfig};
use crate::customers::{Customer, Customers};
use crate::hearing::{Heard, Hearing, Told, Unheard};
use crate::notice::{Event, Notice};
use crate::panel::Pulse;
use crate::policy::Ready;
use crate::prompts::Spoken;
use crate::prompts::queue::{self, Standing};
use crate::quality;
use crate::recording::call_recording::CallRecording;
use crate::recording::tapes::Tapes;
use crate::self_service::SelfServiceRecordings;
use crate::storage::breaks::Breaks;
use crate::storage::recorder::Recorder;
use crate::storage::store::promises::KeptPlace;

mod attendance;
mod callback;
mod calls;
mod codes;
mod colleagues;
mod leaving;
#[cfg(test)]
mod tests;
mod upkeep;

use attendance::Attendance;
use colleagues::PhoneCalls;
use leaving::Ending;

/// How long calls may take to end in good order when the box stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// The status for a caller whom the box cannot serve now.
const UNAVAILABLE: u16 = 503;

/// The stages, ready to be joined.
pub struct Stages<U> {
    /// The line's SIP end.
    pub ua: U,
    /// Carries the calls' voice.
    pub voice: VoiceThreads,
    /// Ports for it.
    pub ports: MediaPorts,
    /// What the box says, as it is now.
    pub spoken: watch::Receiver<Spoken>,
    /// What serves callers before an agent does.
    pub self_service: SelfServiceRecordings,
    /// Recognition and understanding.
    pub hearing: Hearing,
    /// What they have heard.
    pub heard: mpsc::Receiver<Told>,
    /// Who takes which call.
    pub policy: Arc<Policy>,
    /// Policies that come into force while the box runs.
    pub policies: mpsc::Receiver<Ready>,
    /// What the last run learnt of agents.
    pub lessons: Vec<Lesson>,
    /// Who was on a break when the last run stopped.
    pub breaks: Breaks,
    /// Whose place the run before this one kept, once the store could be read.
    pub places: mpsc::Receiver<Vec<KeptPlace>>,
    /// Makes calls durable.
    pub recorder: Recorder,
    /// Turns agents into pseudonyms.
    pub names: Pseudonyms,
    /// Their key, where it could not be read at the start.
    pub keys: mpsc::Receiver<PseudonymKey>,
    /// Looks callers up.
    pub customers: Customers,
    /// Tells whoever watches.
    pub notices: broadcast::Sender<Notice>,
    /// The rules that calls are inspected by.
    pub quality: watch::Receiver<Option<Arc<QualityRules>>>,
    /// Whether and how calls are recorded.
    pub recording: RecordingConfig,
    /// Where calls have their tapes from.
    pub tapes: Tapes,
    /// Where what a call's media tells is brought here.
    pub tasks: TaskTracker,
    /// Shows the watchdog that calls are handled.
    pub pulse: Pulse,
}

/// All calls of the box.
pub struct Pipeline<U> {
    clock: Clock,
    line: LineConfig,
    stages: Stages<U>,
    router: Router,
    /// What callers are heard and understood with, as the router was told last.
    models: Arc<Models>,
    local_time_due: Duration,
    outcomes: Outcomes,
    attendance: Attendance,
    breaks: Breaks,
    media_sender: mpsc::UnboundedSender<(CallId, MediaEvent)>,
    media_events: mpsc::UnboundedReceiver<(CallId, MediaEvent)>,
    calls: BTreeMap<CallId, Box<Call>>,
    legs: BTreeMap<LegId, CallId>,
    phone_calls: PhoneCalls,
    places: Places,
    /// The box takes no calls any more and rings nobody.
    stopping: bool,
}

/// One call's stages.
struct Call {
    flow: CallFlow,
    media: MediaSession,
    /// Copies of the voice, until the hearing takes them at the answer.
    tap: Option<trunkside_media::Tap>,
    unheard: Unheard,
    conversation: Conversation,
    /// What was heard of it so far was heard and understood with these.
    heard_with: Option<Arc<Models>>,
    recording: CallRecording,
    /// Where the caller stands in the queue, while they wait.
    standing: Option<Standing>,
    /// The caller is being rung back and has not answered yet.
    returning: Option<Returning>,
    /// How it ended, until its record is made.
    ending: Option<Ending>,
}

enum Wake {
    Line(Option<UaEvent>),
    Media(CallId, MediaEvent),
    Heard(Told),
    Policy(Box<Ready>),
    Key(PseudonymKey),
    Places(Vec<KeptPlace>),
    Known(CallId, Customer),
    Deadline,
    Stop,
}

impl<U: SipUa> Pipeline<U> {
    /// Joins the stages. Every agent of the policy counts as signed in whose phone need not register.
    pub fn new(line: LineConfig, stages: Stages<U>) -> Self {
        let (media_sender, media_events) = mpsc::unbounded_channel();
        let mut pipeline = Self {
            clock: Clock::start(),
            router: Router::begin(
                Arc::clone(&stages.policy),
                Models::clone(&stages.hearing.begins_with()),
            ),
            models: stages.hearing.begins_with(),
            line,
            local_time_due: Duration::ZERO,
            outcomes: Outcomes::default(),
            attendance: Attendance::default(),
            breaks: Breaks::new(),
            media_sender,
            media_events,
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            phone_calls: PhoneCalls::new(),
            places: Places::default(),
            stopping: false,
            stages,
        };
        let policy = Arc::clone(&pipeline.stages.policy);
        pipeline.stages.names.know(translate::named(&policy));
        let recorder = &pipeline.stages.recorder;
        recorder.policy(Arc::clone(&policy));
        let models = Models::clone(&pipeline.models);
        recorder.decision(&Entry::start(&policy, models));
        pipeline.tell_local_time(Duration::ZERO);
        let lessons = std::mem::take(&mut pipeline.stages.lessons);
        if !lessons.is_empty() {
            pipeline.tell_router(Duration::ZERO, Input::Learnt { lessons });
        }
        pipeline.breaks = std::mem::take(&mut pipeline.stages.breaks);
        pipeline.resume_breaks();
        for agent in pipeline.attendance.signed_in(&policy) {
            pipeline.tell_router(Duration::ZERO, Input::AgentAvailable { agent });
        }
        pipeline
    }

    /// Runs until `stop`; then ends every call and gives back the stages that must drain.
    pub async fn run(mut self, stop: CancellationToken) -> (Hearing, Tapes, Recorder) {
        let mut farewell = None;
        loop {
            let wake = self.wait(&stop, farewell).await;
            self.stages.pulse.taken();
            let now = self.clock.now();
            match wake {
                Wake::Line(Some(UaEvent::Leg(event))) => self.line(now, event),
                Wake::Line(Some(UaEvent::Phone(event))) => self.phone(now, event),
                Wake::Media(call, event) => self.media(now, call, event),
                Wake::Heard(Told::Heard(heard)) => self.understanding(now, *heard),
                Wake::Heard(Told::Finished(call)) => self.conclude(now, call),
                Wake::Policy(ready) => self.take_policy(now, *ready),
                Wake::Key(key) => self.stages.names.found(key),
                Wake::Places(kept) => self.take_over_places(now, kept),
                Wake::Known(call, customer) => self.known(now, call, customer),
                Wake::Deadline => self.deadlines(now),
                Wake::Stop => {
                    self.release_all(now);
                    farewell = Some(now + FAREWELL);
                }
                Wake::Line(None) => break,
            }
            self.decision(now);
            self.forget_ended();
            self.stages.pulse.finished();
            let all_over = self.calls.is_empty() && self.phone_calls.is_empty();
            if farewell.is_some_and(|end| now >= end || all_over) {
                break;
            }
        }
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.conclude(self.clock.now(), id);
        }
        self.keep_lessons();
        let running = |call: &Call| !call.flow.has_ended();
        for (call, _) in self.calls.iter().filter(|(_, call)| running(call)) {
            tracing::warn!(%call, "the box stops in the middle of a call");
        }
        let Stages {
            hearing,
            tapes,
            recorder,
            ..
        } = self.stages;
        (hearing, tapes, recorder)
    }

    async fn wait(&mut self, stop: &CancellationToken, farewell: Option<Duration>) -> Wake {
        let deadline = [self.next_deadline(), farewell].into_iter().flatten().min();
        let clock = self.clock;
        tokio::select! {
            event = self.stages.ua.next_event() => Wake::Line(event),
            Some((call, event)) = self.media_events.recv() => Wake::Media(call, event),
            Some(told) = self.stages.heard.recv() => Wake::Heard(told),
            Some(policy) = self.stages.policies.recv() => Wake::Policy(Box::new(policy)),
            Some(key) = self.stages.keys.recv() => Wake::Key(key),
            Some(kept) = self.stages.places.recv() => Wake::Places(kept),
            Some((call, customer)) = self.stages.customers.known() => Wake::Known(call, customer),
            () = clock.sleep_until(deadline) => Wake::Deadline,
            () = stop.cancelled(), if farewell.is_none() => Wake::Stop,
        }
    }

    // --- line ---

    fn line(&mut self, now: Duration, event: SipEvent) {
        let SipEvent { leg, what } = event;
        let Some(what) = self.between_phones(now, leg, what) else {
            return;
        };
        if let LegEvent::Incoming { from, .. } = &what {
            let from = from.clone();
            self.begin(now, leg, from);
        }
        if let Some(call) = self.legs.get(&leg.first()).copied() {
            self.tell_flow(now, call, trunkside_line::Input::Leg(leg, what));
        }
    }

    // --- line: what became of a call ---

    /// What became of a call, told to the stages that follow.
    fn call_event(&mut self, now: Duration, id: CallId, event: CallEvent) {
        match event {
            CallEvent::Offered { .. } => {
                self.notify(now, id, Event::Offered);
                self.order(now, id, Order::Greet);
                // An early greeting is not an answer, but the caller is heard from it on.
                self.recognition(now, id);
            }
            CallEvent::Answered { .. } => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.conversation.answered(now);
                }
                self.notify(now, id, Event::Answered);
                self.reached(now, id);
                self.note(now, id, Urgency::Soon);
            }
            CallEvent::Pressed {
                side: Side::Caller,
                key,
            } => self.key(now, id, key),
            CallEvent::Pressed {
                side: Side::Agent, ..
            } => {}
            CallEvent::AgentRinging { agent } => self.notify(now, id, Event::Ringing(agent)),
            CallEvent::Bridged { agent } => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.conversation.bridged(now, agent.clone());
                    tracing::debug!(call = %id, "caller and agent are joined");
                    self.note(now, id, Urgency::Now);
                }
                self.tell_router(
                    now,
                    Input::Bridged {
                        call: id,
                        agent: agent.clone(),
                    },
                );
                self.brief(id, &agent);
                self.notify(now, id, Event::Bridged(agent));
                self.escalate(now, id);
            }
            CallEvent::Transferred { to, at } => {
                let by = if at.is_some() {
                    TalkBy::Transfer
                } else {
                    TalkBy::Decision
                };
                let (agent, input) = match at {
                    // The router asked for them.
                    None => (
                        Some(to.clone()),
                        Input::Bridged {
                            call: id,
                            agent: to,
                        },
                    ),
                    Some(at) => {
                        let agent = translate::agent_at(&self.stages.policy, &at);
                        let input = Input::TakenOver {
                            call: id,
                            agent: agent.clone(),
                        };
                        (agent, input)
                    }
                };
                if let Some(call) = self.calls.get_mut(&id) {
                    call.conversation.taken_over(now, agent.clone(), by);
                }
                self.tell_router(now, input);
                if let Some(agent) = agent {
                    self.brief(id, &agent);
                    self.notify(now, id, Event::Bridged(agent));
                }
                self.note(now, id, Urgency::Now);
                self.escalate(now, id);
            }
            CallEvent::AgentFailed { agent, cause } => {
                // The router withdrew the offer itself: it knows.
                if let Some(cause) = translate::failure(cause) {
                    let why = cause.words().to_owned();
                    self.notify(now, id, Event::AgentFailed(agent.clone(), why));
                    self.tell_router(
                        now,
                        Input::OfferFailed {
                            call: id,
                            agent,
                            cause,
                        },
                    );
                }
            }
            CallEvent::Ended { by, cause } => {
                if let Some(call) = self
                    .calls
                    .get_mut(&id)
                    .filter(|_| cause == Cause::Apologised)
                {
                    call.conversation.apologised();
                }
                self.record(now, id, by);
            }
        }
    }

    // --- media ---

    fn media(&mut self, now: Duration, id: CallId, event: MediaEvent) {
        let input = translate::media_event(event);
        if let Some(leg) = self.phone_call_with(id) {
            return self.tell_phone_call(now, leg, input);
        }
        if let MediaEvent::PromptDone(side) = event
            && let Some(call) = self.calls.get_mut(&id)
        {
            let language = call.conversation.language();
            if side == Side::Caller && call.recording.prompted(now, &call.media, language) {
                let rules = self.stages.quality.borrow().clone();
                if let (Some(rules), Some(said)) = (rules, call.recording.said()) {
                    let spoken = self.stages.spoken.borrow();
                    let met =
                        quality::met_by_prompt(&rules, spoken.prompts.texts(), language, said);
                    call.conversation.announced(met);
                }
                return;
            }
            call.conversation.prompted(now);
        }
        self.tell_flow(now, id, input);
    }

    /// The caller has pressed a key.
    fn key(&mut self, now: Duration, id: CallId, key: char) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let language = call.conversation.language();
        let answered = call.recording.key(now, &call.media, language, key);
        if key == self.line.callback_key && !answered {
            self.keep_place(now, id);
        }
    }

    fn media_command(&mut self, now: Duration, id: CallId, command: trunkside_line::MediaCommand) {
        use trunkside_line::MediaCommand::{Bridge, Hush, Play, Press, SetRemote, Stop, Unbridge};
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let language = call.conversation.language();
        match command {
            SetRemote { side, remote } => {
                if side == Side::Caller {
                    call.recording.speak(remote.codec);
                }
                call.media.set_remote(side, translate::remote(remote));
            }
            Play {
                side,
                prompt,
                repeat,
            } => {
                let spoken = self.stages.spoken.borrow();
                let told = match (prompt, call.standing) {
                    (PromptKey::Queue, Some(standing)) => queue::sentences(standing, spoken.tells),
                    _ => Vec::new(),
                };
                let played = (spoken.prompts.introduced(language, &told, prompt), repeat);
                drop(spoken);
                match (side, prompt) {
                    (Side::Agent, _) => call.media.play(side, played.0, repeat),
                    (_, PromptKey::Greeting) => {
                        call.recording.greet(now, &call.media, language, played);
                    }
                    _ => call.recording.play(&call.media, played),
                }
            }
            Stop { side: Side::Caller } => call.recording.stop(now, &call.media),
            Stop { side } => call.media.stop(side),
            Press { side, key } => call.media.press(side, key),
            Hush { side } => call.media.hush(side),
            Bridge => {
                call.recording.bridge(now, true);
                call.media.bridge();
            }
            Unbridge => {
                call.recording.bridge(now, false);
                call.media.unbridge();
            }
        }
    }

    // --- recognition: from the answer on, the hearing has the tap ---

    fn recognition(&mut self, now: Duration, id: CallId) {
        let answered = self.clock.instant(now);
        if let Some(call) = self.calls.get_mut(&id)
            && let Some(tap) = call.tap.take()
        {
            call.conversation.listens(now);
            let tape = call.recording.listen(now);
            call.unheard = self.stages.hearing.listen(id, tap.frames(answered), tape);
        }
    }

    // --- understanding ---

    fn understanding(&mut self, now: Duration, heard: Heard) {
        let id = heard.call;
        self.note_models(now, id, &heard.models);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        // Nothing is said after the end, though it may be understood then.
        let now = call.ending.as_ref().map_or(now, |ending| ending.at);
        let language = call.conversation.language();
        if call.recording.heard(now, &call.media, language, &heard) {
            return;
        }
        // Who speaks into the greeting or a recording need not hear the rest of it; a noise says nothing.
        let speaks = heard.utterance.side == Side::Caller && !heard.utterance.text.is_empty();
        if speaks && call.conversation.may_be_interrupted() && call.recording.interrupt(&call.media)
        {
            // No end of what was played will be told: the caller's turn begins now.
            call.conversation.prompted(now);
        }
        let was_routing = call.conversation.is_routing();
        let input = call.conversation.hear(now, &heard);
        let awaited = call.conversation.awaited();
        let is_final = heard.utterance.is_final;
        let wants_callback = is_final
            && heard.utterance.side == Side::Caller
            && places::asks(&heard.understood.intents);
        if is_final {
            self.note(now, id, Urgency::Soon);
        }
        let understood = Box::new(heard.understood);
        let spoken_by_caller = heard.utterance.side == Side::Caller;
        self.notify(now, id, Event::Heard(Box::new(heard.utterance)));
        if is_final && spoken_by_caller {
            self.notify(now, id, Event::Understood(understood));
        }
        if let Some(input) = input {
            self.learnt(now, id, input);
        }
        if let Some(service) = awaited {
            self.serve_by_machine(now, id, &service);
        }
        if wants_callback && was_routing {
            self.keep_place(now, id);
        }
        self.escalate(now, id);
    }

    /// The router hears something new of a caller.
    fn learnt(&mut self, now: Duration, id: CallId, input: Input) {
        if self.places.get(id).is_some() {
            // Who is called back gets what was known last.
            self.place_kept(id);
        }
        let call = self.calls.get_mut(&id);
        let hidden = call.and_then(|call| call.conversation.newly_hidden());
        if let Some(hidden) = hidden {
            tracing::info!(call = %id, rule = hidden.rule, wish = hidden.intent.name, "a wish behind what was said");
            self.notify(now, id, Event::Hidden(Box::new(hidden)));
        }
        self.tell_router(now, input);
    }

    /// Tells an agent who takes a call of the wish behind what its caller says.
    fn brief(&mut self, id: CallId, agent: &AgentId) {
        let hidden = self
            .calls
            .get(&id)
            .and_then(|call| call.conversation.hidden());
        let Some(hidden) = hidden.filter(|_| self.line.tell_agents) else {
            return;
        };
        let text = format!(
            "{} ← {}: {}",
            hidden.intent.name, hidden.said, hidden.because
        );
        if let Some(contact) = self.contact(agent) {
            let call = self.told_apart(id);
            self.stages
                .ua
                .message(&contact, &Pii::new(format!("{call} {text}")));
        }
    }

    /// Tells the people of the branch of a caller who has turned angry.
    fn escalate(&mut self, now: Duration, id: CallId) {
        while let Some(telling) = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.conversation.telling())
        {
            let text = Pii::new(telling.text(&self.told_apart(id)));
            let agent = telling
                .agent
                .as_ref()
                .filter(|_| self.line.tell_agents)
                .and_then(|agent| self.contact(agent));
            let supervisors = self
                .line
                .supervisors
                .iter()
                .map(|to| translate::contact(to));
            let supervisors = supervisors.filter(|_| telling.supervisors);
            for contact in agent.into_iter().chain(supervisors) {
                self.stages.ua.message(&contact, &text);
            }
            let agent = telling.agent.as_ref().map(tracing::field::display);
            tracing::info!(call = %id, agent, "a caller is angry");
            if telling.supervisors {
                self.stages.recorder.alarm(telling.alarm());
            }
            self.notify(now, id, Event::Escalated(Box::new(telling)));
        }
    }

    // --- decision ---

    fn tell_router(&mut self, now: Duration, input: Input) {
        self.stages
            .recorder
            .decision(&Entry::input(now, input.clone()));
        self.router.handle(now, input);
    }

    /// Takes the router's decisions, each with its action, until none is left. An action may tell
    /// the router something new.
    fn decision(&mut self, now: Duration) {
        while let Some(decision) = self.router.poll() {
            self.stages
                .recorder
                .decision(&Entry::decision(decision.clone()));
            if let Some(call) = self.calls.get_mut(&decision.call)
                && !call.conversation.is_over()
            {
                call.conversation.decided(now, &decision);
                self.note(now, decision.call, Urgency::Now);
            }
            self.action(now, &decision);
        }
    }

    // --- action: no crate of its own, it is the line under these orders ---

    fn action(&mut self, now: Duration, decision: &Decision) {
        self.notify(
            now,
            decision.call,
            Event::Decided(Box::new(decision.clone())),
        );
        if self.is_about_a_place(now, decision) {
            return;
        }
        let asked = CallbackCause::Asked;
        if decision.action == (Action::Callback { cause: asked }) {
            self.place_kept(decision.call);
        }
        let call = self.calls.get(&decision.call);
        if call.is_some_and(|call| call.conversation.is_over()) {
            return;
        }
        self.carry_out(now, decision.call, &decision.action);
    }

    /// Does with a call what was decided.
    fn carry_out(&mut self, now: Duration, id: CallId, action: &Action) {
        let order = match action {
            Action::Offer { agent } => match self.contact(agent) {
                Some(contact) => Order::Offer {
                    agent: agent.clone(),
                    contact,
                },
                None => {
                    return self.tell_router(
                        now,
                        Input::AgentAway {
                            agent: agent.clone(),
                        },
                    );
                }
            },
            Action::Overflow { to, .. } => return self.overflow(now, id, to),
            Action::Transfer { agent } => match self.contact(agent) {
                Some(contact) => Order::Transfer {
                    agent: agent.clone(),
                    contact,
                },
                None => return,
            },
            Action::SelfService { service } => {
                return self.serve_by_machine(now, id, service);
            }
            Action::Wait { ahead } => {
                let wait = self.router.expected_wait(id);
                if let Some(call) = self.calls.get_mut(&id) {
                    let ahead = *ahead;
                    call.standing = Some(Standing { ahead, wait });
                }
                Order::Wait
            }
            Action::Callback { .. } => Order::Apologise,
        };
        self.order(now, id, order);
    }

    /// Rings a place beyond the branch; one that a newer policy no longer has does not answer.
    fn overflow(&mut self, now: Duration, call: CallId, to: &str) {
        let agent = AgentId::new(to);
        let policy = &self.stages.policy;
        let place = policy.destination(to).map(|at| &policy.destinations[at]);
        match place.and_then(|place| place.contact.as_deref()) {
            Some(contact) => {
                let contact = translate::contact(contact);
                self.order(now, call, Order::Offer { agent, contact });
            }
            None => self.tell_router(
                now,
                Input::OfferFailed {
                    call,
                    agent,
                    cause: OfferFailure::Unreachable,
                },
            ),
        }
    }

    /// Plays a recording to the caller, once they have ended their sentence; without it they are routed at once.
    fn serve_by_machine(&mut self, now: Duration, id: CallId, service: &str) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let language = call.conversation.language();
        if let Some(recording) = self.stages.self_service.get(language, service) {
            if call.conversation.speaks_first(now, service) {
                return;
            }
            call.recording.play(&call.media, (recording, Repeat::Once));
            call.conversation.serving();
        } else {
            tracing::error!(service, "there is no such recording; the caller is routed");
            let input = call.conversation.routed_again();
            self.tell_router(now, input);
        }
    }

    /// Where an agent's phone is.
    fn contact(&self, name: &AgentId) -> Option<AgentContact> {
        let policy = &self.stages.policy;
        let agent = &policy.agents[policy.agent_index(name)?];
        agent.contact.as_deref().map(translate::contact)
    }

    // --- record ---

    /// Has it noted what a call has come to, in case the box stops in its middle.
    fn note(&mut self, now: Duration, id: CallId, urgency: Urgency) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let voice = translate::voice(&call.media.stats(), &call.unheard);
        let ended_by = call
            .ending
            .as_ref()
            .map_or(EndedBy::Fault, |ending| ending.by);
        let (by, faulty) = (translate::ended_by(ended_by), ended_by == EndedBy::Fault);
        let names = &self.stages.names;
        let so_far = call.conversation.so_far(now, by, faulty, voice, names);
        if let Some(so_far) = so_far {
            self.stages.recorder.so_far(so_far, urgency);
        }
    }

    fn notify(&self, at: Duration, call: CallId, event: Event) {
        // Nobody needs to watch.
        let _ = self.stages.notices.send(Notice { call, at, event });
    }
}
