//! In: PostgreSQL as the distribution installs it. Out: a server of the tests' own on a Unix socket, and databases in it.
//! May touch: a temporary folder, and processes that it starts.
//! Security boundary: no.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio_postgres::{NoTls, SimpleQueryMessage};

pub const PASSWORD: &str = "hunter2-of-the-database";

/// A server in its folder. Dropped, or when this process ends in any way, it ends and the folder goes.
pub struct Server {
    folder: PathBuf,
    binaries: PathBuf,
    /// Names the socket too.
    pub port: u16,
    child: Option<Child>,
    /// Its input closes with this process; then it ends the server.
    _guard: Child,
}

/// The one that all tests of this process share, or loudly none.
pub fn shared() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(Server::start).as_ref()
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub fn start() -> Option<Server> {
        let Some(binaries) = binaries() else {
            not_run("PostgreSQL is not installed (`apt-get install postgresql`)");
            return None;
        };
        let folder =
            std::env::temp_dir().join(format!("mayfly-pg-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed)));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("password"), PASSWORD).unwrap();
        for file in [folder.clone(), folder.join("password")] {
            let owner = owner();
            std::os::unix::fs::chown(file, owner, owner).unwrap();
        }
        let made = as_owner(&binaries.join("initdb"))
            .arg("-D")
            .arg(folder.join("data"))
            .arg(format!("--pwfile={}", folder.join("password").display()))
            .args(["-U", "mayfly", "--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"])
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let socket = format!("unix_socket_directories = '{}'\nport = {port}", folder.display());
        let quick = ["listen_addresses = ''", "fsync = off", "full_page_writes = off", "max_connections = 300"];
        append(&folder.join("data/postgresql.conf"), &[&quick[..], &[socket.as_str()]].concat());
        let end = "cat >/dev/null; kill -QUIT $(head -1 \"$1/data/postmaster.pid\"); sleep 0.3; rm -rf \"$1\"";
        let guard = Command::new("sh")
            .args(["-c", end, "sh"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server { folder, binaries, port, child: None, _guard: guard };
        server.up();
        Some(server)
    }

    /// Begins to answer (again).
    pub fn up(&mut self) {
        let log = std::fs::File::create(self.folder.join("log")).unwrap();
        let child = as_owner(&self.binaries.join("postgres"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let began = Instant::now();
        while try_sql(&self.address("postgres"), "SELECT 1").is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(20), "PostgreSQL does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// At once, as a crash would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        let ended = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status().unwrap();
        assert!(ended.success());
        child.wait().unwrap();
    }

    /// Starts it again with these files in its folder, for its owner alone, and these lines of configuration.
    pub fn configure(&mut self, files: &[(&str, &str)], lines: &[&str]) {
        use std::os::unix::fs::PermissionsExt;
        self.kill();
        let data = self.folder.join("data");
        for (name, text) in files {
            std::fs::write(data.join(name), text).unwrap();
            std::fs::set_permissions(data.join(name), PermissionsExt::from_mode(0o600)).unwrap();
            std::os::unix::fs::chown(data.join(name), owner(), owner()).unwrap();
        }
        append(&data.join("postgresql.conf"), lines);
        self.up();
    }

    /// For whoever knows the password.
    pub fn address(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://mayfly:{PASSWORD}@{folder}:{}/{database}", self.port)
    }

    /// The address of a new, empty one.
    pub fn database(&self) -> String {
        let name = format!("test_{}", NUMBER.fetch_add(1, Relaxed));
        sql(&self.address("postgres"), &format!("CREATE DATABASE {name}"));
        self.address(&name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What one statement says: rows, of columns as text. On a thread of its own, so that tests may wait for it anywhere.
pub fn sql(address: &str, text: &str) -> Vec<Vec<String>> {
    try_sql(address, text).unwrap()
}

fn try_sql(address: &str, text: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let ask = async {
        let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
        let connection = tokio::spawn(connection);
        let rows = client.simple_query(text).await?.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).unwrap_or("NULL").to_owned()).collect())
            }
            _ => None,
        });
        let rows = rows.collect();
        drop(client);
        let _ = connection.await;
        Ok(rows)
    };
    std::thread::scope(|scope| scope.spawn(|| super::run(ask)).join().unwrap())
}

fn append(file: &Path, lines: &[&str]) {
    let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
    lines.iter().for_each(|line| writeln!(file, "{line}").unwrap());
}

/// The newest that is installed.
fn binaries() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    found.sort_by_key(|path| path.parent().and_then(|path| path.file_name()?.to_str()?.parse::<u32>().ok()));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).collect::<Vec<_>>();
    found
        .into_iter()
        .rev()
        .chain(on_path)
        .find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file()))
}

/// PostgreSQL refuses to run as root.
fn owner() -> Option<u32> {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let id = is_root.then(|| Command::new("id").args(["-u", "postgres"]).output().unwrap())?;
    Some(String::from_utf8(id.stdout).unwrap().trim().parse().expect("a user `postgres`"))
}

fn as_owner(program: &Path) -> Command {
    if owner().is_none() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

/// Loudly: the runner swallows what `eprintln` says in a test that passes. CI, which installs it, is not to pass without.
fn not_run(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "NOT RUN: {why}");
    let _ = writeln!(std::io::stderr(), "\n*** NOT RUN: {why}\n");
}
