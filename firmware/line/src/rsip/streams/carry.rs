//! What happens on one connection: bytes in by way of framing and gate, messages of the stack out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tracing::debug;

use super::super::now;
use super::super::socket::{Counters, judge};
use super::Flow;
use crate::gate::Verdict;
use crate::stream::{Due, Framed, Framing, Timeouts};

/// What is read at once.
const CHUNK: usize = 8 * 1024;

/// How long the far end may take to read what is sent to it.
const SENDING: Duration = Duration::from_secs(10);

/// After how many messages in a row that are not SIP the far end is not listened to any more.
const NONSENSE: u32 = 3;

const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";

/// A connection with the pipe to the stack.
pub struct Carried<S> {
    stream: S,
    pipe: UnixStream,
    far_end: SocketAddr,
    framing: Framing,
    timeouts: Timeouts,
    nonsense: u32,
    counters: Arc<Counters>,
}

/// Why a connection ended, for the log.
type Reason = &'static str;

impl<S: AsyncRead + AsyncWrite + Unpin> Carried<S> {
    pub fn new(
        stream: S,
        pipe: UnixStream,
        (_, far_end): Flow,
        accepted: bool,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            stream,
            pipe,
            far_end,
            framing: Framing::default(),
            timeouts: Timeouts::new(now(), accepted),
            nonsense: 0,
            counters,
        }
    }

    /// Until either end closes, or the far end is not worth waiting for.
    pub async fn carry(&mut self) -> Reason {
        let Err(reason) = self.work().await;
        reason
    }

    /// Tells the far end that it is over.
    pub async fn close(mut self) {
        // It may be gone, or not read any more.
        let _ = timeout(SENDING, self.stream.shutdown()).await;
    }

    async fn work(&mut self) -> Result<std::convert::Infallible, Reason> {
        let (mut inward, mut outward) = (vec![0; CHUNK], vec![0; CHUNK]);
        loop {
            let deadline = self.timeouts.deadline();
            tokio::select! {
                read = self.stream.read(&mut inward) => match read {
                    Ok(bytes @ 1..) => self.take(&inward[..bytes]).await?,
                    Ok(0) => return Err("closed by the far end"),
                    Err(_) => return Err("broken"),
                },
                read = self.pipe.read(&mut outward) => match read {
                    Ok(bytes @ 1..) => self.send(&outward[..bytes]).await?,
                    Ok(0) | Err(_) => return Err("closed by the stack"),
                },
                () = tokio::time::sleep_until(deadline.into()) => {
                    match self.timeouts.due(now()) {
                        Some(Due::Ping) => self.send(PING).await?,
                        Some(Due::Close) => return Err("silent"),
                        None => {}
                    }
                }
            }
        }
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.framing.push(bytes);
        let mut whole = false;
        while let Some(framed) = self.framing.take().map_err(|_| "it is not sip")? {
            match framed {
                Framed::Ping => self.send(PONG).await?,
                Framed::Message(message) => {
                    whole = true;
                    self.admit(message).await?;
                }
            }
        }
        self.timeouts.heard(now(), self.framing.has_begun(), whole);
        Ok(())
    }

    async fn admit(&mut self, message: Vec<u8>) -> Result<(), Reason> {
        let verdict = judge(&message, self.far_end);
        self.nonsense = match verdict {
            Verdict::Drop => self.nonsense + 1,
            _ => 0,
        };
        match verdict {
            Verdict::Pass => self.pass(&message).await,
            Verdict::PassAs(message) => self.pass(&message).await,
            Verdict::Answer { status, bytes } => {
                self.counters.refuse();
                debug!(status, "sip request refused");
                self.send(&bytes).await
            }
            Verdict::Drop => {
                self.counters.drop_one();
                debug!(bytes = message.len(), "what came is no sip message");
                let goes_on = self.nonsense < NONSENSE;
                goes_on.then_some(()).ok_or("it is not sip")
            }
        }
    }

    async fn pass(&mut self, message: &[u8]) -> Result<(), Reason> {
        self.counters.pass();
        match timeout(SENDING, self.pipe.write_all(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err("closed by the stack"),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(SENDING, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("broken"),
            Err(_) => Err("it does not read"),
        }
    }
}
