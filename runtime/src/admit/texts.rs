//! In: digests and names of stored scripts. Out: their texts, from memory where the bridge says that they are still those.
//! May touch: the bridge.
//! Security boundary: no; a text is found only under the tenant it was given for.

use crate::bridge::{Bridge, ScriptContent};
use crate::prepare::{ModuleText, Script};
use crate::respond::Problem;
use mayfly_schemas::limits::{SCRIPT_CURRENT_MAX, SCRIPT_TEXTS_BYTES_MAX};
use moka::future::Cache;

/// Texts of stored scripts that this process has run, by tenant and digest.
pub struct Texts {
    texts: Cache<(String, Vec<u8>), Script>,
    /// What a name, with its version if it had one, meant the last time. A hint to the bridge, nothing more.
    last: Cache<(String, String), Vec<u8>>,
}

/// What an entry weighs beside its text.
const ENTRY_BYTES: u64 = 256;

impl Default for Texts {
    fn default() -> Texts {
        let weigh =
            |_: &(String, Vec<u8>), script: &Script| u32::try_from(script.bytes() + ENTRY_BYTES).unwrap_or(u32::MAX);
        let texts = Cache::builder().max_capacity(SCRIPT_TEXTS_BYTES_MAX).weigher(weigh).build();
        Texts { texts, last: Cache::new(SCRIPT_CURRENT_MAX) }
    }
}

impl Texts {
    /// `wanted` is `name` or `name@version`, as a run asks for it.
    pub(super) async fn stored(
        &self,
        bridge: &Bridge,
        tenant: &str,
        token: &[u8],
        wanted: &str,
    ) -> Result<Script, Problem> {
        let (name, version) = parse(wanted)?;
        let place = (tenant.to_owned(), wanted.to_owned());
        let mut known: Vec<Vec<u8>> = self.last.get(&place).await.into_iter().collect();
        loop {
            let (info, content) = bridge.script(token, name, version, &known).await?;
            match self.take(tenant, &info.digest, content).await {
                Some(script) => {
                    self.last.insert(place, info.digest).await;
                    return Ok(script);
                }
                // Forgotten since: then it has to be sent again. Once, because now nothing is said to be known.
                None => known.clear(),
            }
        }
    }

    /// The text that came, or the one that was at hand.
    pub(super) async fn take(&self, tenant: &str, digest: &[u8], content: Option<ScriptContent>) -> Option<Script> {
        let place = (tenant.to_owned(), digest.to_vec());
        let Some(content) = content else { return self.texts.get(&place).await };
        let script = script_of(content);
        self.texts.insert(place, script.clone()).await;
        Some(script)
    }
}

/// The engine starts the first module; the others are in the order of their names.
pub(crate) fn script_of(content: ScriptContent) -> Script {
    let ScriptContent { main, modules } = content;
    let mut ordered: Vec<ModuleText> = modules.into_iter().map(|(name, source)| ModuleText { name, source }).collect();
    ordered.sort_by_key(|module| module.name != main);
    Script::new(ordered)
}

fn parse(wanted: &str) -> Result<(&str, Option<u64>), Problem> {
    let Some((name, version)) = wanted.split_once('@') else { return Ok((wanted, None)) };
    match version.parse() {
        Ok(version) if version > 0 => Ok((name, Some(version))),
        _ => Err(Problem::bad_request("`script`: write a name, or `name@version` with a number from 1")),
    }
}
