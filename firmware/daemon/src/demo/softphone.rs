//! The demo's people: phones that speak recorded words and listen, over real SIP and RTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use trunkside_call::{Codec, Frame, Pii, Repeat, Side};
use trunkside_line::{
    AgentContact, Direction, LegCommand, LegEvent, LegId, Local, Offer, RsipConfig, RsipUa,
    SipCommand, SipUa, answer, offer,
};
use trunkside_media::{
    FrameStream, MediaConfig, MediaEvent, MediaEvents, MediaPorts, MediaSession, Opened, Prompt,
    Remote, VoiceThreads,
};

use super::speech::Part;

/// How long an agent's phone rings before it is picked up.
const RINGING: Duration = Duration::from_millis(700);

/// Silence after which the other side counts as having finished.
const TURN_TAKING: Duration = Duration::from_millis(700);

/// The same for a caller who is put through: the phone rings between prompt and agent.
const PUT_THROUGH: Duration = Duration::from_millis(1_600);

/// How long a caller listens to the agent at most.
const TIMEOUT: Duration = Duration::from_secs(25);

/// Louder than this is somebody speaking (the mean of a frame's magnitudes).
const SPEECH: i32 = 200;

/// The law the demo's carrier speaks.
const CODEC: Codec = Codec::Pcma;

/// A phone's side of one call's voice. The phone is the session's caller side; nobody else is.
struct Handset {
    media: MediaSession,
    frames: FrameStream,
    events: MediaEvents,
}

impl Handset {
    fn lift(voice: &VoiceThreads, ports: &MediaPorts) -> anyhow::Result<Self> {
        let opened = voice.open(ports);
        let Opened {
            session,
            tap,
            events,
        } = opened.context("a softphone has no port for its voice")?;
        let frames = tap.frames(trunkside_media::now());
        Ok(Self {
            media: session,
            frames,
            events,
        })
    }

    fn local(&self) -> Local {
        Local {
            address: self.media.local_addr(Side::Caller),
            session: 1,
            version: 1,
            secret: None,
            comfort_noise: false,
        }
    }

    fn connect(&self, sdp: &[u8]) -> anyhow::Result<()> {
        let remote = Offer::parse(sdp).context("the box's session description")?;
        self.media
            .set_remote(Side::Caller, Remote::new(remote.address, CODEC));
        Ok(())
    }

    /// Says something to its end.
    async fn say(&mut self, samples: &[i16]) {
        let words = Arc::new(Prompt::from_samples(samples));
        self.media.play(Side::Caller, words, Repeat::Once);
        while let Some(event) = self.events.recv().await {
            if event == MediaEvent::PromptDone(Side::Caller) {
                return;
            }
        }
    }

    /// Listens until the other side has spoken and then been silent for the pause, or until the
    /// deadline.
    #[expect(clippy::disallowed_methods, reason = "people live by the clock")]
    async fn hear_out(&mut self, pause: Duration, deadline: Instant) {
        let mut last_spoken = None;
        while let Ok(Some(frame)) = timeout_at(deadline, self.frames.recv()).await {
            if is_speech(&frame) {
                last_spoken = Some(Instant::now());
            } else if last_spoken.is_some_and(|last: Instant| last.elapsed() > pause) {
                return;
            }
        }
    }
}

fn is_speech(frame: &Frame) -> bool {
    let total: i32 = frame.samples.iter().map(|s| i32::from(*s).abs()).sum();
    total / frame.samples.len() as i32 > SPEECH
}

fn ports() -> MediaPorts {
    MediaPorts::new(&MediaConfig {
        ports: 30_000..=39_999,
        ..MediaConfig::default()
    })
}

/// A SIP end on a free port of this machine; it stops when the guard is dropped.
#[expect(
    clippy::disallowed_methods,
    reason = "the demo's people are wired here"
)]
async fn user_agent() -> anyhow::Result<(RsipUa, DropGuard)> {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let config = RsipConfig::new(SocketAddr::new(loopback, 0), loopback);
    let stop = CancellationToken::new();
    let (ua, task) = RsipUa::bind(config).await?;
    tokio::spawn(stop.child_token().run_until_cancelled_owned(task));
    Ok((ua, stop.drop_guard()))
}

/// An agent at a phone.
pub struct Agent {
    /// The agent's name in the policy.
    pub name: &'static str,
    /// Where the phone is.
    pub sip: SocketAddr,
    _phone: DropGuard,
}

