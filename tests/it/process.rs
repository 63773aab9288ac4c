//! The real binary, as a process of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::shipped::{self, ROOT, brain, environment};

/// Longest time that a process may take to start or to end; a debug build on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command line of the real binary, with nothing from this process's environment but the model's cache.
pub(crate) fn semroute(args: &[&str]) -> Command {
    brain();
    let env = shipped::fetch_env();
    let mut command = Command::new(env!("CARGO_BIN_EXE_semroute"));
    command.args(args).current_dir(ROOT).env_clear().kill_on_drop(true);
    command.env("SEMROUTE_CACHE", env.cache).env("HF_HUB_CACHE", env.hub_cache);
    // The model is there; a process that asks the network for it all the same should fail.
    command.env("HF_HUB_OFFLINE", "1").env("PATH", environment("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `semroute serve` on ports that the system chooses.
pub(crate) fn serve(args: &[&str]) -> Command {
    let mut command = semroute(&["serve", "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0"]).args(args);
    command
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts that the process was refused a start: exit code 3 and one message that has all these words.
    #[track_caller]
    pub(crate) fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(3), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// Runs a command that ends by itself.
pub(crate) async fn run(mut command: Command) -> Ended {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A gateway that serves.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// Where callers connect, `/v1` included.
    pub(crate) url: String,
    /// Where operators connect.
    pub(crate) admin: String,
    /// What it said when it started.
    pub(crate) welcome: String,
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
}

impl Gateway {
    /// Starts one and waits until it says that it serves.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut errors = child.stderr.take().unwrap();
        let stderr = tokio::spawn(async move {
            let mut text = String::new();
            errors.read_to_string(&mut text).await.unwrap();
            text
        });
        let mut welcome = String::new();
        let said = tokio::time::timeout(PATIENCE, read_welcome(&mut stdout, &mut welcome)).await;
        if said != Ok(true) {
            drop(child.kill().await);
            panic!("it did not start: {welcome}{}", stderr.await.unwrap());
        }
        let url = address(&welcome, "listens on ");
        let admin = address(&welcome, "operators: ").replace("/status", "");
        Self { url, admin, welcome, child, stdout, stderr }
    }

    /// Asks it to stop, as a process manager does.
    pub(crate) async fn terminate(&self) {
        self.signal("-TERM").await;
    }

    /// Sends it a signal, such as `-HUP`.
    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let mut stdout = self.welcome;
        while let Some(line) = self.stdout.next_line().await.unwrap() {
            stdout = stdout + &line + "\n";
        }
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        Ended { code: status.code(), stdout, stderr: self.stderr.await.unwrap() }
    }
}

/// Reads up to the empty line behind the examples to try; false when the process ends before.
async fn read_welcome(lines: &mut Lines<BufReader<ChildStdout>>, welcome: &mut String) -> bool {
    while let Some(line) = lines.next_line().await.unwrap() {
        *welcome += &line;
        *welcome += "\n";
        if line.is_empty() && welcome.contains("Try it:") {
            return true;
        }
    }
    false
}

fn address(welcome: &str, before: &str) -> String {
    let (_, after) = welcome.split_once(before).unwrap();
    after.lines().next().unwrap().to_owned()
}
