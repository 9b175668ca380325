//! In: a script in its frame, the digest of its tenant's tools. Out: what the compiler says about each module.
//! May touch: one compiler.
//! Security boundary: yes, between scripts and between tenants: a check is a project of its own in a folder of its own, of
//! which nothing is left when the next one begins. Only declarations stay.

use crate::compiler::{Broken, Compiler};
use crate::files::Files;
use crate::leniency::options;
use crate::lenient::lenient;
use crate::limits::{CATALOGUES_MAX, COMPILER_CHECKS_MAX, COMPILER_RESIDENT_BYTES};
use crate::service::Launch;
use crate::vocabulary::Vocabulary;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::rc::Rc;

/// A compiler with the declarations of the language and of Mayfly parsed, and those of some tenants.
pub struct Warm {
    compiler: Compiler,
    files: Files,
    /// The one that was used last is the last.
    catalogues: Vec<Catalogue>,
    checks: u32,
    /// The project of the check before this one.
    open: Option<String>,
    snapshot: Option<u64>,
}

/// A tenant's tools, of which the compiler holds the rest.
struct Catalogue {
    digest: String,
    vocabulary: Rc<Vocabulary>,
}

/// One module of a check: its path below the check's folder, and its text there.
pub struct Source<'a> {
    pub path: &'a str,
    pub text: &'a str,
}

/// As the compiler says it; offsets in UTF-16 units.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Raw {
    pub file_name: String,
    pub pos: u32,
    pub end: u32,
    pub code: u32,
    pub category: u32,
    pub text: String,
    pub message_chain: Vec<Raw>,
    pub related_information: Vec<Raw>,
    /// It is about the grammar: nothing was said about types.
    #[serde(skip)]
    pub is_syntax: bool,
}

impl Raw {
    /// What it comes down to.
    pub fn deepest(&self) -> &Raw {
        let mut at = self;
        while let Some(next) = at.message_chain.first() {
            at = next;
        }
        at
    }

    /// The text between the quotes with this number.
    pub fn quoted(&self, number: usize) -> Option<&str> {
        self.text.split('\'').nth(number * 2 + 1)
    }
}

#[derive(Deserialize)]
struct Opened {
    snapshot: u64,
    projects: Vec<Project>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Project {
    id: Value,
    config_file_name: String,
}

/// Of `category`.
pub const ERROR: u32 = 1;

const SYNTAX: &str = "getSyntacticDiagnostics";
const GLOBALS: &str = "/globals.d.ts";

impl Warm {
    pub async fn start(launch: &Launch) -> Result<Warm, Broken> {
        let compiler = Compiler::spawn(&launch.command)?;
        let mut files = Files::new(&launch.installed);
        files.put(GLOBALS.into(), crate::globals().into());
        files.put("/none/tsconfig.json".into(), config(&[GLOBALS]));
        let mut warm = Warm { compiler, files, catalogues: Vec::new(), checks: 0, open: None, snapshot: None };
        warm.compiler.request("initialize", Value::Null, &mut warm.files).await?;
        warm.update(&["/none/tsconfig.json"], None).await?;
        Ok(warm)
    }

    pub fn knows(&self, catalogue: &str) -> bool {
        self.catalogues.iter().any(|known| known.digest == catalogue)
    }

    /// Parses a tenant's declarations, once: a project without a script holds them.
    pub async fn learn(&mut self, catalogue: &str, declarations: &str) -> Result<(), Broken> {
        let forgotten = match self.catalogues.len() >= CATALOGUES_MAX {
            true => Some(self.catalogues.remove(0).digest),
            false => None,
        };
        let folder = |digest: &str| format!("/t/{digest}/");
        let tools = tools(catalogue);
        self.files.put(tools.clone(), open(&lenient(declarations)).into());
        let project = format!("{}tsconfig.json", folder(catalogue));
        self.files.put(project.clone(), config(&[GLOBALS, &tools]));
        let closed = forgotten.as_ref().map(|digest| format!("{}tsconfig.json", folder(digest)));
        self.update(&[&project], closed.as_deref()).await?;
        if let Some(digest) = forgotten {
            self.files.remove(&folder(&digest));
        }
        let vocabulary = Rc::new(Vocabulary::of(declarations));
        self.catalogues.push(Catalogue { digest: catalogue.to_owned(), vocabulary });
        Ok(())
    }

    /// Of a catalogue that is known.
    pub fn vocabulary(&self, catalogue: &str) -> Rc<Vocabulary> {
        let known = self.catalogues.iter().find(|known| known.digest == catalogue);
        known.map(|known| known.vocabulary.clone()).unwrap_or_default()
    }