impl Agent {
    /// Sits down at a phone whose voice the threads carry: takes every call, greets with these words, and listens.
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo's people are wired here"
    )]
    pub async fn start(
        name: &'static str,
        words: Vec<i16>,
        voice: VoiceThreads,
    ) -> anyhow::Result<Self> {
        let (ua, phone) = user_agent().await?;
        let sip = ua.local_addr();
        tokio::spawn(async move {
            if let Err(error) = take_calls(ua, &words, &voice).await {
                tracing::warn!(agent = name, %error, "a softphone has failed");
            }
        });
        Ok(Self {
            name,
            sip,
            _phone: phone,
        })
    }
}

async fn take_calls(mut ua: RsipUa, words: &[i16], voice: &VoiceThreads) -> anyhow::Result<()> {
    let ports = ports();
    let mut handset: Option<Handset> = None;
    while let Some(event) = ua.next_of_leg().await {
        let leg = event.leg;
        match event.what {
            LegEvent::Incoming { sdp, .. } => {
                ua.command(SipCommand {
                    leg,
                    what: LegCommand::Progress { sdp: None },
                });
                handset = Some(pick_up((&mut ua, leg), &sdp, voice, &ports).await?);
            }
            LegEvent::Acknowledged { .. } => {
                if let Some(handset) = &mut handset {
                    handset.say(words).await;
                }
            }
            LegEvent::Ended { .. } | LegEvent::Cancelled => handset = None,
            _ => {}
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "people live by the clock")]
async fn pick_up(
    (ua, leg): (&mut RsipUa, LegId),
    sdp: &[u8],
    voice: &VoiceThreads,
    ports: &MediaPorts,
) -> anyhow::Result<Handset> {
    sleep_until(Instant::now() + RINGING).await;
    let handset = Handset::lift(voice, ports)?;
    handset.connect(sdp)?;
    let offered = Offer::parse(sdp).context("the box's session description")?;
    let sdp = answer(handset.local(), &offered, CODEC, Direction::SendRecv);
    ua.command(SipCommand {
        leg,
        what: LegCommand::Answer { sdp },
    });
    Ok(handset)
}

/// A caller, for one call.
pub struct Caller;

impl Caller {
    /// Calls the box, hears its greeting out, speaks, hears the agent out, and hangs up. Ends
    /// sooner when the box hangs up. The threads carry the phone's voice.
    #[expect(clippy::disallowed_methods, reason = "people live by the clock")]
    pub async fn call(trunk: SocketAddr, part: Part, voice: &VoiceThreads) -> anyhow::Result<()> {
        let (mut ua, _phone) = user_agent().await?;
        let mut handset = Handset::lift(voice, &ports())?;
        let leg = LegId::dialled(1);
        let dial = LegCommand::Dial {
            to: AgentContact::Uri(format!("sip:95588@{trunk}")),
            from: Pii::new("13800138000".to_owned()),
            private: false,
            sdp: offer(handset.local(), &[CODEC], Direction::SendRecv),
        };
        ua.command(SipCommand { leg, what: dial });
        let deadline = Instant::now() + TIMEOUT + part.duration();
        loop {
            let event = timeout_at(deadline, ua.next_of_leg()).await;
            match event
                .context("the box did not answer")?
                .map(|event| event.what)
            {
                Some(LegEvent::Answered { sdp }) => {
                    handset.connect(&sdp)?;
                    break;
                }
                Some(LegEvent::Failed { status }) => {
                    anyhow::bail!("the box refused the call with status {status}")
                }
                Some(_) => {}
                None => anyhow::bail!("the softphone stopped"),
            }
        }
        let conversation = async {
            handset.hear_out(TURN_TAKING, deadline).await;
            handset.say(&part.samples).await;
            handset.hear_out(PUT_THROUGH, deadline).await;
        };
        tokio::select! {
            () = conversation => {}
            () = over(&mut ua) => return Ok(()),
        }
        ua.command(SipCommand {
            leg,
            what: LegCommand::HangUp,
        });
        // The BYE's answer travels while the phone is still there.
        sleep_until(Instant::now() + TURN_TAKING).await;
        Ok(())
    }
}

/// Waits until the other side ends the call.
async fn over(ua: &mut RsipUa) {
    while let Some(event) = ua.next_of_leg().await {
        if matches!(event.what, LegEvent::Ended { .. } | LegEvent::Failed { .. }) {
            return;
        }
    }
}
