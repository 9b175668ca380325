//! Recorded runs of generated scripts: each does the same again, and a changed tape is told where it was changed.

use crate::harness::server::{Server, TOKEN};
use crate::harness::upstream::{Upstream, respond};
use mayfly::isolate::{Engine, EngineOptions};
use mayfly::run::Host;
use mayfly::tape;
use serde_json::{Value, json};

/// Draws numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }
}

/// What gives a value, mostly a promise of one.
fn expression(dice: &mut Dice, depth: u32) -> String {
    let number = dice.roll(7);
    if depth == 0 {
        return match dice.roll(5) {
            0 => "Math.random()".to_owned(),
            1 => format!("{number}"),
            2 => "crypto.randomUUID().length".to_owned(),
            3 => "Date.now() % 2".to_owned(),
            _ => format!("seen.length + {number}"),
        };
    }
    let mut inner = || expression(dice, depth - 1);
    let (one, two) = (inner(), inner());
    match dice.roll(8) {
        0 => format!("await sleep({number}, {one})"),
        1 => format!("await Promise.race([sleep({number}, {one}), sleep({}, {two})])", dice.roll(7)),
        2 => format!("(await Promise.all([{one}, sleep({number}, 1), {two}])).length"),
        3 => format!("await get({number}, {one})"),
        4 => format!(
            "(await Promise.allSettled([get({number}, {one}), Promise.reject(new RangeError('x'))])).map((one) => one.status).join()"
        ),
        5 => format!("[{one}, {two}, {number}].sort().length"),
        6 => format!(
            "await Promise.any([get({number}, 1), sleep({}, {two})]).catch((error) => error.name)",
            dice.roll(4)
        ),
        _ => {
            format!("await (async () => {{ for await (const one of drip({number})) seen.push(one); return {one} }})()")
        }
    }
}

fn script(dice: &mut Dice) -> String {
    let mut text = String::from(
        "const seen = [];
         const sleep = (ms, value) => new Promise((done) => setTimeout(done, ms, value));
         const get = async (n, value) => { const reply = await fetch(`${input}/${n}`); if (!reply.ok) throw new TypeError(`status ${reply.status}`); return `${await reply.text()}${value}` };
         async function* drip(n) { for (let at = 0; at < n % 3; at += 1) { await sleep(at, 0); yield at } }\n",
    );
    for line in 0..1 + dice.roll(5) {
        let value = expression(dice, 2);
        match dice.roll(5) {
            0 => text += &format!("try {{ seen.push({value}) }} catch (error) {{ seen.push(error.name) }}\n"),
            1 => text += &format!("console.{}({line}, {value});\n", dice.pick(&["log", "warn", "error"])),
            2 => {
                text += &format!("setTimeout(() => seen.push('late {line}'), {});\nseen.push({value});\n", dice.roll(5))
            }
            _ => text += &format!("seen.push({value});\n"),
        }
    }
    text + dice.pick(&[
        "return seen;",
        "return seen;",
        "return { seen, at: performance.now() };",
        "throw new Error(String(seen.length));",
    ])
}

/// `MAYFLY_REPLAYS=10000` for more of them.
#[test]
fn generated_runs_replay_exactly_and_a_changed_tape_is_told_where() {
    let count: u64 = std::env::var("MAYFLY_REPLAYS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let upstream = Upstream::start(|request, stream| match request.as_bytes().get(5) {
        Some(b'5') => respond(stream, "500 Broken", "", "broken"),
        Some(b'6') => {}
        _ => respond(stream, "200 OK", "content-type: text/plain\r\n", "reply"),
    });
    let rules = format!(
        "[[rule]]\nname = \"here\"\nallow = \"http://{}/**\"\nprivate = true\n[limits]\nruns_per_minute = 100000000\n",
        upstream.address
    );
    let server = Server::start(&rules);
    let host = Host::new(Engine::load(EngineOptions { isolates_max: 8, ..EngineOptions::default() }).unwrap());
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let (mut changed, mut failed) = (0, 0);
    for number in 1..=count {
        let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            dice.roll(2);
        }
        let code = script(&mut dice);
        let run = server.begin(json!({ "code": code, "input": upstream.url(""), "record": true }));
        assert!(["completed", "failed"].contains(&run["status"].as_str().unwrap()), "{code}\n{run:#}");
        failed += u64::from(run["status"] == "failed");
        let of_run = |method: &str, what: &str| {
            server.request(method, &format!("/v1/runs/{}/{what}", run["id"].as_str().unwrap()), &headers, "")
        };
        assert_eq!(of_run("POST", "replay").json(), json!({ "equal": true }), "{number}: {code}");
        if !number.is_multiple_of(5) {
            continue;
        }
        // One number of what was asked for, in a line that the dice choose.
        let tape = of_run("GET", "tape").text;
        let mut lines: Vec<String> = tape.lines().map(str::to_owned).collect();
        let asking: Vec<usize> = (1..lines.len()).filter(|at| lines[*at].contains("\"delay_ms\":")).collect();
        let Some(at) = asking.get(dice.roll(asking.len().max(1) as u64) as usize) else { continue };
        lines[*at] = lines[*at].replacen("\"delay_ms\":", "\"delay_ms\":9", 1);
        let compared = executor.block_on(tape::replay(&host, "acme", &lines.join("\n"))).unwrap();
        let told: Value = serde_json::to_value(&compared).unwrap();
        assert_eq!((&told["equal"], &told["at"]), (&json!(false), &json!(at)), "{number}: {code}\n{told:#}");
        changed += 1;
    }
    assert!(changed > 0 && failed > 0, "{changed} changed, {failed} failed");
    eprintln!("{count} runs, {failed} of them failed, {changed} changed tapes");
}