    /// The findings of each source, in its order. `external` declares tools of this run alone, `input` the variable that
    /// scripts of statements find.
    pub async fn check(
        &mut self,
        catalogue: &str,
        external: &str,
        sources: &[Source<'_>],
        input: bool,
    ) -> Result<Vec<Vec<Raw>>, Broken> {
        if let Some(at) = self.catalogues.iter().position(|known| known.digest == catalogue) {
            let used = self.catalogues.remove(at);
            self.catalogues.push(used);
        }
        self.checks += 1;
        let folder = format!("/c/{}/", self.checks);
        let paths: Vec<String> = sources.iter().map(|source| format!("{folder}{}", source.path)).collect();
        for (path, source) in paths.iter().zip(sources) {
            self.files.put(path.clone(), source.text.into());
        }
        let tools = tools(catalogue);
        let mut roots = vec![GLOBALS, &tools];
        let own = [
            (format!("{folder}input.d.ts"), if input { "declare const input: any;\n" } else { "" }),
            (format!("{folder}external.d.ts"), &*lenient(external)),
        ];
        for (path, text) in own.iter().filter(|(_, text)| !text.is_empty()) {
            self.files.put(path.clone(), (*text).into());
            roots.push(path);
        }
        roots.extend(paths.iter().map(String::as_str));
        let project = format!("{folder}tsconfig.json");
        self.files.put(project.clone(), config(&roots));
        let before = self.open.replace(project.clone());
        let opened = self.update(&[&project], before.as_deref()).await?;
        if let Some(before) = before.as_deref().and_then(|project| Path::new(project).parent()?.to_str()) {
            self.files.remove(&format!("{before}/"));
        }
        let id = opened.projects.into_iter().find(|known| known.config_file_name == project);
        let id = id.ok_or(Broken::Refused("it did not open the project".into()))?.id;
        let mut found = Vec::with_capacity(paths.len());
        for path in &paths {
            found.push(self.findings(&id, path).await?);
        }
        Ok(found)
    }

    async fn findings(&mut self, project: &Value, path: &str) -> Result<Vec<Raw>, Broken> {
        let params = json!({ "snapshot": self.snapshot, "project": project, "file": path });
        for method in [SYNTAX, "getSemanticDiagnostics"] {
            let result = self.compiler.request(method, params.clone(), &mut self.files).await?;
            let found: Option<Vec<Raw>> = serde_json::from_value(result)?;
            // What does not parse says nothing about types.
            match found {
                Some(mut found) if found.iter().any(|raw| raw.category == ERROR) => {
                    found.iter_mut().for_each(|raw| raw.is_syntax = method == SYNTAX);
                    return Ok(found);
                }
                _ => {}
            }
        }
        Ok(Vec::new())
    }

    async fn update(&mut self, open: &[&str], close: Option<&str>) -> Result<Opened, Broken> {
        let close: Vec<&str> = close.into_iter().collect();
        let params = json!({ "openProjects": open, "closeProjects": close });
        let opened = self.compiler.request("updateSnapshot", params, &mut self.files).await?;
        let opened: Opened = serde_json::from_value(opened)?;
        if let Some(before) = self.snapshot.take() {
            self.compiler.request("release", json!({ "snapshot": before }), &mut self.files).await?;
        }
        self.snapshot = Some(opened.snapshot);
        Ok(opened)
    }

    /// Whether it is time for a new one.
    pub fn is_worn(&self) -> bool {
        self.checks >= COMPILER_CHECKS_MAX || self.compiler.resident_bytes() >= COMPILER_RESIDENT_BYTES
    }
}

fn tools(catalogue: &str) -> String {
    format!("/t/{catalogue}/tools.d.ts")
}

/// The tools as an interface, so that those of a run can be added to it.
fn open(declarations: &str) -> String {
    const HEAD: &str = "declare const tools: {\n";
    let at = declarations.rfind(&format!("\n{HEAD}")).map(|at| at + 1);
    let Some(at) = at.or_else(|| declarations.starts_with(HEAD).then_some(0)) else { return declarations.to_owned() };
    let (before, rest) = declarations.split_at(at);
    let rest = rest.get(HEAD.len() - 1..).unwrap_or_default();
    let Some((members, after)) = rest.split_once("\n};\n") else { return declarations.to_owned() };
    format!("{before}interface Tools {{{members}\n}}\ndeclare const tools: Tools;\n{after}")
}

fn config(files: &[&str]) -> std::sync::Arc<str> {
    json!({ "compilerOptions": options(), "files": files }).to_string().into()
}
