//! The HTTP interface: filters, faults, documents, pages.

mod support;
use support::*;

async fn cloud_with_calls(folder: &std::path::Path) -> trunkside_aggregator::Running {
    let cloud = embedded(&folder.join("cloud")).await;
    let mqtt = cloud.mqtt_addr.unwrap();
    for device in ["box1", "box2"] {
        let mut branch = Branch::start(&folder.join(device), origin(device), mqtt);
        let numbers = if device == "box1" { 0..10 } else { 10..14 };
        for number in numbers {
            branch.store(number).await;
        }
        branch.drained().await;
        branch.stop().await;
    }
    cloud
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_can_be_filtered_and_faults_name_the_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = cloud_with_calls(folder.path()).await;
    let http = cloud.http_addr;
    for (query, expected) in [
        ("", 14),
        ("?device=box2", 4),
        ("?intent=loan", 7),
        ("?tenant=acme&branch=harbour&intent=loan&device=box1", 5),
        ("?tenant=other", 0),
        ("?since=2026-11-21T08:00:50Z", 9),
        ("?until=2026-11-21T08:00:50Z", 5),
        ("?limit=3", 3),
        ("?since=2026-11-21", 14),
        ("?until=2026-11-21", 0),
        ("?since=2026-11-21&tz=America/Los_Angeles", 14),
        ("?since=2026-11-22&tz=Asia/Shanghai", 0),
        ("?since=2026-11-21&until=2026-11-22&tz=Asia/Shanghai", 14),
    ] {
        let page = get_json(http, &format!("/api/v1/calls{query}")).await;
        assert_eq!(page["calls"].as_array().unwrap().len(), expected, "{query}");
    }
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("limit=501", "limit"),
        ("since=yesterday", "since"),
        ("until=2026", "until"),
        ("cursor=x", "cursor"),
        ("colour=red", "colour"),
        ("outcome=brigded", "outcome"),
        ("language=fr", "language"),
        ("emotion=sad", "emotion"),
        (
            "since=2026-11-21T08:00:50Z&until=2026-11-21T08:00:50Z",
            "until",
        ),
        ("tenant=a&tenant=b", "tenant"),
        ("tenant=", "tenant"),
        ("since=2026-11-21T08:00:50", "since"),
        ("since=2026-11-21&until=2026-11-21", "until"),
        ("tz=Shanghai", "tz"),
    ] {
        let (status, body) = get(http, &format!("/api/v1/calls?{query}")).await;
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 400, "{query}");
        assert_eq!(problem["parameter"], parameter, "{body}");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains(&format!("`{parameter}`")),
            "{body}"
        );
    }
    assert_eq!(get(http, "/api/v1/metrics/hourly?limit=x").await.0, 400);
    assert_eq!(get(http, "/api/v1/calls/unknown").await.0, 404);
    assert_eq!(get(http, "/nowhere").await.0, 404);
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_every_address_and_the_pages_read_well() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = cloud_with_calls(folder.path()).await;
    let http = cloud.http_addr;
    let document = get_json(http, "/api/openapi.json").await;
    for path in [
        "/api/v1/calls",
        "/api/v1/calls/{id}",
        "/api/v1/metrics/hourly",
        "/healthz",
    ] {
        assert!(document["paths"][path]["get"].is_object(), "{path}");
    }
    for (status, question) in [
        (400, "calls?limit=0"),
        (404, "calls/unknown"),
        (404, "transcripts/unknown"),
        (400, "metrics/hourly?limit=x"),
        (200, "export/calls?format=parquet"),
        (200, "export/transcripts"),
        (200, "export/quality"),
    ] {
        let path = format!("/api/v1/{question}");
        let answer = raw(http, &http.to_string(), &path).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        let media_type = answer
            .lines()
            .find_map(|line| line.strip_prefix("content-type: "));
        let media_type = media_type.unwrap().split(';').next().unwrap();
        let path = path.split('?').next().unwrap().replace("unknown", "{id}");
        let described = &document["paths"][&path]["get"]["responses"][status.to_string()];
        assert!(
            described["content"][media_type].is_object(),
            "{path} {status} {media_type}: {described}"
        );
    }
    let text = document.to_string();
    for named in text.split("\"$ref\":\"#").skip(1) {
        let pointer = named.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    assert!(
        text.contains("\"#/components/schemas/CallSummary\""),
        "{text}"
    );
    for field in [
        "CallSummary/properties/quality",
        "QualityHit/properties/kept",
        "QualityMark/properties/text",
        "Alarm/properties/severity",
    ] {
        let schema = document.pointer(&format!("/components/schemas/{field}"));
        assert!(schema.is_some(), "{field}: {text}");
    }
    let (status, page) = get(http, "/").await;
    assert_eq!(status, 200);
    assert!(
        page.contains("Calls by hour") && page.contains("lost card"),
        "{page}"
    );
    let call = &all_calls(http).await[0];
    let (status, page) = get(http, &format!("/calls/{call}")).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("我的卡丢了") && page.contains("recording notice"),
        "{page}"
    );
    let (status, page) = get(http, "/calls/unknown").await;
    assert_eq!(status, 404);
    assert!(
        page.contains("<h2>Not Found</h2>"),
        "people get a page: {page}"
    );
    cloud.shutdown().await;
}

/// The answer as it stands on the wire.
async fn raw(address: std::net::SocketAddr, host: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_reads_through_a_browser_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(&folder.path().join("cloud")).await;
    let answer = raw(cloud.http_addr, &cloud.http_addr.to_string(), "/").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for header in [
        "cache-control: no-store",
        "x-frame-options: DENY",
        "x-content-type-options: nosniff",
    ] {
        assert!(answer.contains(header), "{header} is missing in {answer}");
    }
    let answer = raw(cloud.http_addr, "evil.example", "/").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(
        answer.contains("text/html") && answer.contains("keys add"),
        "{answer}"
    );
    cloud.shutdown().await;
}
