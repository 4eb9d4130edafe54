//! What is measured: the box, Asterisk, or rtpengine.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::daemon::{Agent, BoxSettings, Home, RunningBox};
use e2e::ports::free_port;
use e2e::process::{DEADLINE, Process};
use e2e::small_disk::SmallDisk;

use crate::Wanted;
use crate::phones::{Control, call_id, header};

/// Voice ports, below those that the system gives away.
const FIRST_PORT: usize = 12_000;

/// Where a server's own files are, below its folder.
const FOLDER: &str = "etc/trunkside-measure";

/// A server that runs.
pub struct Server {
    running: Running,
    sip: SocketAddr,
    control: Option<SocketAddr>,
}

enum Running {
    Trunkside {
        running: Box<RunningBox>,
        // Unmounted once the box is gone.
        _disk: Option<SmallDisk>,
        _home: Home,
    },
    Other(Process),
}

/// Seconds of processor time.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// By threads that recognise, and bring them frames.
    pub recognition: f64,
    /// By all others.
    pub others: f64,
}

impl Spent {
    /// Together.
    pub fn all(self) -> f64 {
        self.recognition + self.others
    }

    /// What has been spent since then.
    pub fn since(self, then: &Self) -> Self {
        Self {
            recognition: self.recognition - then.recognition,
            others: self.others - then.others,
        }
    }
}

impl Server {
    /// Starts it with room for so many calls, and waits until it takes them.
    pub fn start(wanted: &Wanted, calls: usize, agents: SocketAddr) -> Self {
        match wanted.server.split_once('=') {
            None if wanted.server == "trunkside" => trunkside(wanted, calls, agents),
            Some(("asterisk", root)) => asterisk(Path::new(root), agents),
            Some(("rtpengine", root)) => rtpengine(Path::new(root)),
            _ => panic!("`{}` is no server that is known", wanted.server),
        }
    }

    /// Where it takes calls.
    pub const fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// How its voice is ordered, where it knows no calls.
    pub fn media_only(&self) -> Option<Control> {
        self.control.map(Control::new)
    }

