//! What the compiler could do, were it somebody else. Each attempt is made by a process of its own: this executable, started
//! again, which confines itself with the checker's own code and then tries. Without that every attempt must succeed.

use mayfly_checker::confine::confine;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// `HOW WHAT WHERE`
const PROBE: &str = "MAYFLY_TEST_PROBE";
const DONE: i32 = 50;
const REFUSED: i32 = 51;

const ATTEMPTS: [&str; 10] = ["open", "create", "list", "tcp", "listen", "udp", "unix", "spawn", "memory", "append"];

#[test]
fn it_gets_nothing_from_the_kernel_but_time() {
    if let Ok(plan) = std::env::var(PROBE) {
        return probe(&plan);
    }
    let there = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let _unix = UnixListener::bind(there.path().join("socket")).unwrap();
    for name in ["open", "append"] {
        std::fs::write(there.path().join(name), "text").unwrap();
    }
    for attempt in ATTEMPTS {
        let place = match attempt {
            "tcp" => tcp.local_addr().unwrap().to_string(),
            "unix" => there.path().join("socket").display().to_string(),
            "list" => there.path().display().to_string(),
            name => there.path().join(name).display().to_string(),
        };
        assert_eq!(tried("free", attempt, &place), Some(DONE), "{attempt}, not confined");
        let _ = std::fs::remove_file(there.path().join("create"));
        assert_eq!(tried("confined", attempt, &place), Some(REFUSED), "{attempt}");
    }
}

fn tried(how: &str, what: &str, place: &str) -> Option<i32> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "confine::it_gets_nothing_from_the_kernel_but_time", "--test-threads=1"]);
    let child = child.env(PROBE, format!("{how} {what} {place}")).env("RUST_BACKTRACE", "0");
    child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap().status.code()
}

fn probe(plan: &str) {
    let mut words = plan.splitn(3, ' ');
    let (how, what, place) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    if how == "confined" {
        confine(Path::new("/nowhere"), true).expect("this machine has every layer");
    }
    std::process::exit(if attempt(what, place) { DONE } else { REFUSED });
}

fn attempt(what: &str, place: &str) -> bool {
    match what {
        "open" => std::fs::read(place).is_ok(),
        "create" => std::fs::write(place, "x").is_ok(),
        "append" => {
            std::fs::OpenOptions::new().append(true).open(place).and_then(|mut file| file.write_all(b"x")).is_ok()
        }
        "list" => std::fs::read_dir(place).is_ok(),
        "tcp" => TcpStream::connect(place).is_ok(),
        "listen" => TcpListener::bind("127.0.0.1:0").is_ok(),
        "udp" => UdpSocket::bind("127.0.0.1:0").is_ok(),
        "unix" => UnixStream::connect(place).is_ok(),
        "spawn" => Command::new("/bin/true").status().is_ok(),
        "memory" => Vec::<u8>::new().try_reserve_exact(700 * 1024 * 1024).is_ok(),
        other => panic!("no attempt is called {other}"),
    }
}
