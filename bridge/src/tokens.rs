//! In: the bearer token of a client. Out: whose it is and what role it has.
//! May touch: nothing.
//! Security boundary: yes. Only SHA-256 of tokens is stored: tokens are 256 random bits, so a fast hash is enough.

use crate::tenants::Tenant;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use mayfly_schemas::limits::TOKEN_BYTES_MAX;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What the holder of a token may do. `Runner` and `Admin` may run code, `Deployer` may too (it stores scripts and tries
/// them); `Auditor` only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Runner,
    Deployer,
    Auditor,
    Admin,
}

impl Role {
    pub const WORDS: [&'static str; 4] = ["runner", "deployer", "auditor", "admin"];

    pub fn parse(word: &str) -> Option<Role> {
        [Role::Runner, Role::Deployer, Role::Auditor, Role::Admin].into_iter().find(|role| role.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Role::Runner => "runner",
            Role::Deployer => "deployer",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }

    /// The words of those that may run code.
    pub fn running() -> Vec<&'static str> {
        Role::WORDS.into_iter().filter(|word| Role::parse(word).is_some_and(Role::may_run)).collect()
    }

    pub fn may_run(self) -> bool {
        self != Role::Auditor
    }

    /// Whether it may change stored scripts. All roles may read them: who may run code could send the same text.
    pub fn may_deploy(self) -> bool {
        matches!(self, Role::Deployer | Role::Admin)
    }
}

pub type TokenHash = [u8; 32];

type Known = (TokenHash, Arc<Tenant>, Role);

/// All tokens of all tenants. Buckets by the first bytes of the hash keep a look-up short; inside a bucket hashes are
/// compared in constant time. What timing tells about the bucket is a part of the hash of the guess, which the guesser
/// knows already.
#[derive(Default)]
pub struct Tokens {
    buckets: HashMap<[u8; 4], Vec<Known>>,
}

impl Tokens {
    pub fn add(&mut self, hash: TokenHash, tenant: &Arc<Tenant>, role: Role) {
        self.buckets.entry(bucket(&hash)).or_default().push((hash, tenant.clone(), role));
    }

    pub fn owner(&self, hash: &TokenHash) -> Option<(&Arc<Tenant>, Role)> {
        let entries = self.buckets.get(&bucket(hash))?;
        let found = entries.iter().find(|(known, ..)| bool::from(known.ct_eq(hash)));
        found.map(|(_, tenant, role)| (tenant, *role))
    }

    pub fn look_up(&self, token: &[u8]) -> Option<(&Arc<Tenant>, Role)> {
        (token.len() <= TOKEN_BYTES_MAX).then(|| self.owner(&Sha256::digest(token).into()))?
    }
}

fn bucket(hash: &TokenHash) -> [u8; 4] {
    let [a, b, c, d, ..] = *hash;
    [a, b, c, d]
}

/// 64 hexadecimal digits.
pub fn parse_hash(text: &str) -> Option<TokenHash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A fresh token and the SHA-256 that goes into the tenant file.
pub fn new_token() -> (String, String) {
    let mut bytes = [0; 32];
    #[allow(clippy::expect_used)] // Without randomness there is no token; going on would make a guessable one.
    getrandom::fill(&mut bytes).expect("the system has a random source");
    let token = format!("mf_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let hash = hex(&Sha256::digest(token.as_bytes()));
    (token, hash)
}
