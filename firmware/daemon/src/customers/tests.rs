//! Callers are looked up in a table and by a service that the tests play.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::config::{CustomerService, Severity};

const NUMBER: &str = "+8613912345678";

fn caller() -> Pii<String> {
    Pii::new(NUMBER.to_owned())
}

fn call() -> CallId {
    CallId::new(Uuid::from_u128(1))
}

fn facts<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

fn did(kind: &str, days_ago: u32) -> Event {
    let kind = kind.to_owned();
    Event { kind, days_ago }
}

/// A table with these lines, in a folder of its own.
fn table(text: &str) -> (tempfile::TempDir, CustomersConfig) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("customers.csv");
    std::fs::write(&file, text).expect("writable");
    let config = CustomersConfig {
        file: Some(file),
        ..CustomersConfig::default()
    };
    (folder, config)
}

/// Answers one question after another, as many as there are answers; gives back what was asked.
fn service<const N: usize>(answers: [&'static str; N]) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let serving = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let (mut request, mut piece) = (Vec::new(), [0; 1_024]);
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut piece).expect("it can be read");
                assert_ne!(read, 0, "the question is cut");
                request.extend(&piece[..read]);
            }
            asked.push(String::from_utf8(request).expect("it is text"));
            let (head, body) = answer.split_once('\n').unwrap_or((answer, ""));
            let length = body.len();
            let response = format!(
                "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(response.as_bytes()).expect("it is heard");
        }
        asked
    });
    (address, serving)
}

fn asking(address: SocketAddr) -> CustomersConfig {
    CustomersConfig {
        service: Some(CustomerService {
            url: format!("http://{address}/customers/{{number}}"),
            token_file: None,
            ca_file: None,
            timeout: Duration::from_secs(20),
        }),
        ..CustomersConfig::default()
    }
}

#[test]
fn a_table_says_what_it_has_of_a_number_however_it_is_written() {
    let (_folder, config) = table(
        "\u{feff}Name,Number,Tier,Facts,Agent\n\
         Wang,139 1234 5678,gold,wealth_product_view:3; owes,li_na\nLi,01012345678,,,\n\
         Ho,+852 1234 5678,金卡,,\nDesk,desk,staff,,\n",
    );
    let find = |number: &str| {
        let found = look_up(&config, Path::new("nowhere"), &Pii::new(number.to_owned()));
        found[1].1.clone().expect("it can be read")
    };
    for number in [NUMBER, "13912345678", "008613912345678"] {
        let wang = find(number);
        assert_eq!(wang.tier.as_deref(), Some("gold"), "{number}");
        assert_eq!(
            wang.history,
            [did("wealth_product_view", 3), did("owes", 0)]
        );
        assert_eq!(wang.last_agent, Some(AgentId::new("li_na")));
    }
    for number in ["+85212345678", "85212345678", "12345678"] {
        assert_eq!(find(number).tier.as_deref(), Some("金卡"), "{number}");
    }
    assert_eq!(find("desk").tier.as_deref(), Some("staff"));
    for number in ["+861012345678", "13912345679", "anonymous"] {
        assert!(find(number).is_empty(), "{number}");
    }
}

#[test]
fn what_is_wrong_with_a_table_is_told_by_line_and_costs_no_other_line() {
    let long = "x".repeat(NAME_MOST + 1);
    let (_folder, config) = table(&format!(
        "number,tier\n13912345678,gold\n,silver\n+8613912345678,lead\n138,{long}\n139,tin\n"
    ));
    let told: Vec<String> = check(&config).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    for (problem, (line, why)) in told.iter().zip([
        (3, "has no number"),
        (4, "stands in a line before"),
        (5, "at most 40"),
    ]) {
        let place = format!("customers.csv:{line}: ");
        assert!(
            problem.contains(&place) && problem.contains(why),
            "{problem}"
        );
    }
    assert!(
        told.iter().all(|problem| !problem.contains("139")),
        "{told:?}"
    );
    let of = |number: &str| {
        let found = look_up(&config, Path::new("nowhere"), &Pii::new(number.to_owned()));
        found[1].1.clone().expect("it can be read").tier
    };
    assert_eq!(of(NUMBER).as_deref(), Some("gold"));
    assert_eq!(of("139").as_deref(), Some("tin"));
    // Excel's own encoding of Chinese.
    let file = config.file.clone().expect("it is named");
    std::fs::write(&file, b"number,tier\n139,\xbd\xf0\xbf\xa8\n").expect("writable");
    assert!(
        check(&config)[0]
            .to_string()
            .contains("save the table as `CSV UTF-8`")
    );
    std::fs::write(&file, "phone,tier\n139,gold\n").expect("writable");
    let problem = &check(&config)[0];
    assert!(
        problem.to_string().contains("no column `number`"),
        "{problem}"
    );
    assert_eq!(problem.severity, Severity::Error);
}

#[test]
fn a_table_that_has_changed_is_read_again() {
    let (_folder, config) = table("number,tier\n13912345678,gold\n");
    let file = config.file.expect("it is named");
    let table = Table::new(file.clone());
    let tier = || table.customer(&caller()).map(|customer| customer.tier);
    assert_eq!(tier(), Ok(Some("gold".to_owned())));
    std::fs::write(&file, "number,tier\n13912345678,platinum\n").expect("writable");
    assert_eq!(tier(), Ok(Some("platinum".to_owned())));
    std::fs::remove_file(&file).expect("it is there");
    assert!(tier().is_err_and(|why| why.contains("create it")));
}

