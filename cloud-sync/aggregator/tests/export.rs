//! Files for spreadsheets, pandas and Spark, over HTTP and from the command line.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkside_aggregator::store::{Message, Sqlite, Store};
use trunkside_record::{Batch, Body, Entry, Lane, VERSION};

mod support;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_words_come_as_csv_and_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("cloud");
    let cloud = embedded(&data).await;
    let mut branch = Branch::start(
        &folder.path().join("box"),
        origin("box1"),
        cloud.mqtt_addr.unwrap(),
    );
    for number in 0..30 {
        branch.store(number).await;
    }
    branch.drained().await;
    branch.stop().await;
    let http = cloud.http_addr;

    let (status, csv) = get(http, "/api/v1/export/calls?intent=loan").await;
    assert_eq!(status, 200);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().clone();
    let place = |name: &str| names.iter().position(|found| found == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 15);
    assert_eq!(&rows[0][place("intent")], "loan");
    assert_eq!(&rows[0][place("intent_score")], "0.9");
    assert_eq!(&rows[0][place("started_at")], "2026-11-21T08:04:50Z");
    assert_eq!(&rows[0][place("emotion")], "");
    assert_eq!(&rows[0][place("clock_trusted")], "true");
    assert_eq!(&rows[0][place("said_started_at")], "");
    assert_eq!(&rows[0][place("quality_kept")], "");
    assert_eq!(&rows[0][place("quality_broken")], "recording_notice");

    let (_, csv) = get(http, "/api/v1/export/transcripts?limit=1").await;
    assert!(csv.contains("`limit`"), "an export has no pages: {csv}");
    let (_, csv) = get(http, "/api/v1/export/transcripts").await;
    assert_eq!(
        csv.lines()
            .filter(|line| line.contains("我的卡丢了，号码是[card]"))
            .count(),
        30
    );

    let (status, bytes) = get_bytes(http, "/api/v1/export/calls?format=parquet", None).await;
    assert_eq!(status, 200);
    let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    assert_eq!(file.metadata().file_metadata().num_rows(), 30);
    let row = file.get_row_iter(None).unwrap().next().unwrap().unwrap();
    let field = |name: &str| {
        let mut columns = row.get_column_iter();
        columns.find(|(found, _)| *found == name).unwrap().1.clone()
    };
    assert_eq!(field("outcome"), Field::Str("bridged".into()));
    assert_eq!(field("decided_s"), Field::Double(2.0));
    assert_eq!(field("emotion"), Field::Null);
    assert_eq!(field("clock_trusted"), Field::Bool(true));
    assert_eq!(field("said_started_at"), Field::Null);
    assert_eq!(field("quality_kept"), Field::Null);
    assert_eq!(
        field("quality_broken"),
        Field::Str("recording_notice".into())
    );
    assert_eq!(get(http, "/api/v1/export/calls?format=xls").await.0, 400);
    quality_rules_come_with_what_was_said(http).await;

    // An empty table is a table.
    let (_, bytes) = get_bytes(
        http,
        "/api/v1/export/calls?format=parquet&tenant=nobody",
        None,
    )
    .await;
    let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    assert_eq!(file.metadata().file_metadata().num_rows(), 0);

    let target = folder.path().join("calls.parquet");
    let (status, said, error) = export(&data, &target, &["--since", "2026-11-21T08:01:00Z"]);
    assert_eq!(status, 0, "{}", String::from_utf8_lossy(&error));
    assert_eq!(said, b"24 calls\n");
    let file = SerializedFileReader::new(std::fs::File::open(&target).unwrap()).unwrap();
    assert_eq!(file.metadata().file_metadata().num_rows(), 24);
    replaced_or_written_to(&data, &target);
    let (status, _, error) = export(&data, "gopher://x/y".as_ref(), &[]);
    assert_eq!(status, 2);
    assert!(String::from_utf8_lossy(&error).contains("gopher://x/y"));
    let (status, _, error) = export(&data, "x".as_ref(), &["--since", "yesterday"]);
    assert_eq!(status, 2);
    assert!(String::from_utf8_lossy(&error).contains("such as `2026-"));
    in_the_format_that_the_name_asks_for(&data);
    cloud.shutdown().await;
}

/// A row for each phrase that was said, and one for a rule of which none was.
async fn quality_rules_come_with_what_was_said(http: std::net::SocketAddr) {
    let (status, csv) = get(http, "/api/v1/export/quality").await;
    assert_eq!(status, 200);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 31, "{csv}");
    let names = "tenant,branch,device,call,started_at,rule,kept,at_s,text,clock_trusted";
    let silent = "acme,harbour,box1,01990000-0000-7000-8000-000000000029,2026-11-21T08:04:50Z,\
                  recording_notice,false,,,true";
    let said = "acme,harbour,box1,01990000-0000-7000-8000-000000000028,2026-11-21T08:04:40Z,\
                recording_notice,true,4.5,本次通话会录音,true";
    assert_eq!(rows[..3], [names, silent, said]);
    let (status, bytes) = get_bytes(http, "/api/v1/export/quality?format=parquet", None).await;
    assert_eq!(status, 200);
    let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    assert_eq!(file.metadata().file_metadata().num_rows(), 30);
}

