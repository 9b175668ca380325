//! In: the keys `state`, `folder` and `objects`. Out: where durable state is, or a mistake with its line and a hint.
//! May touch: nothing.
//! Security boundary: no; but no mistake shows an address, which may hold a password.

use super::File;
use mayfly_schemas::database::{Database, Hidden};
use mayfly_schemas::strict::Mistake;
use toml::Spanned;

const FOLDER: &str = "mayfly-data";

pub struct State {
    /// Of the store, or of what each machine has of its own beside the database: audit and vault.
    pub folder: String,
    pub database: Option<Database>,
}

impl State {
    pub fn read(name: &str, file: &File, line: impl Fn(usize) -> usize) -> Result<State, Mistake> {
        let mistake = |at: &Spanned<String>, what: &str, hint: &str| {
            Err(Mistake::new(name, line(at.span().start), what.to_owned()).hint(hint))
        };
        let state = file.state.as_ref();
        let value = state.map_or(FOLDER, |state| state.get_ref().as_str());
        let scheme = value.split_once("://").map(|(scheme, _)| scheme);
        let database = match (state, scheme) {
            (Some(state), Some("postgres" | "postgresql")) => state,
            (Some(state), None) if value.starts_with("env:") => state,
            (Some(state), Some(scheme)) => {
                let what = format!("`state` cannot be {scheme}://");
                return mistake(
                    state,
                    &what,
                    "name a folder, as in \"./mayfly-data\", or a database as postgres://...",
                );
            }
            _ => {
                let hint = "leave it out, or set `state` to the address of a database";
                return match (&file.folder, &file.objects) {
                    (Some(folder), _) => mistake(folder, "`folder` goes with a database: `state` is the folder", hint),
                    (_, Some(objects)) => mistake(objects, "`objects` goes with a database: `state` is a folder", hint),
                    _ => Ok(State { folder: value.to_owned(), database: None }),
                };
            }
        };
        if file.bridge.as_ref().is_none_or(|bridge| bridge.master_key.is_none()) {
            return mistake(
                database,
                "`state` is a database that several machines may share, and there is no `master_key` that they share",
                "make one with `openssl rand -hex 32`, and write file:PATH, env:NAME or credential:NAME as `master_key` \
                 under [bridge]",
            );
        }
        if let Some(objects) = &file.objects
            && !["file:///", "s3://"].iter().any(|start| objects.get_ref().starts_with(start))
        {
            return mistake(objects, "`objects` is no place for them", "write file:///FOLDER or s3://BUCKET/PREFIX");
        }
        let objects = file.objects.as_ref().map(|objects| objects.get_ref().clone());
        let folder = file.folder.as_ref().map_or(FOLDER, |folder| folder.get_ref().as_str()).to_owned();
        Ok(State { folder, database: Some(Database { address: Hidden(value.to_owned()), objects }) })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse("mayfly.toml", text, Path::new("/etc/mayfly")).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn state_is_a_folder_or_a_database() {
        let config = parse("state = \"data\"").unwrap();
        assert_eq!((config.state.as_path(), config.database), (Path::new("/etc/mayfly/data"), None));
        for address in ["postgres://u:p@h/d", "postgresql://u@h/d", "env:MAYFLY_STATE_URL"] {
            let key = "[bridge]\nmaster_key = \"env:KEY\"\n";
            let config = parse(&format!("state = \"{address}\"\nobjects = \"s3://b/p\"\n{key}")).unwrap();
            assert_eq!(config.state, Path::new("/etc/mayfly/mayfly-data"));
            let database = config.database.unwrap();
            assert_eq!((database.address.0.as_str(), database.objects.as_deref()), (address, Some("s3://b/p")));
            let config = parse(&format!("state = \"{address}\"\nfolder = \"/var/lib/mayfly\"\n{key}")).unwrap();
            assert_eq!(
                (config.state.as_path(), config.database.unwrap().objects),
                (Path::new("/var/lib/mayfly"), None)
            );
        }
    }

    #[test]
    fn a_mistake_says_what_to_write_and_shows_no_password() {
        let mistake = |text: &str| parse(text).unwrap_err();
        let keyless = mistake("\nstate = \"postgres://u:hunter2@h/d\"");
        assert!(
            keyless.contains("mayfly.toml:2: `state` is a database") && keyless.contains("master_key"),
            "{keyless}"
        );
        let other = mistake("state = \"mysql://u:hunter2@h/d\"");
        assert!(other.contains("`state` cannot be mysql://") && other.contains("postgres://"), "{other}");
        let objects = mistake("state = \"env:X\"\nobjects = \"./o\"\n[bridge]\nmaster_key = \"env:KEY\"\n");
        assert!(objects.contains(":2: `objects` is no place"), "{objects}");
        assert!(mistake("objects = \"s3://b\"").contains(":1: `objects` goes with a database"));
        assert!(mistake("state = \"a\"\nfolder = \"b\"").contains(":2: `folder` goes with a database"));
        for text in [keyless, other] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        let config = parse("state = \"postgres://u:hunter2@h/d\"\n[bridge]\nmaster_key = \"env:KEY\"\n").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
