//! In: the folder of tenant files, and those given as text. Out: all tenants, swapped as a whole when a file changes.
//! May touch: that folder, and the files that credentials come from; it reads only.
//! Security boundary: yes; a file that does not load changes nothing, and says so.
//!
//! Files are looked at each second by their metadata: works on every file system, where inotify does not.

use crate::routes::Routes;
use crate::settings::{Inline, Settings};
use crate::tenants::{self, Frame, Rejected, Tenant};
use crate::tokens::{Tokens, parse_hash};
use crate::vault::Vault;
use arc_swap::ArcSwap;
use mayfly_schemas::limits::TENANT_FILE_BYTES_MAX;
use mayfly_schemas::strict::Mistake;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// All tenants at one moment.
#[derive(Default)]
pub struct Snapshot {
    /// Grows with every change of any tenant.
    pub generation: u64,
    pub tenants: HashMap<String, Arc<Tenant>>,
    pub tokens: Tokens,
    pub routes: Routes,
    pub mistakes: Vec<Mistake>,
    /// The folder of tenant files, when it cannot be read.
    missing: Option<Mistake>,
}

/// Keeps the newest snapshot.
pub struct Directory {
    settings: Settings,
    current: ArcSwap<Snapshot>,
    /// By name, so that of two files with the same tenant it is always the same that counts.
    files: Mutex<BTreeMap<String, Loaded>>,
}

/// The last good reading of one file, and what the file looked like when it was last read.
#[derive(Clone)]
struct Loaded {
    file: String,
    marks: Vec<Mark>,
    tenant: Option<Arc<Tenant>>,
    mistakes: Vec<Mistake>,
}

/// Path, and what changes when the file does.
type Mark = (PathBuf, Option<(u64, u64, i64, i64)>);

struct Source {
    file: String,
    path: Option<PathBuf>,
    text: Option<String>,
    folder: PathBuf,
}

static VERSIONS: AtomicU64 = AtomicU64::new(1);

impl Directory {
    pub fn load(settings: Settings) -> Directory {
        let directory = Directory { settings, current: ArcSwap::default(), files: Mutex::default() };
        directory.look();
        directory
    }

    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    pub fn tenant(&self, name: &str) -> Option<Arc<Tenant>> {
        self.current.load().tenants.get(name).cloned()
    }

    /// Logs what is wrong. Nothing of it stops the tenants that are right.
    pub fn tell(&self) {
        let now = self.current();
        for mistake in &now.mistakes {
            tracing::error!("{mistake}");
        }
        tracing::info!(tenants = now.tenants.len(), mistakes = now.mistakes.len(), "tenant files were read");
    }

    /// Reads what has changed; true if anything has.
    pub fn look(&self) -> bool {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load();
        let (sources, missing) = sources(&self.settings);
        let known = files.len();
        // While the folder cannot be read, what was read from it stays.
        files.retain(|file, _| missing.is_some() || sources.iter().any(|source| source.file == *file));
        let mut changed = before.generation == 0 || files.len() != known || missing != before.missing;
        for source in &sources {
            let known = files.get(&source.file);
            if known.is_some_and(|loaded| loaded.marks.iter().all(|(path, mark)| *mark == look_at(path))) {
                continue;
            }
            let loaded = read(source, known, &self.settings);
            files.insert(source.file.clone(), loaded);
            changed = true;
        }
        if changed {
            let snapshot = assemble(files.values(), missing, &self.settings, before.generation + 1);
            self.current.store(Arc::new(snapshot));
        }
        changed
    }
}