/// Twenty calls of a megabyte each, more than sockets hold.
fn store_much(folder: &Path) {
    let store = Sqlite::open(folder).unwrap();
    for number in 0..20 {
        let [Body::Call(mut summary), _] = call(number) else {
            panic!("a call and its words")
        };
        summary.intent.as_mut().unwrap().name = "x".repeat(1 << 20);
        let origin = origin("box1");
        let entry = Entry {
            sequence: number + 1,
            at: began(number),
            clock_trusted: true,
            lane: Lane::Metric,
            body: Body::Call(summary),
        };
        let batch = Batch {
            v: VERSION,
            tenant: origin.tenant.clone(),
            branch: origin.branch.clone(),
            device: origin.device.clone(),
            epoch: 4,
            records: vec![entry.into()],
        };
        let message = Message {
            origin,
            lane: Lane::Metric,
            batch,
        };
        store.commit(&[message], began(number)).unwrap();
    }
}

/// Whoever asks for an export and does not read it takes a place, and nothing else from anybody.
#[tokio::test(flavor = "multi_thread")]
async fn exports_that_nobody_reads_are_few() {
    let folder = tempfile::tempdir().unwrap();
    store_much(folder.path());
    let cloud = embedded(folder.path()).await;
    let http = cloud.http_addr;
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut wire = TcpStream::connect(http).await.unwrap();
        let request = "GET /api/v1/export/calls HTTP/1.1\r\nHost: localhost\r\n\r\n";
        wire.write_all(request.as_bytes()).await.unwrap();
        // It has begun.
        let mut begin = [0; 12];
        wire.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
        idle.push(wire);
    }
    let (status, problem) = get(http, "/api/v1/export/transcripts").await;
    assert_eq!(status, 503, "{problem}");
    assert!(problem.contains("other exports"), "{problem}");
    healthy(http).await;
    let page = get_json(http, "/api/v1/calls?limit=1").await;
    assert_eq!(page["calls"].as_array().unwrap().len(), 1);
    drop(idle);
    let export = || get(http, "/api/v1/export/transcripts");
    let (_, csv) = until(export, |(status, _)| *status == 200).await;
    assert!(csv.starts_with("tenant,"), "{csv}");
    cloud.shutdown().await;
}

/// Exit status and what was said by `trunkside-cloud export calls`.
fn export(data: &Path, to: &Path, more: &[&str]) -> (i32, Vec<u8>, Vec<u8>) {
    let output = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
        .args(["export", "calls", "--to"])
        .arg(to)
        .args(more)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap();
    (output.status.code().unwrap(), output.stdout, output.stderr)
}

/// A file is replaced whole, through a link too; a pipe is written to; no folder is made.
fn replaced_or_written_to(data: &Path, target: &Path) {
    let csv = ["--format", "csv"];
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(target), 0o600, "words may be in it");
    std::fs::set_permissions(target, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = data.join("link");
    std::os::unix::fs::symlink(target, &link).unwrap();
    assert_eq!(export(data, &link, &csv).0, 0);
    assert!(link.is_symlink() && std::fs::read(target).unwrap().starts_with(b"tenant,"));
    assert_eq!(mode(target), 0o640, "as its owner had it");
    let pipe = data.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read(pipe).unwrap()
    });
    assert_eq!(export(data, &pipe, &csv).0, 0);
    assert!(reader.join().unwrap().starts_with(b"tenant,"));
    let (status, _, error) = export(data, &data.join("no/calls.csv"), &csv);
    assert!(status == 2 && !data.join("no").exists());
    assert!(String::from_utf8_lossy(&error).contains("there is no folder"));
    let new = data.join("new.csv");
    let address = format!("file://{}", new.display());
    assert_eq!(export(data, address.as_ref(), &csv).0, 0);
    assert_eq!(mode(&new), 0o600, "its address makes it as its path does");
}

/// A name's end says how; `-` is no file, and nothing but the table goes there.
fn in_the_format_that_the_name_asks_for(data: &Path) {
    let csv = data.join("calls.csv");
    assert_eq!(export(data, &csv, &[]).0, 0);
    assert!(std::fs::read(&csv).unwrap().starts_with(b"tenant,"));
    assert_eq!(export(data, &csv, &["--format", "parquet"]).0, 0);
    assert!(std::fs::read(&csv).unwrap().starts_with(b"PAR1"));
    let (status, _, error) = export(data, &data.join("calls.xlsx"), &[]);
    assert_eq!(status, 2);
    assert!(String::from_utf8_lossy(&error).contains("--format"));
    let (status, table, said) = export(data, "-".as_ref(), &[]);
    assert_eq!((status, &*said), (0, &b"30 calls\n"[..]));
    let rows = csv::Reader::from_reader(&table[..]).into_records();
    assert_eq!(rows.map(Result::unwrap).count(), 30);
    assert!(!Path::new("-").exists());
    let bucket = "s3://key:hunter2@bucket/calls.csv";
    let (status, _, error) = export(data, bucket.as_ref(), &[]);
    let error = String::from_utf8_lossy(&error);
    assert!(status == 2 && !error.contains("hunter2"), "{error}");
}