#[test]
fn a_service_is_asked_by_the_number_and_answers_what_it_knows() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "geheim\n").expect("writable");
    let (address, serving) = service([
        "200 OK\n{\"tier\":\"gold\",\"facts\":[\"wealth_product_view:3\",\"\"],\"agent\":\"li_na\",\"name\":\"W\"}",
        "404 Not Found",
        "200 OK\n{}",
    ]);
    let mut config = asking(address).service.expect("it is set");
    config.token_file = Some(token);
    let asked = Service::new(config);
    let known = asked.ask(&caller()).expect("it answers");
    assert_eq!(known.tier.as_deref(), Some("gold"));
    assert_eq!(known.history, [did("wealth_product_view", 3)]);
    assert_eq!(known.last_agent, Some(AgentId::new("li_na")));
    assert!(asked.ask(&caller()).expect("it knows nobody").is_empty());
    assert!(asked.ask(&caller()).expect("it knows nothing").is_empty());
    let questions = serving.join().expect("it was asked");
    assert!(questions[0].starts_with("GET /customers/%2B8613912345678 HTTP/1.1\r\n"));
    assert!(
        questions[0]
            .to_lowercase()
            .contains("authorization: bearer geheim\r\n")
    );
}

#[test]
fn what_a_service_says_wrong_is_told_without_the_number() {
    let (address, serving) = service([
        "500 Internal Server Error",
        "200 OK\nunknown: 13912345678",
        "200 OK\n{\"tier\": 13912345678}",
        "302 Found",
    ]);
    let asked = Service::new(asking(address).service.expect("it is set"));
    for why in ["500", "Syntax at line 1", "Data at line 1", "302"] {
        let told = asked
            .ask(&caller())
            .expect_err("it does not know")
            .to_string();
        assert!(told.contains(why) && !told.contains("139"), "{told}");
    }
    serving.join().expect("it was asked");
    let told = asked.ask(&caller()).expect_err("it is gone").to_string();
    assert!(
        told.contains("cannot be reached") && !told.contains("139"),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_known_comes_from_each_who_knows_and_trouble_is_told_once_it_lasts() {
    let (folder, mut config) = table("number,tier\n13912345678,gold\n");
    let (address, serving) = service([
        "200 OK\n{\"facts\":[\"wealth_viewed\"]}",
        "500 Internal Server Error",
        "500 Internal Server Error",
        "500 Internal Server Error",
        "404 Not Found",
    ]);
    config.service = asking(address).service;
    let trouble = watch::Sender::new(None);
    let mut told = trouble.subscribe();
    let tasks = TaskTracker::new();
    let mut customers = Customers::new(&config, folder.path(), trouble, tasks);
    customers.ask(call(), &Pii::new("anonymous".to_owned()));
    customers.ask(call(), &caller());
    let mut customer = Customer::default();
    for _ in 0..2 {
        let (of, found) = customers.known().await.expect("it answers");
        assert_eq!(of, call());
        customer.add(found);
    }
    assert_eq!(customer.tier.as_deref(), Some("gold"));
    assert_eq!(customer.facts(), facts(["wealth_viewed"]));
    for _ in 0..TROUBLE_FROM {
        customers.ask(call(), &caller());
    }
    told.wait_for(Option::is_some).await.expect("it is watched");
    customers.ask(call(), &caller());
    told.wait_for(Option::is_none).await.expect("it is watched");
    serving.join().expect("it was asked");
}

#[test]
fn what_several_know_adds_up_and_the_last_one_s_names_count() {
    let mut known = Acquaintance::new(HiddenIntents::shipped().into());
    let of = |history: &[Event]| Customer {
        history: history.to_vec(),
        ..Customer::default()
    };
    let mut profile = CallProfile::unknown();
    profile.intent = Some("close_account".to_owned());
    profile.intent_permille = 900;
    known.learn(of(&[did("call", 90)]), Some(AgentId::new("ann")));
    assert_eq!(known.complete(&mut profile), None);
    assert_eq!(profile.last_agent, Some(AgentId::new("ann")));
    let mut gold = of(&[did("wealth_product_view", 3)]);
    gold.tier = Some("gold".to_owned());
    gold.last_agent = Some(AgentId::new("bob"));
    known.learn(gold, None);
    let hidden = known.complete(&mut profile).expect("a customer to keep");
    assert_eq!(hidden.said, "close_account");
    assert_eq!(profile.hidden_intent.as_deref(), Some("retention"));
    assert_eq!(profile.tier.as_deref(), Some("gold"));
    assert_eq!(profile.facts, facts(["call", "wealth_product_view"]));
    assert_eq!(profile.last_agent, Some(AgentId::new("bob")));
    // Who is rung back is known as before, and a wish that is unsure hides none.
    let mut later = Acquaintance::new(HiddenIntents::shipped().into());
    later.resume(&profile);
    profile.intent_permille = 300;
    assert_eq!(later.complete(&mut profile), None);
    assert_eq!(profile.tier.as_deref(), Some("gold"));
    assert_eq!(profile.hidden_intent, None);
}
