//! In: why a command could not do its work. Out: words on standard error and an exit status.
//! May touch: standard error.
//! Security boundary: no.

use mayfly_schemas::strict::Mistake;
use std::fmt::Display;
use std::process::ExitCode;

/// A command that did not do its work. A script that failed is no `Failure`: it is told as its run.
#[derive(Debug)]
pub enum Failure {
    /// Status 2: the command line or a configuration file is wrong.
    Usage(Vec<String>),
    /// Status 5: ours.
    Fault(String),
    /// A child process of ours said why, and ended with this status.
    Told(u8),
}

impl Failure {
    pub fn usage(message: impl Display) -> Failure {
        Failure::Usage(vec![message.to_string()])
    }

    pub fn fault(what: &str, reason: impl Display) -> Failure {
        Failure::Fault(format!("{what}: {reason}"))
    }

    pub fn report(self) -> ExitCode {
        let (messages, status) = match self {
            Failure::Usage(messages) => (messages, 2),
            Failure::Fault(message) => (vec![message], 5),
            Failure::Told(status) => (Vec::new(), status),
        };
        for message in messages {
            eprintln!("mayfly: {message}");
        }
        ExitCode::from(status)
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Failure {
        Failure::usage(mistake)
    }
}

impl From<Vec<Mistake>> for Failure {
    fn from(mistakes: Vec<Mistake>) -> Failure {
        Failure::Usage(mistakes.iter().map(Mistake::to_string).collect())
    }
}
