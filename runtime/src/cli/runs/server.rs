//! In: where the server is and who asks, from arguments, environment and configuration. Out: its answers.
//! May touch: the environment, the configuration, the token's file, one connection.
//! Security boundary: no.

use crate::cli::failure::Failure;
use crate::cli::report;
use mayfly::config::{Config, default_listen};
use mayfly::limits::TOKEN_FILE_BYTES_MAX;
use mayfly_bridge::{Answered, Client, NotReached, Wanted};
use serde::Deserialize;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Place {
    /// The server; otherwise MAYFLY_URL, otherwise what the configuration says in `listen`
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The server's configuration; otherwise mayfly.toml in this folder, where there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A file with the token; otherwise it is read from MAYFLY_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub struct Server(Client);

/// The server answered, and not with what was asked for.
#[derive(Debug)]
pub struct Refused {
    status: u16,
    detail: String,
}

#[derive(Deserialize)]
struct Problem {
    kind: String,
    detail: String,
}

impl Server {
    pub fn find(place: &Place) -> Result<Server, Failure> {
        let url = match (&place.server, variable("MAYFLY_URL")) {
            (Some(url), _) => url.clone(),
            (None, Some(url)) => url,
            (None, None) => format!("http://{}", listening(place.config.as_deref())?),
        };
        Client::new(&url, &token(place.token_file.as_deref())?).map(Server).map_err(Failure::usage)
    }

    pub async fn open(&self, wanted: Wanted<'_>) -> Result<Result<Answered, Refused>, Failure> {
        let answered = self.0.ask(wanted).await.map_err(not_reached)?;
        if (200..300).contains(&answered.status) {
            return Ok(Ok(answered));
        }
        let (status, body) = (answered.status, answered.whole().await.map_err(not_reached)?);
        let detail = match serde_json::from_slice::<Problem>(&body) {
            Ok(Problem { kind, detail }) => format!("{kind}: {detail}"),
            Err(_) => format!("the server answered with status {status}, and is none of Mayfly's"),
        };
        Ok(Err(Refused { status, detail }))
    }

    /// The answer whole.
    pub async fn ask(&self, wanted: Wanted<'_>) -> Result<Result<Vec<u8>, Refused>, Failure> {
        match self.open(wanted).await? {
            Ok(answered) => Ok(Ok(answered.whole().await.map_err(not_reached)?)),
            Err(refused) => Ok(Err(refused)),
        }
    }
}

impl Refused {
    /// One line. 2: what was asked was wrong, or the token; 5: the server could not; 1: anything else.
    pub fn report(&self) -> ExitCode {
        eprintln!("mayfly: {}", report::plain(&self.detail).replace('\n', " "));
        ExitCode::from(match self.status {
            400 | 401 | 413 => 2,
            500.. => 5,
            _ => 1,
        })
    }
}

pub fn not_reached(error: NotReached) -> Failure {
    Failure::fault("server", error)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where a server with this configuration is reached from the same machine.
fn listening(config: Option<&Path>) -> Result<SocketAddr, Failure> {
    let here = Path::new("mayfly.toml");
    let file = config.or_else(|| here.is_file().then_some(here));
    let mut listen = file.map_or(Ok(default_listen()), |file| Config::read(file).map(|config| config.listen))?;
    if listen.ip().is_unspecified() {
        let own: IpAddr = if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        listen.set_ip(own);
    }
    Ok(listen)
}

fn token(file: Option<&Path>) -> Result<String, Failure> {
    let Some(file) = file else {
        return variable("MAYFLY_TOKEN")
            .ok_or_else(|| Failure::usage("no token: set MAYFLY_TOKEN, or name a file that has it with --token-file"));
    };
    let shown = file.display();
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| Failure::usage(format!("--token-file {shown}: {error}")))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("--token-file {shown}: is empty"))),
        token => Ok(token.to_owned()),
    }
}
