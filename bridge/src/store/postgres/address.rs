//! In: where the operator says the database is. Out: how to connect to it, and a name of it that may be shown.
//! May touch: the environment variable that the address is in; the system's certificate store.
//! Security boundary: yes: the password is in none of the errors, and no server elsewhere is spoken to without TLS unless
//! the address says so.

use crate::tls;
use deadpool_postgres::tokio_postgres::Config;
use deadpool_postgres::tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use mayfly_schemas::limits::{STORE_BUSY_MS, STORE_WAIT_MS};
use rustls::pki_types::CertificateDer;
use std::io::{Error, ErrorKind};
use std::time::Duration;

pub struct Server {
    pub config: Config,
    pub tls: rustls::ClientConfig,
    pub shown: String,
}

/// `env:NAME`, or the address itself. No error tells of the address more than its scheme.
pub fn server(address: &str, roots: &[CertificateDer<'static>]) -> Result<Server, Error> {
    let from_variable;
    let address = match address.strip_prefix("env:") {
        None => address,
        Some(name) => {
            let unset = |_| invalid(&format!("environment variable {name}, which `state` names, is not set"));
            from_variable = std::env::var(name).map_err(unset)?;
            from_variable.trim()
        }
    };
    if !["postgres://", "postgresql://"].iter().any(|scheme| address.starts_with(scheme)) {
        return Err(invalid("`state` is no postgres:// address"));
    }
    // What the parser complains of may be a part of the password that was not written as it must be.
    let mut config: Config = address.parse().map_err(|_| {
        invalid(
            "`state` is no address of a PostgreSQL database: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for \
             letters like @ / ? # %, and sslmode, if at all, as disable, prefer or require (certificates are always checked)",
        )
    })?;
    if config.get_hosts().is_empty() {
        return Err(invalid("`state` names no host of the database"));
    }
    if !says(address, "sslmode") {
        // On this machine the usual certificate is one that nobody signed.
        let is_elsewhere = config.get_hosts().iter().any(is_elsewhere);
        config.ssl_mode(if is_elsewhere { SslMode::Require } else { SslMode::Disable });
    }
    if config.get_hosts().len() > 1 && !says(address, "target_session_attrs") {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if config.get_application_name().is_none() {
        config.application_name("mayfly");
    }
    config.connect_timeout(Duration::from_millis(STORE_BUSY_MS));
    config.keepalives_idle(Duration::from_millis(STORE_WAIT_MS));
    config.tcp_user_timeout(Duration::from_millis(STORE_WAIT_MS));
    let tls = tls::store_config(roots).map_err(Error::other)?;
    Ok(Server { shown: shown(&config), config, tls })
}

/// Whether this stands among its parameters. What comes before the last `@` may be a password.
fn says(address: &str, parameter: &str) -> bool {
    let behind = address.rsplit_once('@').map_or(address, |(_, behind)| behind);
    let parameters = behind.split_once('?').map_or("", |(_, parameters)| parameters);
    parameters.split('&').any(|pair| pair.split_once('=').is_some_and(|(name, _)| name == parameter))
}

fn is_elsewhere(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name != "localhost" && !name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => false,
    }
}

fn shown(config: &Config) -> String {
    let hosts: Vec<String> = config.get_hosts().iter().map(host).collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{}/{database}", hosts.join(","))
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

fn invalid(text: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_spoken_to_with_tls_unless_the_address_says_otherwise() {
        for (address, mode, name) in [
            ("postgres://u:p@db.example.com/mayfly", SslMode::Require, "db.example.com/mayfly"),
            ("postgresql://u@10.0.0.7:5433/m", SslMode::Require, "10.0.0.7/m"),
            ("postgres://u@db.example.com/m?sslmode=disable", SslMode::Disable, "db.example.com/m"),
            ("postgres://u:%3Fsslmode=disable@db/m", SslMode::Require, "db/m"),
            ("postgres://u@127.0.0.1/m?sslmode=prefer", SslMode::Prefer, "127.0.0.1/m"),
            ("postgres://u@127.0.0.1/m", SslMode::Disable, "127.0.0.1/m"),
            ("postgres://u@localhost,db2/m", SslMode::Require, "localhost,db2/m"),
            ("postgres://u@%2Frun%2Fpostgresql/m", SslMode::Disable, "/run/postgresql/m"),
        ] {
            let server = server(address, &[]).unwrap();
            assert_eq!((server.config.get_ssl_mode(), server.shown.as_str()), (mode, name), "{address}");
        }
    }

    #[test]
    fn no_refusal_of_an_address_tells_a_part_of_it() {
        for address in [
            "postgres://u:hunter2@host:hunter2/db",
            "postgres://u:hunter2@host/db?sslmode=hunter2",
            "postgres://u:%hunter2%@host/db?hunter2=hunter2",
            "mysql://u:hunter2@host/db",
            "env:MAYFLY_NO_SUCH_VARIABLE",
            "postgres:///db",
        ] {
            let refused = server(address, &[]).err().expect(address).to_string();
            assert!(!refused.contains("unter") && refused.contains("`state`"), "{address}: {refused}");
        }
    }
}
