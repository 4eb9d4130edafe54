//! What a box may say in MQTT 3.1.1: connect under its own name, publish on its own lanes,
//! subscribe to its own watermarks and commands. Pure.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4::Packet;
use rumqttc::mqttbytes::{Error, check};
use trunkside_record::{MAX_PAYLOAD_BYTES, Origin, Topic};

/// Room beside a payload for topic and headers.
const MOST_BYTES: usize = MAX_PAYLOAD_BYTES + 1_024;

/// Why a box's connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trespass {
    #[error("it does not speak MQTT 3.1.1")]
    Protocol,
    #[error("it connects under another name than `{0}`")]
    Name(String),
    #[error("it leaves a will")]
    Will,
    #[error("it publishes on another topic than its own")]
    Publish,
    #[error("it subscribes to another topic than its own")]
    Subscribe,
}

/// Looks through what one box sends.
pub(super) struct Inspector {
    origin: Origin,
    connected: bool,
    bytes: BytesMut,
}

impl Inspector {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            connected: false,
            bytes: BytesMut::new(),
        }
    }

    /// Takes what came; returns the whole packets in it, which may go on.
    pub(super) fn take(&mut self, came: &[u8]) -> Result<Bytes, Trespass> {
        self.bytes.extend_from_slice(came);
        let mut passed = BytesMut::new();
        loop {
            match check(self.bytes.iter(), MOST_BYTES) {
                Ok(header) => {
                    let frame = self.bytes.split_to(header.frame_length());
                    let packet = Packet::read(&mut frame.clone(), MOST_BYTES);
                    self.check(&packet.map_err(|_| Trespass::Protocol)?)?;
                    passed.unsplit(frame);
                }
                Err(Error::InsufficientBytes(_)) => return Ok(passed.freeze()),
                Err(_) => return Err(Trespass::Protocol),
            }
        }
    }

    fn check(&mut self, packet: &Packet) -> Result<(), Trespass> {
        match packet {
            Packet::Connect(connect) if !self.connected => {
                let name = self.origin.client_name();
                if connect.client_id != name && connect.client_id != old_client_name(&self.origin) {
                    return Err(Trespass::Name(name));
                }
                if connect.last_will.is_some() {
                    return Err(Trespass::Will);
                }
                self.connected = true;
                Ok(())
            }
            Packet::Connect(_) => Err(Trespass::Protocol),
            _ if !self.connected => Err(Trespass::Protocol),
            Packet::Publish(publish) => match publish.topic.parse() {
                Ok(Topic::Up(origin, _)) if origin == self.origin => Ok(()),
                _ => Err(Trespass::Publish),
            },
            Packet::Subscribe(subscribe) => {
                let is_own = |filter: &str| match filter.parse() {
                    Ok(Topic::Ack(origin) | Topic::Command(origin)) => origin == self.origin,
                    _ => false,
                };
                if subscribe.filters.iter().all(|filter| is_own(&filter.path)) {
                    Ok(())
                } else {
                    Err(Trespass::Subscribe)
                }
            }
            _ => Ok(()),
        }
    }
}

/// The client name under which boxes connect that are older than [`Origin::client_name`]; two whose
/// names have hyphens in other places may share it.
fn old_client_name(origin: &Origin) -> String {
    let Origin {
        tenant,
        branch,
        device,
    } = origin;
    format!("trunkside-{tenant}-{branch}-{device}")
}

#[cfg(test)]
mod tests {
    use rumqttc::QoS;
    use rumqttc::mqttbytes::v4::{Connect, LastWill, Publish, Subscribe};

    use super::*;

    const NAME: &str = "trunkside-4-7-acme-harbour-box1";

    fn origin() -> Origin {
        Origin::new("acme", "harbour", "box1").unwrap()
    }

    fn bytes(write: impl Fn(&mut BytesMut)) -> BytesMut {
        let mut bytes = BytesMut::new();
        write(&mut bytes);
        bytes
    }

    fn connect(name: &str) -> BytesMut {
        bytes(|out| {
            Connect::new(name).write(out).unwrap();
        })
    }

    fn publish(topic: &str) -> BytesMut {
        bytes(|out| {
            Publish {
                pkid: 1,
                ..Publish::new(topic, QoS::AtLeastOnce, "x")
            }
            .write(out)
            .unwrap();
        })
    }

    fn subscribe(topic: &str) -> BytesMut {
        bytes(|out| {
            Subscribe {
                pkid: 1,
                ..Subscribe::new(topic, QoS::AtLeastOnce)
            }
            .write(out)
            .unwrap();
        })
    }

    fn connected() -> Inspector {
        let mut inspector = Inspector::new(origin());
        inspector.take(&connect(NAME)).unwrap();
        inspector
    }

    #[test]
    fn its_own_topics_pass_in_whatever_pieces_they_come() {
        let mut all = connect(NAME);
        all.extend(subscribe("trunkside/v1/acme/harbour/box1/ack"));
        all.extend(subscribe("trunkside/v1/acme/harbour/box1/command"));
        all.extend(publish("trunkside/v1/acme/harbour/box1/metric"));
        for size in [1, 3, 1_000] {
            let mut inspector = Inspector::new(origin());
            let passed: Vec<u8> = all
                .chunks(size)
                .flat_map(|piece| inspector.take(piece).unwrap())
                .collect();
            assert_eq!(passed, all);
        }
    }

    #[test]
    fn an_older_box_connects_under_its_own_old_name() {
        let mut inspector = Inspector::new(origin());
        let old = connect("trunkside-acme-harbour-box1");
        assert_eq!(inspector.take(&old).unwrap(), old);
        let mut stranger = Inspector::new(origin());
        let others = connect("trunkside-acme-harbour-box2");
        assert!(stranger.take(&others).is_err());
    }

    #[test]
    fn everybody_elses_do_not() {
        let mut stranger = Inspector::new(origin());
        let name = Trespass::Name(NAME.into());
        let others = "trunkside-4-7-acme-harbour-box2";
        assert_eq!(stranger.take(&connect(others)), Err(name));
        let mut silent = Inspector::new(origin());
        let own = "trunkside/v1/acme/harbour/box1/metric";
        assert_eq!(silent.take(&publish(own)), Err(Trespass::Protocol));
        for topic in [
            "trunkside/v1/acme/harbour/box2/metric",
            "trunkside/v1/acme/harbour/box1/ack",
            "x",
        ] {
            assert_eq!(
                connected().take(&publish(topic)),
                Err(Trespass::Publish),
                "{topic}"
            );
        }
        for filter in [
            "#",
            "trunkside/v1/+/+/+/ack",
            "trunkside/v1/acme/harbour/box2/ack",
            own,
        ] {
            assert_eq!(
                connected().take(&subscribe(filter)),
                Err(Trespass::Subscribe),
                "{filter}"
            );
        }
        let twice = connect(NAME);
        assert_eq!(connected().take(&twice), Err(Trespass::Protocol));
        assert_eq!(connected().take(&[0xff; 8]), Err(Trespass::Protocol));
        let will = bytes(|out| {
            let mut connect = Connect::new(NAME);
            connect.last_will = Some(LastWill::new("x", "y", QoS::AtMostOnce, false));
            connect.write(out).unwrap();
        });
        assert_eq!(Inspector::new(origin()).take(&will), Err(Trespass::Will));
    }
}
