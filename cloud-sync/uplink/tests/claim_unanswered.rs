//! What a claim says of its code when the cloud could not be asked, or its answer did not come.

use std::io::{Read, Write};
use std::net::TcpListener;

use trunkside_record::ClaimCode;
use trunkside_uplink::claim::{ClaimError, claim};

/// Claims at a server that reads the request, says `answer` and closes.
fn claim_at_one_that_says(answer: &'static str) -> ClaimError {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 4096];
        // It ends with the JSON in it.
        while !request.contains(&b'}') {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "the request ends early");
            request.extend_from_slice(&part[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let error = claim_at(&address);
    server.join().unwrap();
    error
}

fn claim_at(address: &str) -> ClaimError {
    let folder = tempfile::tempdir().unwrap();
    let code = ClaimCode::new(&[7; ClaimCode::BYTES]);
    claim(address, &code, folder.path(), |_| Ok(())).unwrap_err()
}

#[test]
fn a_lost_answer_may_have_used_the_code_up_and_says_so() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"ca\":",
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
    ] {
        let error = claim_at_one_that_says(answer);
        assert!(
            matches!(error, ClaimError::Unanswered { .. }),
            "{answer:?}: {error}"
        );
        let text = error.to_string();
        assert!(text.contains("may be used up") && text.contains("new code"));
    }
}

#[test]
fn a_cloud_that_was_never_reached_has_used_no_code_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = claim_at(&address);
    assert!(matches!(error, ClaimError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("the code is still good"));
}

#[test]
fn a_refusal_is_told_as_the_cloud_gave_it() {
    let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 17\r\n\r\n{\"detail\":\"used\"}";
    let error = claim_at_one_that_says(refusal);
    assert_eq!(error.to_string(), "the cloud refuses: used");
}
