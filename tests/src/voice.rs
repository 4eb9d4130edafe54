//! A voice: one RTP end that speaks a recording at the pace of a call and keeps what it hears.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::audio::data_of;
use crate::process::DEADLINE;

const FRAME: usize = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
const HEADER: usize = 12;
const ALAW: u8 = 8;
const ULAW: u8 = 0;
const ALAW_SILENCE: u8 = 0xD5;

/// The payload type of telephone events in the scenarios' descriptions.
const EVENTS: u8 = 101;

/// No key is pressed.
const NO_KEY: u8 = u8::MAX;

/// Packets that tell of one key: 100 ms.
const KEY_PACKETS: u16 = 5;

/// One end of a conversation. It begins to speak when it is first spoken to, as a phone that
/// learns its peer's address from the first packet would.
pub struct Voice {
    port: u16,
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<u8>>>,
    key: Arc<AtomicU8>,
    law: Arc<AtomicU8>,
    spoken: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Voice {
    /// Will say the recording (G.711 A-law WAV), after `pause` from when it is first spoken to.
    ///
    /// # Panics
    /// When the recording cannot be read.
    pub fn saying(recording: &Path, pause: Duration) -> Self {
        Self::speaking(codes_of(recording), pause)
    }

    /// Will say two recordings, the second so long after the end of the first.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn saying_two(first: &Path, between: Duration, second: &Path, pause: Duration) -> Self {
        let mut codes = codes_of(first);
        let frames = between.as_millis() / FRAME_TIME.as_millis();
        codes.resize(codes.len() + frames as usize * FRAME, ALAW_SILENCE);
        codes.extend(codes_of(second));
        Self::speaking(codes, pause)
    }

    /// The same on a line that gives back what it is played: so much later, and softened to that share.
    ///
    /// # Panics
    /// When the recording cannot be read.
    pub fn echoing(recording: Option<(&Path, Duration)>, delay: Duration, share: f32) -> Self {
        let (codes, pause) =
            recording.map_or_else(Default::default, |(path, pause)| (codes_of(path), pause));
        let delay = (delay.as_millis() / FRAME_TIME.as_millis()) as usize;
        Self::on_a_line(codes, pause, Some(Echo { delay, share }))
    }

    /// Says nothing, but is there.
    pub fn silent() -> Self {
        Self::speaking(Vec::new(), Duration::ZERO)
    }

    fn speaking(codes: Vec<u8>, pause: Duration) -> Self {
        Self::on_a_line(codes, pause, None)
    }

    fn on_a_line(codes: Vec<u8>, pause: Duration, echo: Option<Echo>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("a bound socket").port();
        let stop = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let key = Arc::new(AtomicU8::new(NO_KEY));
        let law = Arc::new(AtomicU8::new(ALAW));
        let (said, spoken) = channel();
        let end = End {
            socket,
            codes,
            pause,
            stop: Arc::clone(&stop),
            heard: Arc::clone(&heard),
            key: Arc::clone(&key),
            law: Arc::clone(&law),
            echo,
        };
        let thread = std::thread::spawn(move || end.talk(&said));
        Self {
            port,
            stop,
            heard,
            key,
            law,
            spoken,
            thread: Some(thread),
        }
    }

    /// The same, but speaks and hears µ-law only.
    #[must_use]
    pub fn in_ulaw(self) -> Self {
        self.law.store(ULAW, Ordering::Relaxed);
        self
    }

    /// The port that SDP must name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until everything has been said.
    ///
    /// # Panics
    /// When the deadline passes first.
    pub fn wait_until_said(&self) {
        self.spoken
            .recv_timeout(DEADLINE)
            .expect("the voice is spoken to, and says all");
    }

    /// Presses the key of a digit (RFC 4733), once it is spoken to.
    pub fn press(&self, digit: u8) {
        self.key.store(digit, Ordering::Relaxed);
    }

    /// What it has heard, as samples.
    ///
    /// # Panics
    /// When its thread has failed.
    pub fn heard(&self) -> Vec<i16> {
        let codes = self.heard.lock().expect("no thread fails with the lock");
        codes.iter().map(|code| decode_alaw(*code)).collect()
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say about its end.
            let _ = thread.join();
        }
    }
}

