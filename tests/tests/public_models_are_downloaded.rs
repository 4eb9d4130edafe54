//! A model that somebody publishes is downloaded by its name, resumed where it was cut, trusted as it
//! came first, and refused when it comes otherwise; without a network the box says what to do.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use e2e::process::binary;

/// Serves the files of a folder; of each request it notes the file and from which byte it was asked.
struct Publisher {
    folder: tempfile::TempDir,
    url: String,
    asked: Arc<Mutex<Vec<(String, usize)>>>,
}

impl Publisher {
    /// Hangs up in the middle of the first answer.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (place, noted) = (folder.path().to_owned(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (name, from) = request(&stream);
                let mut noted = noted.lock().unwrap();
                let is_first = noted.is_empty();
                noted.push((name.clone(), from));
                drop(noted);
                let _ = answer(&stream, &place.join(name), from, is_first);
            }
        });
        Self { folder, url, asked }
    }

    fn publish(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }
}

fn request(stream: &TcpStream) -> (String, usize) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let name = first.split(' ').nth(1).unwrap_or("/");
    let headers = lines.take_while(|line| !line.is_empty());
    let range = headers.map(|line| line.to_lowercase()).find_map(|line| {
        line.strip_prefix("range: bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    (name.trim_start_matches('/').to_owned(), range.unwrap_or(0))
}

fn answer(mut stream: &TcpStream, file: &Path, from: usize, is_cut: bool) -> std::io::Result<()> {
    let Ok(bytes) = fs::read(file) else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let (status, rest) = match from {
        0 => ("200 OK", &bytes[..]),
        _ => ("206 Partial Content", &bytes[from..]),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Range: bytes {from}-{}/{}\r\n\r\n",
        rest.len(),
        bytes.len() - 1,
        bytes.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&rest[..if is_cut { rest.len() / 2 } else { rest.len() }])
}

/// The models folder of a box whose catalogue lists one public model.
fn models(url: &str) -> tempfile::TempDir {
    let models = tempfile::tempdir().unwrap();
    let catalogue = format!(
        "[[public]]\nname = \"tiny\"\nlanguages = [\"zh\"]\nlicence = \"Apache-2.0\"\n\
         url = \"{url}\"\nbytes = 115000\n\
         files = [{{ name = \"model.onnx\" }}, {{ name = \"tokens.txt\" }}]\n\
         [[public]]\nname = \"whole\"\nlanguages = [\"zh\"]\nlicence = \"Apache-2.0\"\n\
         url = \"{url}\"\nbytes = 1\nunsupported = \"it does not stream\"\n\
         files = [{{ name = \"model.onnx\" }}]\n"
    );
    fs::write(models.path().join("catalogue.toml"), catalogue).unwrap();
    models
}

fn trunkside(models: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = Command::new(binary("trunkside"))
        .arg("models")
        .args(arguments)
        .arg("--models")
        .arg(models)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

fn tiny(name: &str) -> Vec<u8> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../models/tests/data/contracts"]
        .iter()
        .collect();
    fs::read(folder.join("zipformer2-ctc").join(name)).unwrap()
}

#[test]
fn a_public_model_is_downloaded_resumed_and_trusted_as_it_came_first() {
    let publisher = Publisher::start();
    publisher.publish("model.onnx", &tiny("model.onnx"));
    let models = models(&publisher.url);
    let (status, said) = trunkside(models.path(), &["add", "tiny"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("tokens.txt` answers 404 Not Found"), "{said}");
    {
        let asked = publisher.asked.lock().unwrap();
        let half = tiny("model.onnx").len() / 2;
        assert_eq!(
            asked[1],
            ("model.onnx".to_owned(), half),
            "it goes on: {asked:?}"
        );
    }

    publisher.publish("tokens.txt", &tiny("tokens.txt"));
    let (status, said) = trunkside(models.path(), &["add", "tiny"]);
    assert_eq!(status, Some(0), "{said}");
    let asked = publisher.asked.lock().unwrap().clone();
    let times = asked
        .iter()
        .filter(|(name, _)| name == "model.onnx")
        .count();
    assert_eq!(times, 2, "what has come need not come again: {asked:?}");
    let (_, said) = trunkside(models.path(), &["list"]);
    assert!(
        said.contains("tiny") && said.contains("Apache-2.0"),
        "{said}"
    );

    let (status, said) = trunkside(models.path(), &["remove", "tiny"]);
    assert_eq!(status, Some(0), "{said}");
    publisher.publish("tokens.txt", b"<blk> 0\nother 1\n");
    let (status, said) = trunkside(models.path(), &["add", "tiny"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("was trusted") && said.contains("trusted.toml"),
        "{said}"
    );
    let (_, said) = trunkside(models.path(), &["list", "--json"]);
    assert!(!said.contains("tiny"), "{said}");
}

#[test]
fn what_is_no_model_is_neither_trusted_nor_kept() {
    let publisher = Publisher::start();
    publisher.publish("model.onnx", b"<html>sign in to this network</html>");
    publisher.publish("tokens.txt", &tiny("tokens.txt"));
    let models = models(&publisher.url);
    // The first answer is cut, so this asks twice.
    let (status, said) = trunkside(models.path(), &["add", "tiny"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("is not a usable model"), "{said}");
    publisher.publish("model.onnx", &tiny("model.onnx"));
    let (status, said) = trunkside(models.path(), &["add", "tiny", "--name", "ours"]);
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = trunkside(models.path(), &["verify", "ours"]);
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn what_can_be_no_public_model_is_told_apart() {
    let publisher = Publisher::start();
    let models = models(&publisher.url);
    let refused = |arguments: &[&str]| {
        let (status, said) = trunkside(models.path(), arguments);
        assert_eq!(status, Some(2), "{said}");
        said
    };
    for missing in ["missing.onnx", "some/folder", "lm.arpa"] {
        let said = refused(&["add", missing]);
        assert!(
            said.contains(&format!("there is no file `{missing}`; check the path")),
            "{said}"
        );
        let named = refused(&["add", missing, "--name", "ours"]);
        assert!(named.contains("there is no file"), "{named}");
    }
    let said = refused(&["add", "whole"]);
    assert!(
        said.contains("`whole` cannot be added: it does not stream") && said.contains("`tiny`"),
        "{said}"
    );
    assert!(publisher.asked.lock().unwrap().is_empty());
    let (_, said) = trunkside(models.path(), &["list", "--public"]);
    assert!(
        said.contains("cannot be added: it does not stream"),
        "{said}"
    );
}

#[test]
fn without_a_network_the_box_says_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let models = models(&url);
    let (status, said) = trunkside(models.path(), &["add", "tiny"]);
    assert_eq!(status, Some(1), "{said}");
    for expected in [
        "cannot reach",
        "if this box has no network",
        &format!("{url}/model.onnx"),
        "trunkside models add FILE… --name tiny",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(
        !models.path().join(".tiny.download").exists(),
        "nothing has come"
    );
    fs::create_dir(models.path().join("trusted.toml")).unwrap();
    let (status, said) = trunkside(models.path(), &["add", "tiny"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(!models.path().join(".tiny.download").exists(), "{said}");
    let (status, said) = trunkside(models.path(), &["add", "nobody"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(
        said.contains("neither a file nor a public model") && said.contains("`tiny`"),
        "{said}"
    );
    let (_, said) = trunkside(models.path(), &["list", "--public"]);
    assert!(said.contains(&url), "{said}");
}
