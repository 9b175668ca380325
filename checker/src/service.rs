//! In: a script to be checked. Out: its verdict, in time.
//! May touch: compilers.
//! Security boundary: yes: what is asked of a compiler has a bound in size and depth, and what it takes has one in time.
//! One that is over it is ended, and the next check gets a new one.

use crate::compiler::Broken;
use crate::depth::depth;
use crate::diagnose::{Checked, diagnose};
use crate::discover::Installed;
use crate::layout::{self, Frame, Framed};
use crate::limits::{
    CHECK_MS, COMPILER_IDLE_MS, COMPILERS_MAX, DECLARATIONS_BYTES_MAX, DEPTH_MAX, MODULES_MAX, SOURCE_BYTES_MAX,
    START_MS,
};
use crate::message::{Answer, Ask, Module, Verdict, digest};
use crate::project::{Raw, Source, Warm};
use crate::tenants::Turns;
use crate::vocabulary::Vocabulary;
use std::cell::RefCell;
use std::ffi::OsString;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

/// How a compiler is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The command that leads to it, arguments of its own excluded; one that confines itself first (`confine.rs`).
    pub command: Vec<OsString>,
    pub installed: Installed,
}

/// Long-lived compilers, started when they are first needed.
pub struct Checker {
    launch: Launch,
    turns: Turns,
    permits: Semaphore,
    /// With the time of their last check.
    idle: RefCell<Vec<(Warm, Instant)>>,
}

impl Checker {
    pub fn new(launch: Launch) -> Checker {
        let (permits, idle) = (Semaphore::new(COMPILERS_MAX), RefCell::default());
        Checker { launch, turns: Turns::default(), permits, idle }
    }

    /// At most `CHECK_MS`, and `START_MS` where a compiler has to be started.
    pub async fn check(&self, ask: &Ask) -> Answer {
        self.in_time(ask).await.unwrap_or_else(|reason| Answer::Told(Verdict::NotChecked(reason)))
    }

    async fn in_time(&self, ask: &Ask) -> Result<Answer, String> {
        let script = Script::of(&ask.modules)?;
        let mut until = Instant::now() + Duration::from_millis(CHECK_MS);
        let waiting = async { (self.turns.take(&ask.tenant).await, self.permits.acquire().await) };
        let (_turn, _permit) = timeout_at(until, waiting)
            .await
            .map_err(|_| format!("the type checker was busy with other scripts for {CHECK_MS} ms"))?;
        let mut warm = match self.take_idle(&ask.catalogue) {
            Some(warm) => warm,
            None => {
                let starting = Instant::now();
                let warm = timeout(Duration::from_millis(START_MS), Warm::start(&self.launch)).await;
                until += starting.elapsed();
                warm.map_err(|_| "the type checker did not start in time".to_owned())?.map_err(|broken| {
                    tracing::error!(%broken, "the type checker did not start");
                    "the type checker did not start".to_owned()
                })?
            }
        };
        // A compiler that is dropped on the way, because it is late or nobody waits any more, is ended.
        let answer = timeout_at(until, answer(&mut warm, ask, &script))
            .await
            .map_err(|_| format!("the type checker took longer than {CHECK_MS} ms"))?
            .map_err(|broken| {
                tracing::warn!(%broken, tenant = ask.tenant, "the type checker ended under a script");
                "the type checker broke down over this script".to_owned()
            })?;
        if !warm.is_worn() {
            self.idle.borrow_mut().push((warm, Instant::now()));
        }
        Ok(answer)
    }

    /// One that knows the tenant's tools, if there is one.
    fn take_idle(&self, catalogue: &str) -> Option<Warm> {
        let mut idle = self.idle.borrow_mut();
        let at = idle.iter().position(|(warm, _)| warm.knows(catalogue)).or_else(|| idle.len().checked_sub(1))?;
        Some(idle.swap_remove(at).0)
    }

    /// Ends compilers that had nothing to do for long; the next check starts one.
    pub fn end_idle(&self) {
        self.idle.borrow_mut().retain(|(_, last)| last.elapsed() < Duration::from_millis(COMPILER_IDLE_MS));
    }
}