    /// Its resident memory.
    pub fn memory_kb(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let text = text.expect("a running process");
        let line = text.lines().find(|line| line.starts_with("VmRSS:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .expect("a figure")
    }

    /// What it has spent, at the usual hundred ticks a second.
    pub fn processor(&self) -> Spent {
        let mut spent = Spent {
            recognition: 0.0,
            others: 0.0,
        };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        for task in tasks.expect("a running process").flatten() {
            // A thread may be gone by now.
            let Ok(text) = std::fs::read_to_string(task.path().join("stat")) else {
                continue;
            };
            let (name, fields) = text.rsplit_once(") ").expect("a name in brackets");
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let ticks = |field: usize| fields[field].parse::<f64>().expect("a figure");
            let seconds = (ticks(11) + ticks(12)) / 100.0;
            if name.contains("(hearing") {
                spent.recognition += seconds;
            } else {
                spent.others += seconds;
            }
        }
        spent
    }

    fn id(&self) -> u32 {
        match &self.running {
            Running::Trunkside { running, .. } => running.process.id(),
            Running::Other(process) => process.id(),
        }
    }
}

fn trunkside(wanted: &Wanted, calls: usize, agents: SocketAddr) -> Server {
    let agents = (0..calls).map(|number| Agent {
        name: Box::leak(format!("a{number}").into_boxed_str()),
        contact: format!("sip:a{number}@{agents}"),
        senior: false,
    });
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let mut settings = BoxSettings::new(nowhere, agents.collect());
    settings.listen_timeout_s = 2;
    settings.ring_timeout_s = 30;
    // Four ports a call, and those of calls that are ending.
    let last = FIRST_PORT + 4 * calls + 2_000;
    settings.more =
        format!("[line]\nrtp_ports = \"{FIRST_PORT}-{last}\"\n[cloud]\nenabled = false\n");
    let home = Home::new(&settings);
    let disk = wanted
        .full_disk
        .then(|| SmallDisk::mount(&home.data()).expect("a small disk can be mounted by root only"));
    let running = home.start();
    if let Some(disk) = &disk {
        disk.fill();
    }
    Server {
        sip: running.sip,
        control: None,
        running: Running::Trunkside {
            running: Box::new(running),
            _disk: disk,
            _home: home,
        },
    }
}

fn asterisk(root: &Path, agents: SocketAddr) -> Server {
    let sip = SocketAddr::new(agents.ip(), free_port());
    // It looks itself up for every call, and would wait for a name server.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("this machine's name");
    let hosts = format!("127.0.0.1 localhost {name}");
    std::fs::write(root.join("etc/hosts"), hosts).expect("the server's files can be written");
    let ours = root.join(FOLDER);
    let theirs = root.join("etc/asterisk");
    let read = |name: &str| std::fs::read_to_string(theirs.join(name)).expect("asterisk's files");
    let main = read("asterisk.conf")
        .replace("[directories](!)", "[directories]")
        .replace("=> /etc/asterisk\n", &format!("=> /{FOLDER}\n"));
    write(&ours, "asterisk.conf", &main);
    write(&ours, "modules.conf", &read("modules.conf"));
    write(
        &ours,
        "rtp.conf",
        "[general]\nrtpstart=12000\nrtpend=19999\n",
    );
    write(
        &ours,
        "extensions.conf",
        "[in]\nexten => _X.,1,Dial(PJSIP/agent,60)\n",
    );
    let pjsip = format!(
        "[global]\ntype=global\nendpoint_identifier_order=ip,anonymous\n\
         taskprocessor_overload_trigger=none\n\
         [udp]\ntype=transport\nprotocol=udp\nbind={sip}\n\
         [anonymous]\ntype=endpoint\ncontext=in\ndisallow=all\nallow=alaw\ndirect_media=no\n\
         [agent]\ntype=endpoint\ncontext=in\ndisallow=all\nallow=alaw\ndirect_media=no\naors=agent\n\
         [agent]\ntype=aor\ncontact=sip:agent@{agents}\n"
    );
    write(&ours, "pjsip.conf", &pjsip);
    let main = format!("/{FOLDER}/asterisk.conf");
    let process = within(root, &["/usr/sbin/asterisk", "-f", "-C", &main]);
    wait_until_answered(sip);
    Server {
        running: Running::Other(process),
        sip,
        control: None,
    }
}

fn rtpengine(root: &Path) -> Server {
    let control = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = format!("--listen-ng={control}");
    let process = within(
        root,
        &[
            "/usr/bin/rtpengine",
            "--config-file=none",
            "--interface=127.0.0.1",
            &listen,
            "--table=-1",
            "--port-min=12000",
            "--port-max=19999",
            "--foreground",
            "--log-stderr",
            "--log-level=3",
        ],
    );
    Control::new(control).wait();
    Server {
        running: Running::Other(process),
        sip: control,
        control: Some(control),
    }
}

fn within(root: &Path, words: &[&str]) -> Process {
    Process::start(Command::new("chroot").arg(root).args(words))
}

fn write(folder: &PathBuf, name: &str, text: &str) {
    std::fs::create_dir_all(folder).expect("a folder of the server's");
    std::fs::write(folder.join(name), text).expect("the server's files can be written");
}

/// Asks whether it is there until it says so.
fn wait_until_answered(sip: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let own = socket.local_addr().expect("bound");
    let again = Duration::from_millis(500);
    socket.set_read_timeout(Some(again)).expect("above zero");
    let deadline = Instant::now() + DEADLINE;
    for number in 0.. {
        assert!(Instant::now() < deadline, "{sip} does not answer");
        let id = call_id("o", number);
        let options = format!(
            "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{id};rport\r\n\
             From: <sip:o@{own}>;tag=1\r\nTo: <sip:{sip}>\r\nCall-ID: {id}\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let mut bytes = [0; 4_096];
        // Nobody may listen yet.
        let _ = socket.send_to(options.as_bytes(), sip);
        if let Ok((length, _)) = socket.recv_from(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]);
            if header(&text, "Call-ID").is_some() {
                return;
            }
        } else {
            std::thread::sleep(again);
        }
    }
}
