//! Questions to a name server of the test's own, and what is made of its answers, faults and silence.

use super::*;
use crate::rsip::tests::dns::{Dns, Says};

const NAME: &str = "_sip._udp.localhost";

/// What `localhost` leads to over UDP, and the server that said so.
async fn looked_up(says: Says) -> (Found, Dns) {
    let dns = Dns::new(&[(NAME, says)]).await;
    let found = look_up("localhost", &dns).run().await;
    (found, dns)
}

fn look_up(target: &str, dns: &Dns) -> LookUp {
    LookUp {
        target: target.parse().expect("a target"),
        transport: Transport::Udp,
        ipv4: true,
        servers: vec![dns.address],
    }
}

/// Address, priority and weight of what was found, and for how long.
fn listed(found: Found) -> (Vec<(String, u16, u16)>, Duration) {
    let Found::Records { records, good_for } = found else {
        panic!("{found:?}");
    };
    let mut listed: Vec<_> = records
        .iter()
        .flat_map(|record| {
            let of = |address: &SocketAddr| (address.to_string(), record.priority, record.weight);
            record.addresses.iter().map(of).collect::<Vec<_>>()
        })
        .collect();
    listed.sort();
    listed.dedup();
    (listed, good_for)
}

/// Nothing but what the system knows of the name itself.
fn only_own() -> Found {
    Found::Nothing {
        own: vec!["127.0.0.1:5060".parse().expect("valid")],
    }
}

#[test]
fn targets_are_read_with_and_without_a_port() {
    let read = |text: &str| text.parse::<TrunkTarget>();
    let target = |host: &str, port| {
        let host = host.to_owned();
        Ok(TrunkTarget { host, port })
    };
    assert_eq!(read("sip.example"), target("sip.example", None));
    assert_eq!(read("192.0.2.1:5080"), target("192.0.2.1", Some(5080)));
    assert_eq!(read("[2001:db8::1]"), target("2001:db8::1", None));
    assert_eq!(
        read("[2001:db8::1]:5061"),
        target("2001:db8::1", Some(5061))
    );
    for bad in [
        "",
        ":5060",
        "sip.example:0",
        "sip.example:99999",
        "sip.example:",
        "sip example",
        "2001:db8::1",
        "[2001:db8::1",
        "[x]",
        "[::1]5060",
        "sip:a@b",
    ] {
        assert_eq!(read(bad), Err(NotATarget), "{bad}");
    }
    let lead = |text: &str| read(text).expect("good").lead(Transport::Tls);
    assert_eq!(lead("sip.example:5061"), Lead::Name);
    let address = "[2001:db8::1]:5061".parse().expect("valid");
    assert_eq!(lead("[2001:db8::1]"), Lead::Address(address));
}

#[tokio::test(start_paused = true)]
async fn services_are_read_with_their_order_and_their_time() {
    let services = vec![
        (20, 5, 5070, "127.0.0.2"),
        (10, 0, 5060, "localhost"),
        (10, 7, 5062, "127.0.0.3"),
        (30, 0, 5060, "nowhere.invalid"),
    ];
    let (found, mut dns) = looked_up(Says::Services(120, services)).await;
    let (servers, good_for) = listed(found);
    let expected = [
        ("127.0.0.1:5060", 10, 0),
        ("127.0.0.2:5070", 20, 5),
        ("127.0.0.3:5062", 10, 7),
    ];
    assert_eq!(servers, expected.map(|(a, p, w)| (a.to_owned(), p, w)));
    assert_eq!(good_for, Duration::from_mins(2));
    assert_eq!(dns.asked().await, NAME);
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_long_for_a_datagram_is_fetched_over_a_connection() {
    let services = (1..=9).map(|n| (n, 0, 5000 + n, "127.0.0.1")).collect();
    let (found, _dns) = looked_up(Says::Longer(services)).await;
    assert_eq!(listed(found).0.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_stands_for_another_leads_where_that_leads() {
    let services = vec![(1, 0, 5070, "127.0.0.2")];
    let (found, _dns) = looked_up(Says::Alias("_sip._udp.carrier.example", services)).await;
    assert_eq!(listed(found).0, [("127.0.0.2:5070".to_owned(), 1, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_name_without_services_leads_to_itself_and_one_that_has_none_leads_nowhere() {
    for says in [Says::Unknown, Says::Services(60, Vec::new())] {
        let (found, _dns) = looked_up(says).await;
        let (servers, good_for) = listed(found);
        assert_eq!(servers, [("127.0.0.1:5060".to_owned(), 0, 0)]);
        assert_eq!(good_for, GOOD_FOR);
    }
    let (found, _dns) = looked_up(Says::Services(60, vec![(0, 0, 0, ".")])).await;
    assert_eq!(listed(found).0, []);
}

#[tokio::test(start_paused = true)]
async fn a_port_leaves_nothing_to_ask_the_dns() {
    let services = Says::Services(60, vec![(1, 0, 5070, "127.0.0.2")]);
    let mut dns = Dns::new(&[(NAME, services)]).await;
    let found = look_up("localhost:5080", &dns).run().await;
    assert_eq!(listed(found).0, [("127.0.0.1:5080".to_owned(), 0, 0)]);
    assert!(!dns.was_asked());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_lost_is_asked_again() {
    let services = Says::Services(60, vec![(1, 0, 5070, "127.0.0.2")]);
    let (found, _dns) = looked_up(Says::InTurn(vec![Says::Silence, services])).await;
    assert_eq!(listed(found).0, [("127.0.0.2:5070".to_owned(), 1, 0)]);
}

#[tokio::test(start_paused = true)]
async fn silence_faults_and_nonsense_are_no_answer() {
    for says in [Says::Silence, Says::Broken, Says::Another, Says::Garbage] {
        let (found, _dns) = looked_up(says.clone()).await;
        assert_eq!(found, only_own(), "{says:?}");
    }
    // Its servers have no address.
    let unknown = Says::Services(60, vec![(0, 0, 5060, "nowhere.invalid")]);
    let (found, _dns) = looked_up(unknown).await;
    assert_eq!(found, Found::Nothing { own: Vec::new() });
}

#[tokio::test(start_paused = true)]
async fn a_look_up_leaves_no_task_behind() {
    let dns = Dns::new(&[(NAME, Says::Silence)]).await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    for _ in 0..3 {
        look_up("localhost", &dns).run().await;
    }
    for _ in 0..1_000 {
        if tasks() <= before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} tasks are left of {before}", tasks());
}
