//! In: what the caller of one run asks for it alone: fewer tools, credentials of its own. Out: what is left, and what is sent.
//! May touch: nothing.
//! Security boundary: yes; it takes tools away and never adds one, a credential goes where the tenant's file sends the one of
//! its name and nowhere else, and its value leaves this process only there, or sealed with a parked run.

use crate::ask::Ask;
use crate::credentials::Credential;
use crate::failure::{Failure, Reason};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::tenants::Tenant;
use crate::walk::Run;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use capnp::struct_list;
use mayfly_catalogue::Narrow;
use mayfly_schemas::bridge_capnp::{narrow_ask, own_credential};
use mayfly_schemas::limits::{CREDENTIAL_BYTES_MAX, OWN_CREDENTIALS_MAX, OWN_TOOLS_MAX};
use mayfly_schemas::strict::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// What a run has of its own. The default is a run that asked for nothing.
#[derive(Default)]
pub struct Own {
    narrow: Option<Narrow>,
    credentials: BTreeMap<String, Secret>,
    /// Of the tenant's secrets and these, for the version of the tenant that it was made for.
    scrubber: std::cell::RefCell<Option<(u64, Arc<Scrubber>)>>,
}

/// What is wrong with an ask, and where.
pub struct Invalid {
    pub field: String,
    pub why: String,
}

/// As it is sealed with a parked run.
#[derive(Serialize, Deserialize)]
struct Written {
    tools: Option<Vec<String>>,
    /// In Base64, because any bytes may be in them.
    credentials: BTreeMap<String, String>,
}

impl Drop for Written {
    fn drop(&mut self) {
        self.credentials.values_mut().for_each(Zeroize::zeroize);
    }
}

impl Own {
    pub fn read(ask: narrow_ask::Reader<'_>, tenant: &Tenant) -> Result<Result<Own, Invalid>, capnp::Error> {
        let narrow = match ask.get_narrow() {
            false => None,
            true => match tools(&ask, tenant)? {
                Ok(narrow) => Some(narrow),
                Err(invalid) => return Ok(Err(invalid)),
            },
        };
        Ok(credentials(ask.get_credentials()?, tenant)?.map(|credentials| Own {
            narrow,
            credentials,
            ..Own::default()
        }))
    }

    /// Whether the run may call this tool. `path` is the tool's own.
    pub fn allows(&self, path: &str) -> bool {
        self.narrow.as_ref().is_none_or(|narrow| narrow.allows(path))
    }

    /// Of the tenant's sets, those of which something is left.
    pub fn sets<'t>(&self, tenant: &'t Tenant) -> Vec<&'t str> {
        let left = |name: &&str| self.narrow.as_ref().is_none_or(|narrow| narrow.has_of(name));
        tenant.toolbox.names().into_iter().filter(left).collect()
    }

    /// What is sent where the tenant's file names `declared`; `None` where neither has a value.
    pub fn credential(&self, declared: &Arc<Credential>) -> Option<Arc<Credential>> {
        match self.credentials.get(&declared.name) {
            Some(value) => declared.with(value.again()).map(Arc::new),
            None => Some(declared.clone()).filter(|declared| declared.sent.is_some()),
        }
    }

    /// What replies to this run are searched for.
    pub fn scrubber(&self, tenant: &Tenant) -> Arc<Scrubber> {
        if self.credentials.is_empty() {
            return tenant.scrubber.clone();
        }
        let mut made = self.scrubber.borrow_mut();
        match &*made {
            Some((version, scrubber)) if *version == tenant.version => scrubber.clone(),
            _ => {
                let scrubber = Arc::new(Scrubber::new(tenant.secrets().chain(self.credentials.values())));
                *made = Some((tenant.version, scrubber.clone()));
                scrubber
            }
        }
    }

    /// Before what is sealed of a parked run; nothing for a run without anything of its own.
    pub fn before(&self, rest: Vec<u8>) -> Vec<u8> {
        if self.narrow.is_none() && self.credentials.is_empty() {
            return rest;
        }
        let encoded = |(name, value): (&String, &Secret)| (name.clone(), STANDARD.encode(value.expose()));
        let credentials = self.credentials.iter().map(encoded).collect();
        let tools = self.narrow.as_ref().map(|narrow| narrow.paths().to_vec());
        // Plain records: nothing of it can fail.
        let own = Zeroizing::new(serde_json::to_vec(&Written { tools, credentials }).unwrap_or_default());
        let length = u32::try_from(own.len()).unwrap_or(u32::MAX).to_le_bytes();
        [&[MARK], &length[..], &own, &rest].concat()
    }

    /// The same taken apart again; `None` for what nobody has written so.
    pub fn apart(sealed: &[u8]) -> Option<(Own, Vec<u8>)> {
        let Some(marked) = sealed.strip_prefix(&[MARK]) else { return Some((Own::default(), sealed.to_vec())) };
        let (length, marked) = marked.split_first_chunk::<4>()?;
        let (own, rest) = marked.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let mut written: Written = serde_json::from_slice(own).ok()?;
        let mut credentials = BTreeMap::new();
        for (name, value) in &written.credentials {
            credentials.insert(name.clone(), Secret::new(STANDARD.decode(value).ok()?));
        }
        let own = Own { narrow: written.tools.take().map(Narrow::again), credentials, ..Own::default() };
        Some((own, rest.to_vec()))
    }
}