async fn answer(warm: &mut Warm, ask: &Ask, script: &Script) -> Result<Answer, Broken> {
    if !warm.knows(&ask.catalogue) {
        let Some(declarations) = &ask.declarations else { return Ok(Answer::DeclarationsWanted) };
        if declarations.len() > DECLARATIONS_BYTES_MAX || digest(declarations) != ask.catalogue {
            let reason = format!("the declarations of the tools are longer than {DECLARATIONS_BYTES_MAX} bytes");
            return Ok(Answer::Told(Verdict::NotChecked(reason)));
        }
        warm.learn(&ask.catalogue, declarations).await?;
    }
    if ask.external.len() > DECLARATIONS_BYTES_MAX {
        let reason = format!("the declarations of external tools are longer than {DECLARATIONS_BYTES_MAX} bytes");
        return Ok(Answer::Told(Verdict::NotChecked(reason)));
    }
    let frame = layout::frame(script.main());
    let mut framed = script.framed(frame);
    let mut found = warm.check(&ask.catalogue, &ask.external, &script.sources(&framed), script.input).await?;
    let main = |found: &[Vec<Raw>]| -> Vec<u32> { found.first().into_iter().flatten().map(|raw| raw.code).collect() };
    if let Some(other) = frame.other(main(&found).into_iter()) {
        let again = script.framed(other);
        let found_again = warm.check(&ask.catalogue, &ask.external, &script.sources(&again), script.input).await?;
        // Where neither fits, a module is what sees the most.
        if other == Frame::Module || other.other(main(&found_again).into_iter()).is_none() {
            (framed, found) = (again, found_again);
        }
    }
    // Who asks has compiled the script: where the grammars differ, it is not the author who is wrong.
    if let Some(raw) = found.iter().flatten().find(|raw| raw.is_syntax) {
        let reason = format!("TypeScript does not read this script as Mayfly does: {}", raw.text);
        return Ok(Answer::Told(Verdict::NotChecked(reason)));
    }
    let checked = found.into_iter().zip(&script.modules).zip(&framed).map(|((raw, module), framed)| Checked {
        module: &module.name,
        code: &module.code,
        framed,
        raw,
    });
    let vocabulary = Vocabulary::before(&ask.external, warm.vocabulary(&ask.catalogue));
    Ok(Answer::Told(diagnose(checked, &vocabulary)))
}

/// A script whose size and depth are known to be bearable.
struct Script {
    modules: Vec<Laid>,
    input: bool,
}

struct Laid {
    name: String,
    path: String,
    code: String,
}

impl Script {
    fn of(modules: &[Module]) -> Result<Script, String> {
        let bytes: usize = modules.iter().map(|module| module.source.len()).sum();
        if modules.is_empty() || modules.len() > MODULES_MAX || bytes > SOURCE_BYTES_MAX {
            return Err(format!("the type checker takes {SOURCE_BYTES_MAX} bytes in {MODULES_MAX} modules"));
        }
        let mut laid: Vec<Laid> = Vec::with_capacity(modules.len());
        for module in modules {
            let deep = depth(&module.source);
            if deep > DEPTH_MAX {
                return Err(format!("brackets nest {deep} deep; the type checker takes {DEPTH_MAX}"));
            }
            let path = path(&module.name).filter(|path| laid.iter().all(|other| other.path != *path));
            let path =
                path.ok_or_else(|| format!("the type checker does not take the module name {:?}", module.name))?;
            let code = layout::code(&module.source).into_owned();
            laid.push(Laid { name: module.name.clone(), path, code });
        }
        let input = laid.first().is_some_and(|main| !layout::has_exports(&main.code));
        Ok(Script { modules: laid, input })
    }

    fn main(&self) -> &str {
        self.modules.first().map_or("", |main| &main.code)
    }

    /// Modules beside the main one are modules.
    fn framed(&self, frame: Frame) -> Vec<Framed> {
        let framed = |(at, module): (usize, &Laid)| match at {
            0 => frame.put(&module.code),
            _ => Framed::plain(&module.code),
        };
        self.modules.iter().enumerate().map(framed).collect()
    }

    fn sources<'a>(&'a self, framed: &'a [Framed]) -> Vec<Source<'a>> {
        let both = self.modules.iter().zip(framed);
        both.map(|(module, framed)| Source { path: &module.path, text: &framed.text }).collect()
    }
}

/// Where a module lies in the check's folder. JavaScript is checked as TypeScript is, and imports of `./a.js` find `./a.ts`.
fn path(name: &str) -> Option<String> {
    let name = name.strip_prefix("./").unwrap_or(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'@' | b' ');
    let parts = name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    if !name.bytes().all(plain) || !parts || name == "input.d.ts" || name == "tsconfig.json" {
        return None;
    }
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    Some(match end {
        "ts" | "mts" | "cts" => name.to_owned(),
        "js" | "jsx" | "tsx" => format!("{stem}.ts"),
        "mjs" => format!("{stem}.mts"),
        "cjs" => format!("{stem}.cts"),
        _ => format!("{name}.ts"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(source: &str) -> Option<String> {
        Script::of(&[Module { name: "main.ts".into(), source: source.into() }]).err()
    }

    #[test]
    fn what_would_cost_too_much_is_refused_before_anything_sees_it() {
        assert_eq!(refused("await shop.get({ id: [[1]] })"), None);
        let deep = format!("const a = {}{}", "[".repeat(3_000), "]".repeat(3_000));
        assert_eq!(refused(&deep).unwrap(), "brackets nest 3000 deep; the type checker takes 100");
        assert!(refused(&" ".repeat(SOURCE_BYTES_MAX + 1)).unwrap().contains("1048576 bytes"));
    }

    #[test]
    fn names_of_modules_stay_in_their_folder() {
        let table = [
            ("main.ts", Some("main.ts")),
            ("./lib/util.js", Some("lib/util.ts")),
            ("main", Some("main.ts")),
            ("../main.ts", None),
            ("/etc/passwd", None),
            ("a//b.ts", None),
            ("lib/../../x.ts", None),
            ("tsconfig.json", None),
            ("", None),
            ("a\nb.ts", None),
        ];
        for (name, expected) in table {
            assert_eq!(path(name).as_deref(), expected, "{name:?}");
        }
    }
}
