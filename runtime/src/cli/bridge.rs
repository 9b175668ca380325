//! In: settings, from a file or from the parent process. Out: a bridge that answers until it is told to stop.
//! May touch: its Unix socket, and through `mayfly-bridge` what that may touch.
//! Security boundary: no; `mayfly-bridge` is.

use super::failure::Failure;
use super::setup;
use mayfly_bridge::Settings;
use std::io::{BufRead, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {
    /// The server's configuration
    #[arg(long, value_name = "FILE", required_unless_present = "settings_from_parent")]
    config: Option<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Read the settings as one line of JSON from standard input, and end when it closes
    #[arg(long, hide = true)]
    settings_from_parent: bool,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    mayfly_bridge::harden_process();
    super::log_to_stderr("warn,mayfly=info,mayfly_bridge=info");
    let mut settings = match &arguments.config {
        Some(file) if !arguments.settings_from_parent => setup::settings(&mayfly::config::Config::read(file)?),
        _ => settings_from_parent()?,
    };
    settings.guard = Some(std::env::current_exe().map_err(|error| Failure::fault("this program", error))?);
    let mistakes = mayfly_bridge::check_tenants(&settings);
    if !mistakes.is_empty() && !arguments.settings_from_parent {
        return Err(mistakes.into());
    }
    let listener = listen(&arguments.socket)?;
    println!("ready");
    let _ = std::io::stdout().flush();
    let stop = stop(arguments.settings_from_parent);
    let served = super::executor()?.block_on(async {
        let _handled = setup::leave_file_sizes_to_writers();
        mayfly_bridge::serve(settings, listener, stop).await
    });
    let _ = std::fs::remove_file(&arguments.socket);
    if let (true, Some(folder)) = (arguments.settings_from_parent, arguments.socket.parent()) {
        // Made for this socket by a parent that may have been killed. Only an empty one goes.
        let _ = std::fs::remove_dir(folder);
    }
    served.map(|()| ExitCode::SUCCESS).map_err(|error| Failure::fault("bridge", error))
}

fn settings_from_parent() -> Result<Settings, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| Failure::fault("standard input", error))?;
    serde_json::from_str(&line).map_err(|error| Failure::fault("settings", error))
}

/// A socket of a process that is gone is replaced; one that answers is somebody else's. Only this user may connect.
fn listen(socket: &Path) -> Result<UnixListener, Failure> {
    if std::os::unix::net::UnixStream::connect(socket).is_ok() {
        return Err(Failure::usage(format!("{}: another bridge listens there", socket.display())));
    }
    let _ = std::fs::remove_file(socket);
    let at = |error: std::io::Error| Failure::usage(format!("{}: {error}", socket.display()));
    let listener = UnixListener::bind(socket).map_err(at)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(at)?;
    Ok(listener)
}

/// A signal; or, for a child, the parent's end: standard input closes then. Ctrl-C on a terminal, and service managers
/// that stop a whole group, reach parent and child at once, while the parent still drains: a child leaves both to it.
pub async fn stop(with_parent: bool) {
    match with_parent {
        true => {
            let _ignored = setup::leave_signals_to_parent();
            let (closed, parent_gone) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
                let _ = closed.send(());
            });
            let _ = parent_gone.await;
        }
        false => setup::stop_signal().await,
    }
}
