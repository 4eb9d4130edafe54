//! A PostgreSQL cluster that lives as long as a test.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The role that the aggregator connects as: an ordinary one.
const ROLE: &str = "trunkside";

/// Between two looks at whether something has come about: the server needs the processor meanwhile.
pub const PAUSE: Duration = Duration::from_millis(20);

/// A server of its own, on a socket in a temporary folder.
pub struct Cluster {
    folder: tempfile::TempDir,
    bin: PathBuf,
    server: Child,
    databases: AtomicU32,
}

impl Cluster {
    /// None, said aloud, when PostgreSQL is not installed.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    pub fn start() -> Option<Self> {
        let Some(bin) = newest() else {
            eprintln!("SKIPPED: PostgreSQL is not installed (Debian: postgresql)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = unprivileged() {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = folder.path().join("data");
        let made = command(&bin, "initdb")
            .args([
                "--no-sync",
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let server = command(&bin, "postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "max_connections=60"])
            .args(["-c", "fsync=off", "-c", "shared_buffers=32MB"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let cluster = Self {
            folder,
            bin,
            server,
            databases: AtomicU32::new(0),
        };
        cluster.wait();
        cluster.sql("postgres", &format!("CREATE ROLE {ROLE} LOGIN"));
        Some(cluster)
    }

    /// Where a new database of its own is.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE}"));
        self.address(ROLE, &name)
    }

    /// Where a database is, for a role.
    pub fn address(&self, role: &str, database: &str) -> String {
        format!(
            "host={} user={role} dbname={database}",
            self.socket().display()
        )
    }

    /// The folder of the socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = command(&self.bin, "psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-h",
            ])
            .arg(self.socket())
            .args(["-d", database, "-c", sql])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[expect(clippy::disallowed_methods, reason = "a test waits with a deadline")]
    fn wait(&self) {
        let until = Instant::now() + Duration::from_mins(3);
        loop {
            // It waits for an answer itself.
            let ready = command(&self.bin, "pg_isready")
                .args(["-q", "-t", "1", "-h"])
                .arg(self.socket())
                .status()
                .unwrap();
            if ready.success() {
                return;
            }
            assert!(Instant::now() < until, "PostgreSQL did not start");
            std::thread::park_timeout(PAUSE);
        }
    }
}

impl Drop for Cluster {
    /// An immediate shutdown: the postmaster ends its children.
    fn drop(&mut self) {
        // The shell's own `kill`: a minimal Debian has no program of that name.
        let signal = ["-c", "kill -QUIT \"$0\"", &self.server.id().to_string()];
        let _ = Command::new("sh").args(signal).status();
        let _ = self.server.wait();
    }
}

/// The programs of the newest version that Debian has installed, or those on the path.
fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(number)?;
    Some(newest.join("bin"))
}

/// A program, as somebody whom PostgreSQL accepts: it refuses to run as root.
fn command(bin: &Path, program: &str) -> Command {
    let mut command = Command::new(bin.join(program));
    command.current_dir("/").stdin(Stdio::null());
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

/// User and group of `postgres` when this runs as root.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?))
}