struct End {
    socket: UdpSocket,
    codes: Vec<u8>,
    pause: Duration,
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<u8>>>,
    key: Arc<AtomicU8>,
    law: Arc<AtomicU8>,
    echo: Option<Echo>,
}

/// A line that gives back what it is played: so many frames later, and softer.
struct Echo {
    delay: usize,
    share: f32,
}

impl End {
    fn talk(self, said: &Sender<()>) {
        let mut peer: Option<SocketAddr> = None;
        let mut number = 0_u16;
        let mut begins = None;
        let mut due = Instant::now() + FRAME_TIME;
        let mut position = 0;
        let mut pressed = None;
        // How much had been heard when each frame was due.
        let mut heard_by = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            if let Some(from) = self.listen_until(due) {
                begins.get_or_insert_with(|| Instant::now() + self.pause);
                peer = Some(from);
            }
            if Instant::now() < due {
                continue;
            }
            due += FRAME_TIME;
            let Some(peer) = peer else { continue };
            if let Some(key) = pressed.take().or_else(|| self.pressed(number)) {
                // The call may be over on the other side.
                let _ = self.socket.send_to(&key_packet(number, key), peer);
                pressed = Some(key).filter(|&(_, since)| number.wrapping_sub(since) < KEY_PACKETS);
                number = number.wrapping_add(1);
                continue;
            }
            heard_by.push(
                self.heard
                    .lock()
                    .expect("no thread fails with the lock")
                    .len(),
            );
            let speaks = begins.is_some_and(|begins| Instant::now() >= begins);
            let mut frame = if speaks {
                self.frame(position)
            } else {
                [ALAW_SILENCE; FRAME]
            };
            self.add_echo(&heard_by, &mut frame);
            // The call may be over on the other side.
            let _ = self.socket.send_to(&self.packet(number, &frame), peer);
            number = number.wrapping_add(1);
            if speaks {
                position += FRAME;
                if position >= self.codes.len() && position - FRAME < self.codes.len().max(1) {
                    let _ = said.send(());
                }
            }
        }
    }

    /// The key that is pressed from now on, if one is, and with which packet it begins.
    fn pressed(&self, number: u16) -> Option<(u8, u16)> {
        let key = self.key.swap(NO_KEY, Ordering::Relaxed);
        (key != NO_KEY).then_some((key, number))
    }

    fn add_echo(&self, heard_by: &[usize], frame: &mut [u8; FRAME]) {
        let Some(echo) = &self.echo else { return };
        let then = heard_by.len().checked_sub(echo.delay + 1);
        let Some(heard_by_then) = then.map(|then| heard_by[then]) else {
            return;
        };
        let heard = self.heard.lock().expect("no thread fails with the lock");
        let Some(from) = heard_by_then.checked_sub(FRAME) else {
            return;
        };
        // Once nothing more is played, nothing more comes back.
        if heard_by.len() > echo.delay + 1
            && heard_by[heard_by.len() - echo.delay - 2] == heard_by_then
        {
            return;
        }
        for (code, played) in frame.iter_mut().zip(&heard[from..heard_by_then]) {
            let both = f32::from(decode_alaw(*code)) + echo.share * f32::from(decode_alaw(*played));
            *code = encode_alaw(both as i16);
        }
    }

    /// What it says in its law.
    fn packet(&self, number: u16, frame: &[u8; FRAME]) -> Vec<u8> {
        match self.law.load(Ordering::Relaxed) {
            ULAW => packet_of(
                ULAW,
                number,
                &frame.map(|code| encode_ulaw(decode_alaw(code))),
            ),
            law => packet_of(law, number, frame),
        }
    }

    fn frame(&self, position: usize) -> [u8; FRAME] {
        let mut frame = [ALAW_SILENCE; FRAME];
        let rest = self.codes.get(position..).unwrap_or_default();
        let length = rest.len().min(FRAME);
        frame[..length].copy_from_slice(&rest[..length]);
        frame
    }

    /// Hears packets until the time comes to speak; returns who spoke last.
    fn listen_until(&self, due: Instant) -> Option<SocketAddr> {
        let mut buffer = [0; 2_048];
        let mut speaker = None;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return speaker;
            }
            self.socket
                .set_read_timeout(Some(left))
                .expect("a time above zero");
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    speaker = Some(from);
                    let law = self.law.load(Ordering::Relaxed);
                    if length > HEADER && buffer[1] & 0x7F == law {
                        let mut heard = self.heard.lock().expect("no thread fails with the lock");
                        let codes = buffer[HEADER..length].iter();
                        heard.extend(codes.map(|&code| match law {
                            ULAW => encode_alaw(decode_ulaw(code)),
                            _ => code,
                        }));
                    }
                }
                Err(error) if is_timeout(error.kind()) => return speaker,
                // An earlier packet was refused: the other side is not there yet, or no more.
                Err(_) => {}
            }
        }
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn packet_of(law: u8, number: u16, frame: &[u8; FRAME]) -> Vec<u8> {
    let mut packet = vec![0x80, law];
    packet.extend_from_slice(&number.to_be_bytes());
    packet.extend_from_slice(&(u32::from(number) * FRAME as u32).to_be_bytes());
    packet.extend_from_slice(&0x5EED_u32.to_be_bytes());
    packet.extend_from_slice(frame);
    packet
}