/// What walks with a run of this kind.
impl Run {
    /// Once, and before the first call: what a call was made with is not taken away behind it.
    pub async fn narrow(&self, ask: narrow_ask::Reader<'_>) -> Result<Result<Vec<String>, Invalid>, capnp::Error> {
        if self.calls.get() > 0 || self.narrowed.replace(true) {
            return Err(capnp::Error::failed("a run is narrowed once, before its first call".into()));
        }
        let gone = || capnp::Error::failed("the tenant has no file any more".into());
        let tenant = self.lane.shared.directory.tenant(&self.tenant.name).ok_or_else(gone)?;
        if ask.get_narrow() {
            tenant.toolbox.settled().await;
        }
        Ok(Own::read(ask, &tenant)?.map(|own| {
            let sets = own.sets(&tenant).into_iter().map(str::to_owned).collect();
            self.own.replace(Rc::new(own));
            sets
        }))
    }

    /// Whether this run was left the tool. What no catalogue knows is held against the words as they are.
    pub fn granted(&self, tenant: &Tenant, asked: &str) -> Result<(), Failure> {
        let catalogue = tenant.toolbox.catalogue();
        let path = match catalogue.find(asked) {
            Ok(tool) => &tool.path,
            Err(_) => asked.strip_prefix("tools.").unwrap_or(asked),
        };
        match self.own.borrow().allows(path) {
            true => Ok(()),
            false => {
                let text = format!("{path} is not among the `tools` that this run was begun with");
                Err(Failure::policy(Reason::NotGranted, "", text))
            }
        }
    }

    /// What is sent where a rule names this credential.
    pub fn credential(&self, rule: &str, declared: &Arc<Credential>, ask: &Ask) -> Result<Arc<Credential>, Failure> {
        self.own.borrow().credential(declared).ok_or_else(|| {
            let name = &declared.name;
            let text =
                format!("the credential \"{name}\" comes with each run, and this one has brought none; give `credentials.{name}`");
            Failure::policy(Reason::CredentialMissing, rule, text).about(ask.target())
        })
    }
}

/// No JSON begins so, which is what runs without anything of their own have there.
const MARK: u8 = 1;

fn tools(ask: &narrow_ask::Reader<'_>, tenant: &Tenant) -> Result<Result<Narrow, Invalid>, capnp::Error> {
    let mut paths = Vec::new();
    for path in ask.get_tools()?.iter().take(OWN_TOOLS_MAX + 1) {
        paths.push(path?.to_str()?);
    }
    if paths.len() > OWN_TOOLS_MAX {
        let why = format!("has more than {OWN_TOOLS_MAX} entries; name groups of tools, or sets");
        return Ok(Err(Invalid { field: "tools".to_owned(), why }));
    }
    Ok(tenant.toolbox.catalogue().narrow(&paths).map_err(|(at, unknown)| {
        let why = match unknown.nearest.is_empty() {
            true => format!("there is no tool, group or set `{}`", unknown.path),
            false => unknown.to_string(),
        };
        Invalid { field: format!("tools[{at}]"), why }
    }))
}

fn credentials(
    asked: struct_list::Reader<'_, own_credential::Owned>,
    tenant: &Tenant,
) -> Result<Result<BTreeMap<String, Secret>, Invalid>, capnp::Error> {
    let mut values = BTreeMap::new();
    if asked.len() as usize > OWN_CREDENTIALS_MAX {
        let why = format!("has {} entries; the limit is {OWN_CREDENTIALS_MAX}", asked.len());
        return Ok(Err(Invalid { field: "credentials".to_owned(), why }));
    }
    for own in asked {
        let (name, value) = (own.get_name()?.to_str()?, own.get_value()?);
        let invalid = |why: String| Ok(Err(Invalid { field: format!("credentials.{}", crate::door::cut(name)), why }));
        let Some(declared) = tenant.credentials.iter().find(|known| known.name == name) else {
            let known: Vec<&str> = tenant.credentials.iter().map(|known| known.name.as_str()).collect();
            let hint = nearest(name, &known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return invalid(format!("the tenant's file has no [[credential]] of this name{hint}"));
        };
        if value.is_empty() || value.len() > CREDENTIAL_BYTES_MAX {
            return invalid(format!("has {} bytes; a credential has 1 to {CREDENTIAL_BYTES_MAX}", value.len()));
        }
        if declared.with(Secret::new(value.to_vec())).is_none() {
            return invalid("has characters that no header can carry".to_owned());
        }
        values.insert(name.to_owned(), Secret::new(value.to_vec()));
    }
    Ok(Ok(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_has_of_its_own_is_sealed_with_it_and_comes_back() {
        let rest = br#"{"belongings":1}"#.to_vec();
        assert_eq!(Own::default().before(rest.clone()), rest);
        let own = Own {
            narrow: Some(Narrow::again(vec!["shop.get".into()])),
            credentials: [("key".to_owned(), Secret::new(vec![b's', 0xff]))].into(),
            ..Own::default()
        };
        let written = own.before(rest.clone());
        let (again, same) = Own::apart(&written).unwrap();
        assert_eq!(same, rest);
        assert!(again.allows("shop.get") && !again.allows("shop.gets") && !again.allows("other"));
        assert_eq!(again.credentials["key"].expose(), b"s\xff");
        let (plain, same) = Own::apart(&rest).unwrap();
        assert!(plain.allows("anything") && plain.credentials.is_empty() && same == rest);
        for broken in [&[MARK][..], &[MARK, 9, 0, 0, 0, b'{'], &[MARK, 1, 0, 0, 0, b'{']] {
            assert!(Own::apart(broken).is_none(), "{broken:?}");
        }
    }
}
