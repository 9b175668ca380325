//! In: `mayfly runs ...`. Out: runs of a server, looked at, cancelled, continued, followed.
//! May touch: one HTTP connection to the server; standard streams; the files it is told.
//! Security boundary: no; the server's tokens are. The token is read from the environment or a file, never from an argument.

mod events;
mod list;
mod say;
mod server;
mod told;

use super::executor;
use super::failure::Failure;
use http::Method;
use mayfly_bridge::Wanted;
use server::{Place, Server};
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub enum Verb {
    /// List runs, newest first
    List(list::Arguments),
    /// Show one run
    Show(One),
    /// Cancel a run, wherever it is
    Cancel(One),
    /// Answer calls of a paused run
    Continue(say::Continue),
    /// Say yes to a call that waits for approval
    Approve(say::Approve),
    /// Say no to a call that waits for approval
    Reject(say::Reject),
    /// Tell what has happened in a run and what happens, until it ends
    Events(events::Arguments),
}

#[derive(clap::Args)]
pub struct One {
    /// The run's id
    #[arg(value_name = "ID")]
    id: String,
    /// Print the whole run object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub fn run(verb: Verb) -> Result<ExitCode, Failure> {
    super::log_to_stderr("error");
    executor()?.block_on(async {
        match verb {
            Verb::List(arguments) => list::run(arguments).await,
            Verb::Show(one) => about(one, Method::GET).await,
            Verb::Cancel(one) => about(one, Method::DELETE).await,
            Verb::Continue(arguments) => say::continue_(arguments).await,
            Verb::Approve(arguments) => say::approve(arguments).await,
            Verb::Reject(arguments) => say::reject(arguments).await,
            Verb::Events(arguments) => events::run(arguments).await,
        }
    })
}

async fn about(one: One, method: Method) -> Result<ExitCode, Failure> {
    let server = Server::find(&one.place)?;
    let wanted = Wanted { method, path: &["v1", "runs", &one.id], ..Wanted::default() };
    let object = match server.ask(wanted).await? {
        Ok(object) => object,
        Err(refused) => return Ok(refused.report()),
    };
    told::report(&object, one.json)?;
    Ok(ExitCode::SUCCESS)
}
