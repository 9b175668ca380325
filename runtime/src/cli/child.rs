//! In: settings. Out: a bridge process that answers on a socket, and ends when we do.
//! May touch: a temporary folder of this user alone, a child process.
//! Security boundary: yes: the socket lies where only this user can reach it.

use super::failure::Failure;
use mayfly_bridge::Settings;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A bridge of our own. Dropping it ends the process and removes the socket.
pub struct BridgeChild {
    child: Child,
    folder: PathBuf,
    settings: String,
    environment: Vec<(String, String)>,
}

impl BridgeChild {
    /// Starts it and waits until it listens. `environment` is added to its own, and stays out of ours.
    pub fn start(settings: &Settings, environment: &[(&str, &str)]) -> Result<BridgeChild, Failure> {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let settings = serde_json::to_string(settings).map_err(|error| Failure::fault("settings", error))?;
        let folder = std::env::temp_dir().join(format!("mayfly-{}", ulid::Ulid::new()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Failure::fault(&folder.display().to_string(), error))?;
        let child = match spawn(&folder.join("bridge.sock"), &settings, &environment) {
            Ok(child) => child,
            Err(failure) => {
                let _ = std::fs::remove_dir_all(&folder);
                return Err(failure);
            }
        };
        Ok(BridgeChild { child, folder, settings, environment })
    }

    /// The same for a command that somebody looks at: of its log, what is wrong.
    pub fn start_quietly(settings: &Settings, environment: &[(&str, &str)]) -> Result<BridgeChild, Failure> {
        let quiet = std::env::var_os("MAYFLY_LOG").is_none().then_some(("MAYFLY_LOG", "warn"));
        let environment: Vec<_> = environment.iter().copied().chain(quiet).collect();
        BridgeChild::start(settings, &environment)
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("bridge.sock")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts it again if it died. Says whether it had.
    pub fn revive(&mut self) -> Result<bool, Failure> {
        match self.child.try_wait() {
            Ok(Some(status)) => {
                tracing::error!(%status, "the bridge ended: starting it again");
                let _ = std::fs::remove_file(self.socket());
                self.child = spawn(&self.socket(), &self.settings, &self.environment)?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(Failure::fault("bridge", error)),
        }
    }
}

impl Drop for BridgeChild {
    fn drop(&mut self) {
        // It ends by itself when its standard input closes; kill is for one that hangs.
        drop(self.child.stdin.take());
        for _ in 0..200 {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(1)),
                _ => break,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(socket: &Path, settings: &str, environment: &[(String, String)]) -> Result<Child, Failure> {
    let fault = |error: std::io::Error| Failure::fault("the bridge could not be started", error);
    let program = std::env::current_exe().map_err(fault)?;
    let mut child = Command::new(program)
        .args(["bridge", "--settings-from-parent", "--socket"])
        .arg(socket)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fault)?;
    if let Some(stdin) = child.stdin.as_mut() {
        // One line; what follows is silence until we are gone, and then the end.
        stdin.write_all(settings.as_bytes()).and_then(|()| stdin.write_all(b"\n")).map_err(fault)?;
    }
    let mut ready = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut ready).map_err(fault)?;
    }
    match ready.trim() {
        "ready" => Ok(child),
        _ => {
            let _ = child.kill();
            let _ = child.wait();
            Err(Failure::Fault("the bridge did not start; what it said stands above".into()))
        }
    }
}