/// Where tenant files are, and why the folder of them cannot be read.
fn sources(settings: &Settings) -> (Vec<Source>, Option<Mistake>) {
    let inline = |Inline { file, text, folder }: &Inline| Source {
        file: file.clone(),
        path: None,
        text: Some(text.clone()),
        folder: folder.clone(),
    };
    let mut sources: Vec<Source> = settings.inline.iter().map(inline).collect();
    let Some(folder) = &settings.tenants else { return (sources, None) };
    match toml_files(folder) {
        Ok(paths) => {
            let file = |path: PathBuf| Source {
                file: path.display().to_string(),
                path: Some(path),
                text: None,
                folder: folder.clone(),
            };
            sources.extend(paths.into_iter().map(file));
            (sources, None)
        }
        Err(error) => {
            let what = format!("the folder of tenant files cannot be read: {}", error.kind());
            let hint = "create it, or change `tenants` in mayfly.toml";
            (sources, Some(Mistake::new(&folder.display().to_string(), 0, what).hint(hint)))
        }
    }
}

fn toml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn look_at(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), found.mtime() * 1_000_000_000 + found.mtime_nsec(), found.ctime_nsec()))
}

fn read(source: &Source, known: Option<&Loaded>, settings: &Settings) -> Loaded {
    // Looked at before it is read: a change in between is seen next time.
    let mut marks: Vec<Mark> = source.path.iter().map(|path| (path.clone(), look_at(path))).collect();
    let file = source.file.clone();
    let last_good = known.and_then(|loaded| loaded.tenant.clone());
    let text = match text(source) {
        Ok(text) => text,
        Err(mistake) => return Loaded { file, marks, tenant: last_good, mistakes: vec![mistake] },
    };
    let vault = Vault::of(settings);
    let frame = Frame {
        folder: &source.folder,
        ceilings: &settings.ceilings,
        defaults: &settings.defaults,
        values: true,
        vault: &vault,
    };
    match tenants::parse(&source.file, &text, &frame) {
        Ok(mut tenant) => {
            for warning in &tenant.toolbox.warnings {
                tracing::warn!(file = source.file, "{warning}");
            }
            tenant.version = VERSIONS.fetch_add(1, Relaxed);
            if let Some(before) = last_good.filter(|before| before.name == tenant.name) {
                tenant.quota = before.quota.clone();
                tenant.stored = before.stored.clone();
                tenant.toolbox.take_over(&before.toolbox);
            }
            marks.extend(tenant.read_files.iter().map(|path| (path.clone(), look_at(path))));
            Loaded { file, marks, tenant: Some(Arc::new(tenant)), mistakes: Vec::new() }
        }
        Err(Rejected { mistakes, read_files }) => {
            marks.extend(read_files.iter().map(|path| (path.clone(), look_at(path))));
            Loaded { file, marks, tenant: last_good, mistakes }
        }
    }
}

fn text(source: &Source) -> Result<String, Mistake> {
    use std::io::Read;
    if let Some(text) = &source.text {
        return Ok(text.clone());
    }
    let path = source.path.as_deref().unwrap_or(Path::new(""));
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(TENANT_FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(Mistake::new(&source.file, 0, format!("cannot be read: {}", error.kind()))),
        Ok(bytes) if bytes as u64 > TENANT_FILE_BYTES_MAX => {
            Err(Mistake::new(&source.file, 0, format!("is above {TENANT_FILE_BYTES_MAX} bytes")))
        }
        Ok(_) => Ok(text),
    }
}

