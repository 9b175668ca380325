//! In: an admission. Out: the declarations of its tenant's tools, with their digest.
//! May touch: the bridge, once for each generation of its configuration and a moment.
//! Security boundary: no; the bridge decides whose tools they are.

use crate::bridge::{Admission, Asker, Bridge, DoorError};
use mayfly_checker::limits::{CATALOGUE_MS, CATALOGUES_BYTES_MAX};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub struct Catalogue {
    /// TypeScript, without the globals.
    pub declarations: String,
    pub digest: String,
}

/// What one worker knows, by tenant.
#[derive(Default)]
pub(super) struct Catalogues(RefCell<HashMap<String, Known>>);

struct Known {
    generation: u64,
    at: Instant,
    catalogue: Rc<Catalogue>,
}

impl Catalogue {
    pub fn new(declarations: String) -> Catalogue {
        Catalogue { digest: mayfly_checker::digest(&declarations), declarations }
    }
}

impl Catalogues {
    /// Tools can change without a new generation, where other servers describe them: so nothing is believed for long.
    pub async fn of(&self, bridge: &Bridge, asker: Asker<'_>, of: &Admission) -> Result<Rc<Catalogue>, DoorError> {
        if let Some(known) = self.known(of) {
            return Ok(known);
        }
        let catalogue = Rc::new(Catalogue::new(bridge.tool_declarations(asker, None).await?));
        let known = Known { generation: of.policy_generation, at: Instant::now(), catalogue: catalogue.clone() };
        let mut all = self.0.borrow_mut();
        let bytes: usize = all.values().map(|known| known.catalogue.declarations.len()).sum();
        if bytes + catalogue.declarations.len() > CATALOGUES_BYTES_MAX {
            all.clear();
        }
        all.insert(of.tenant.clone(), known);
        Ok(catalogue)
    }

    fn known(&self, of: &Admission) -> Option<Rc<Catalogue>> {
        let all = self.0.borrow();
        let known = all.get(&of.tenant)?;
        let fresh = known.at.elapsed() < Duration::from_millis(CATALOGUE_MS);
        (fresh && known.generation == of.policy_generation).then(|| known.catalogue.clone())
    }
}
