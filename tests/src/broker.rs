//! A subscriber that sees everything, for asking what left the box.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};

use crate::process::DEADLINE;

/// One message as the broker delivered it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// A subscription to `#`.
pub struct Eavesdropper {
    messages: Receiver<Message>,
    seen: Vec<Message>,
    _client: Client,
}

impl Eavesdropper {
    /// Connects and returns once the subscription is granted.
    ///
    /// # Panics
    /// When the broker refuses or the deadline passes.
    pub fn connect(broker: SocketAddr) -> Self {
        let name = format!("eavesdropper-{}", std::process::id());
        let mut options = MqttOptions::new(name, broker.ip().to_string(), broker.port());
        options.set_max_packet_size(1 << 22, 1 << 22);
        let (client, mut connection) = Client::new(options, 16);
        client
            .subscribe("#", QoS::AtLeastOnce)
            .expect("the queue has room");
        let (sender, messages) = channel();
        let (granted, subscribed) = channel();
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let message = Message {
                            topic: publish.topic.clone(),
                            payload: publish.payload.to_vec(),
                        };
                        if sender.send(message).is_err() {
                            return;
                        }
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => {
                        let _ = granted.send(());
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        subscribed
            .recv_timeout(DEADLINE)
            .expect("the broker grants the subscription");
        Self {
            messages,
            seen: Vec::new(),
            _client: client,
        }
    }

    /// Waits for a message, from now on, that `pick` makes something of.
    ///
    /// # Panics
    /// When the deadline passes first.
    pub fn wait_for<T>(&mut self, what: &str, mut pick: impl FnMut(&Message) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self
                .messages
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no {what} at the broker within {DEADLINE:?}"));
            let picked = pick(&message);
            self.seen.push(message);
            if let Some(picked) = picked {
                return picked;
            }
        }
    }

    /// The first message, seen already or still to come, that `pick` makes something of.
    ///
    /// # Panics
    /// When the deadline passes first.
    pub fn find<T>(&mut self, what: &str, mut pick: impl FnMut(&Message) -> Option<T>) -> T {
        match self.seen.iter().find_map(&mut pick) {
            Some(picked) => picked,
            None => self.wait_for(what, pick),
        }
    }

    /// Everything seen so far.
    pub fn seen(&mut self) -> &[Message] {
        self.seen.extend(self.messages.try_iter());
        &self.seen
    }
}