/// Puts the files together; two of them must not claim the same name or token, the first keeps it.
fn assemble<'a>(
    files: impl Iterator<Item = &'a Loaded>,
    missing: Option<Mistake>,
    settings: &Settings,
    generation: u64,
) -> Snapshot {
    let mut mistakes: Vec<Mistake> = missing.iter().cloned().collect();
    let routes = Routes::new(settings.host.as_deref());
    let mut snapshot = Snapshot { generation, missing, routes, ..Snapshot::default() };
    for loaded in files {
        mistakes.extend(loaded.mistakes.iter().cloned());
        let Some(tenant) = &loaded.tenant else { continue };
        let file = &loaded.file;
        if snapshot.tenants.contains_key(&tenant.name) {
            let what = format!("another file has the tenant \"{}\" already", tenant.name);
            mistakes.push(Mistake::new(file, 0, what).hint("one file for each tenant"));
            continue;
        }
        for (hash, role) in &tenant.tokens {
            if snapshot.tokens.owner(hash).is_some() {
                let what = format!("a token of tenant \"{}\" is listed already", tenant.name);
                mistakes.push(Mistake::new(file, 0, what).hint("one token belongs to one tenant, once"));
                continue;
            }
            snapshot.tokens.add(*hash, tenant, *role);
        }
        mistakes.extend(snapshot.routes.add(file, tenant));
        snapshot.tenants.insert(tenant.name.clone(), tenant.clone());
    }
    for extra in &settings.tokens {
        match (parse_hash(&extra.sha256), snapshot.tenants.get(&extra.tenant)) {
            (Some(hash), Some(tenant)) => snapshot.tokens.add(hash, tenant, extra.role),
            (None, _) => mistakes.push(Mistake::new("token", 0, "`sha256` is not 64 hexadecimal digits")),
            (_, None) => {
                let what = format!("there is no tenant \"{}\"", extra.tenant);
                mistakes.push(Mistake::new("token", 0, what).hint("give its file a [[token]] or name another tenant"));
            }
        }
    }
    snapshot.mistakes = mistakes;
    snapshot
}

/// All mistakes of all files, read now.
pub fn check(settings: &Settings) -> Vec<Mistake> {
    Directory::load(settings.clone()).current().mistakes.clone()
}

/// Names of the tenants that load, in order.
pub fn names(settings: &Settings) -> Vec<String> {
    let mut names: Vec<String> = Directory::load(settings.clone()).current().tenants.keys().cloned().collect();
    names.sort();
    names
}

/// One tenant for questions about its rules; its credentials need not be there.
pub fn tenant_without_credentials(settings: &Settings, name: &str) -> Result<Tenant, Vec<Mistake>> {
    let (tenants, mut mistakes) = read_without_credentials(settings);
    let found = tenants.into_iter().find(|(_, tenant, _)| tenant.name == name);
    found.map(|(_, tenant, _)| tenant).ok_or_else(|| {
        mistakes.insert(0, Mistake::new("tenants", 0, format!("there is no tenant \"{name}\"")));
        mistakes
    })
}

/// All tenants with the text of each, or everything that is wrong in any of their files.
pub fn tenants_without_credentials(settings: &Settings) -> Result<Vec<(Arc<Tenant>, String)>, Vec<Mistake>> {
    let (tenants, mut mistakes) = read_without_credentials(settings);
    let mut texts = Vec::new();
    let loaded: Vec<Loaded> = tenants
        .into_iter()
        .map(|(file, tenant, text)| {
            let tenant = Arc::new(tenant);
            texts.push((tenant.clone(), text));
            Loaded { file, marks: Vec::new(), tenant: Some(tenant), mistakes: Vec::new() }
        })
        .collect();
    mistakes.extend(assemble(loaded.iter(), None, settings, 1).mistakes);
    if mistakes.is_empty() { Ok(texts) } else { Err(mistakes) }
}

/// File, tenant and text of those that are right, and what is wrong in the others.
fn read_without_credentials(settings: &Settings) -> (Vec<(String, Tenant, String)>, Vec<Mistake>) {
    let (mut sources, missing) = sources(settings);
    sources.sort_by(|one, other| one.file.cmp(&other.file));
    let (mut found, mut mistakes) = (Vec::new(), missing.into_iter().collect::<Vec<_>>());
    let vault = Vault::of(settings);
    for source in sources {
        let frame = Frame {
            folder: &source.folder,
            ceilings: &settings.ceilings,
            defaults: &settings.defaults,
            values: false,
            vault: &vault,
        };
        match text(&source) {
            Err(mistake) => mistakes.push(mistake),
            Ok(text) => match tenants::parse(&source.file, &text, &frame) {
                Ok(tenant) => found.push((source.file, tenant, text)),
                Err(rejected) => mistakes.extend(rejected.mistakes),
            },
        }
    }
    (found, mistakes)
}
