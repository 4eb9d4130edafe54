use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

/// What the server does with the next request.
#[derive(Clone, Copy)]
enum Manner {
    /// Sends what was asked for.
    Whole,
    /// Promises everything, sends so many bytes and hangs up.
    Cut(usize),
    /// Answers with a status alone.
    Status(&'static str),
}

struct Server {
    url: String,
    /// Headers of the requests so far.
    asked: Arc<Mutex<Vec<HashMap<String, String>>>>,
}

/// Serves `files` in turn, in one manner a request; the last of either stays.
fn serve(files: Vec<Vec<u8>>, manners: Vec<Manner>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/model.onnx", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let file = files.get(number).or(files.last()).unwrap();
            let manner = manners.get(number).or(manners.last()).unwrap();
            let stream = stream.unwrap();
            let headers = headers(&stream);
            noted.lock().unwrap().push(headers.clone());
            // A client may hang up before the end.
            let _ = answer(&stream, &headers, file, *manner);
        }
    });
    Server { url, asked }
}

fn headers(stream: &TcpStream) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    for line in BufReader::new(stream).lines().skip(1) {
        let line = line.unwrap();
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    headers
}

fn answer(
    mut stream: &TcpStream,
    headers: &HashMap<String, String>,
    file: &[u8],
    manner: Manner,
) -> io::Result<()> {
    let tag = format!("\"{}-{:?}\"", file.len(), file.first());
    let range = headers
        .get("range")
        .filter(|_| headers.get("if-range") == Some(&tag));
    let from = range.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    let from: usize = from.unwrap_or(0);
    let status = match manner {
        Manner::Status(status) => status,
        _ if from > 0 => "206 Partial Content",
        _ => "200 OK",
    };
    let rest: &[u8] = match manner {
        Manner::Status(_) => &[],
        _ => &file[from..],
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Range: bytes {from}-{}/{}\r\n\r\n",
        rest.len(),
        file.len() - 1,
        file.len()
    );
    let sent = match manner {
        Manner::Cut(bytes) => bytes.min(rest.len()),
        _ => rest.len(),
    };
    stream.write_all(head.as_bytes())?;
    stream.write_all(&rest[..sent])
}

fn bytes(first: u8) -> Vec<u8> {
    (0..200_000u32)
        .map(|n| first.wrapping_add((n % 251) as u8))
        .collect()
}

fn get(server: &Server, file: &Path) -> Result<Vec<(u64, Option<u64>)>, Fault> {
    let mut told = Vec::new();
    fetch(&server.url, file, 1 << 20, &mut |have, whole| {
        told.push((have, whole));
    })?;
    Ok(told)
}

#[test]
fn a_file_comes_whole_and_says_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    let server = serve(vec![bytes(0)], vec![Manner::Whole]);
    let told = get(&server, &file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), bytes(0));
    assert_eq!(told.last(), Some(&(200_000, Some(200_000))));
    assert!(told.is_sorted());
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    let server = serve(
        vec![bytes(0)],
        vec![Manner::Cut(70_000), Manner::Cut(50_000), Manner::Whole],
    );
    get(&server, &file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), bytes(0));
    let asked = server.asked.lock().unwrap();
    let ranges: Vec<_> = asked
        .iter()
        .map(|headers| headers.get("range").cloned())
        .collect();
    let range = |from: usize| Some(format!("bytes={from}-"));
    assert_eq!(ranges, [None, range(70_000), range(120_000)]);
}

#[test]
fn a_later_run_goes_on_too_unless_the_file_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    let server = serve(
        vec![bytes(0), bytes(0), bytes(0), bytes(0), bytes(9)],
        vec![
            Manner::Cut(70_000),
            Manner::Cut(0),
            Manner::Cut(0),
            Manner::Cut(0),
            Manner::Whole,
        ],
    );
    let message = get(&server, &file).unwrap_err().to_string();
    assert!(
        message.contains("broke off at 70000 of 200000 bytes"),
        "{message}"
    );
    assert!(message.contains("run the command again"), "{message}");
    assert!(!file.exists());
    get(&server, &file).unwrap();
    assert_eq!(
        fs::read(&file).unwrap(),
        bytes(9),
        "not pieced together from two"
    );
}

#[test]
fn a_refusal_names_the_address_and_the_status() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    let server = serve(vec![bytes(0)], vec![Manner::Status("404 Not Found")]);
    let message = get(&server, &file).unwrap_err().to_string();
    assert_eq!(message, format!("`{}` answers 404 Not Found", server.url));
}

#[test]
fn what_is_too_large_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    let server = serve(vec![vec![1; (1 << 20) + 1]], vec![Manner::Whole]);
    let fault = get(&server, &file).unwrap_err();
    assert!(matches!(fault, Fault::TooLarge { .. }), "{fault}");
}

#[test]
fn a_place_where_nobody_answers_is_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let fault = fetch(&url, &folder.path().join("x"), 10, &mut |_, _| ()).unwrap_err();
    assert!(matches!(fault, Fault::NoNetwork { .. }), "{fault}");
}

#[test]
fn ranges_are_read() {
    assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
    assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
    assert_eq!(content_range("lines 5-9/10"), None);
    assert_eq!(content_range("bytes */10"), None);
}