/// A packet of a key that has been down since that packet.
fn key_packet(number: u16, (key, since): (u8, u16)) -> Vec<u8> {
    let packets = number.wrapping_sub(since);
    let mut packet = vec![0x80, EVENTS | if packets == 0 { 0x80 } else { 0 }];
    packet.extend_from_slice(&number.to_be_bytes());
    packet.extend_from_slice(&(u32::from(since) * FRAME as u32).to_be_bytes());
    packet.extend_from_slice(&0x5EED_u32.to_be_bytes());
    let ends = if packets >= KEY_PACKETS { 0x80 } else { 0 };
    packet.extend_from_slice(&[key, ends | 0x0a]);
    packet.extend_from_slice(&((packets + 1) * FRAME as u16).to_be_bytes());
    packet
}

/// The samples of a recording (G.711 A-law WAV).
///
/// # Panics
/// When the file cannot be read.
pub fn samples_of(recording: &Path) -> Vec<i16> {
    let file = std::fs::read(recording).expect("a recording");
    data_of(&file)
        .iter()
        .map(|code| decode_alaw(*code))
        .collect()
}

/// The codes of a recording (G.711 A-law WAV).
///
/// # Panics
/// When it cannot be read.
pub fn codes_of(recording: &Path) -> Vec<u8> {
    let file =
        std::fs::read(recording).unwrap_or_else(|error| panic!("{}: {error}", recording.display()));
    data_of(&file).to_vec()
}

/// The code whose sample is nearest.
fn encode_alaw(sample: i16) -> u8 {
    let distance = |code: &u8| (i32::from(decode_alaw(*code)) - i32::from(sample)).abs();
    (0..=u8::MAX).min_by_key(distance).expect("there are 256")
}

/// ITU-T G.711, A-law. Of its own, so that an error of the box's decoder is not repeated here.
fn decode_alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = (i16::from(code >> 4 & 7), i16::from(code & 15));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// ITU-T G.711, µ-law.
fn decode_ulaw(code: u8) -> i16 {
    let code = !code;
    let (exponent, mantissa) = (code >> 4 & 7, i16::from(code & 15));
    let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// The code whose sample is nearest.
fn encode_ulaw(sample: i16) -> u8 {
    let distance = |code: &u8| (i32::from(decode_ulaw(*code)) - i32::from(sample)).abs();
    (0..=u8::MAX).min_by_key(distance).expect("there are 256")
}

/// Writes samples as a recording (G.711 A-law WAV).
///
/// # Panics
/// When the file cannot be written.
pub fn write_recording(path: &Path, samples: &[i16]) {
    let codes: Vec<u8> = samples.iter().map(|sample| encode_alaw(*sample)).collect();
    let mut file = Vec::with_capacity(codes.len() + 44);
    let length = codes.len() as u32;
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + length).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x06\0\x01\0");
    file.extend_from_slice(&8_000_u32.to_le_bytes());
    file.extend_from_slice(&8_000_u32.to_le_bytes());
    file.extend_from_slice(b"\x01\0\x08\0data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&codes);
    std::fs::write(path, file).expect("the recording is written");
}
