//! In: what an operator wrote about the database that keeps the state. Out: the same, in a type that does not print.
//! May touch: nothing.
//! Security boundary: yes; an address may hold a password, and it stays out of logs and messages.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A database that several machines share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub address: Hidden,
    /// Where what is large is kept: `file:///...` or `s3://...`; without it in the database too.
    pub objects: Option<String>,
}

/// Text that is not shown. It is handed on to a child process, through a pipe.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_printed() {
        let database = Database { address: Hidden("postgres://u:hunter2@host/db".into()), objects: None };
        assert!(!format!("{database:?}").contains("hunter2"));
    }
}
