//! A server of the DNS, on a port of its own, over UDP and TCP.

use std::collections::BTreeMap;
use std::sync::Mutex;

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::{Cname, Srv};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// What a name is answered with.
#[derive(Clone, Debug)]
pub enum Says {
    /// SRV records: priority, weight, port, target; for so many seconds.
    Services(u32, Vec<(u16, u16, u16, &'static str)>),
    /// The same over TCP only; over UDP it does not fit.
    Longer(Vec<(u16, u16, u16, &'static str)>),
    /// The first of these to the first question, and so on; the last to all that follow.
    InTurn(Vec<Says>),
    /// Another name stands for it.
    Alias(&'static str, Vec<(u16, u16, u16, &'static str)>),
    /// No such name.
    Unknown,
    /// The server is broken.
    Broken,
    /// An answer to another question.
    Another,
    /// Bytes that are no message, and half a message.
    Garbage,
    /// Nothing.
    Silence,
}

type Book = Arc<Mutex<BTreeMap<String, Says>>>;

pub struct Dns {
    pub address: SocketAddr,
    book: Book,
    asked: mpsc::UnboundedReceiver<String>,
    _tasks: JoinSet<()>,
}

impl Dns {
    pub async fn new(names: &[(&str, Says)]) -> Self {
        let (listener, socket, address) = loop {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
            let address = listener.local_addr().expect("bound");
            // Somebody else may have that port's datagrams.
            if let Ok(socket) = UdpSocket::bind(address).await {
                break (listener, socket, address);
            }
        };
        let names = names.iter().cloned();
        let names = names.map(|(name, says)| (name.to_owned(), says));
        let book = Arc::new(Mutex::new(names.collect()));
        let (questions, asked) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(over_udp(socket, Arc::clone(&book), questions));
        tasks.spawn(over_tcp(listener, Arc::clone(&book)));
        Self {
            address,
            book,
            asked,
            _tasks: tasks,
        }
    }

    pub fn say(&self, name: &str, says: Says) {
        self.book
            .lock()
            .expect("whole")
            .insert(name.to_owned(), says);
    }

    /// The next name that is asked for over UDP.
    pub async fn asked(&mut self) -> String {
        let asked = timeout(LIMIT, self.asked.recv()).await;
        asked.expect("a question in time").expect("running")
    }

    pub fn was_asked(&mut self) -> bool {
        self.asked.try_recv().is_ok()
    }
}

async fn over_udp(socket: UdpSocket, book: Book, questions: mpsc::UnboundedSender<String>) {
    let mut bytes = [0; 2_048];
    while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
        for answer in answers(&bytes[..length], &book, false, Some(&questions)) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

async fn over_tcp(listener: TcpListener, book: Book) {
    while let Ok((mut stream, _)) = listener.accept().await {
        while let Ok(length) = stream.read_u16().await {
            let mut bytes = vec![0; length.into()];
            if stream.read_exact(&mut bytes).await.is_err() {
                break;
            }
            for answer in answers(&bytes, &book, true, None) {
                let length = u16::try_from(answer.len()).expect("it fits");
                let _ = stream.write_u16(length).await;
                let _ = stream.write_all(&answer).await;
            }
        }
    }
}

fn answers(
    bytes: &[u8],
    book: &Book,
    is_tcp: bool,
    questions: Option<&mpsc::UnboundedSender<String>>,
) -> Vec<Vec<u8>> {
    let query = Message::from_octets(bytes.to_vec()).expect("a message");
    let question = query.sole_question().expect("one question");
    assert_eq!(question.qtype(), Rtype::SRV);
    let name = question.qname().to_string();
    if let Some(questions) = questions {
        // The test may be over.
        let _ = questions.send(name.clone());
    }
    let says = {
        let mut book = book.lock().expect("whole");
        match book.get_mut(&name) {
            Some(Says::InTurn(turns)) if turns.len() > 1 => turns.remove(0),
            Some(Says::InTurn(turns)) => turns[0].clone(),
            Some(says) => says.clone(),
            None => Says::Unknown,
        }
    };
    let with = |rcode| {
        MessageBuilder::new_vec()
            .start_answer(&query, rcode)
            .expect("it fits")
    };
    let owner: Name<Vec<u8>> = name.parse().expect("a name");
    let add = |answer: &mut domain::base::message_builder::AnswerBuilder<Vec<u8>>,
               owner: &Name<Vec<u8>>,
               seconds: u32,
               services: &[(u16, u16, u16, &str)]| {
        for &(priority, weight, port, target) in services {
            let target: Name<Vec<u8>> = target.parse().expect("a name");
            let srv = Srv::new(priority, weight, port, target);
            let ttl = Ttl::from_secs(seconds);
            answer.push((owner, Class::IN, ttl, srv)).expect("it fits");
        }
    };
    let mut answer = with(Rcode::NOERROR);
    match says {
        Says::Services(seconds, services) => add(&mut answer, &owner, seconds, &services),
        Says::Longer(services) if is_tcp => add(&mut answer, &owner, 60, &services),
        Says::Longer(_) => answer.header_mut().set_tc(true),
        Says::Alias(other, services) => {
            let other: Name<Vec<u8>> = other.parse().expect("a name");
            let alias = Cname::new(other.clone());
            answer
                .push((&owner, Class::IN, Ttl::from_secs(60), alias))
                .expect("it fits");
            add(&mut answer, &other, 60, &services);
        }
        Says::Unknown => answer = with(Rcode::NXDOMAIN),
        Says::Broken => answer = with(Rcode::SERVFAIL),
        Says::Another => {
            let mut other = answer.into_message().into_octets();
            other[0] ^= 0xff;
            return vec![other];
        }
        Says::Garbage => {
            let half = answer.into_message().into_octets()[..9].to_vec();
            return vec![b"nonsense".to_vec(), Vec::new(), half];
        }
        Says::Silence => return Vec::new(),
        Says::InTurn(_) => unreachable!("turns do not nest"),
    }
    vec![answer.into_message().into_octets()]
}
