//! In: a TCP connection to a checked address and the name it should answer for. Out: a TLS connection.
//! May touch: the system's certificate store, once, at the first https call.
//! Security boundary: yes; proves that the checked address is the host that was decided.
//!
//! Roots are the system's (a company's own CA is there; SSL_CERT_FILE and SSL_CERT_DIR are honoured), and Mozilla's from
//! webpki-roots where the system has none. rustls-platform-verifier does the same on Linux with more in between.

use mayfly_schemas::limits::TLS_SESSIONS_MAX;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{Error, RootCertStore};
use std::sync::{Arc, OnceLock};

/// Whom we believe. Loaded when first needed: with the system's 140 roots it is the largest thing an idle bridge holds.
#[derive(Default)]
pub struct Roots {
    /// Believed besides the system's; tests put their own here.
    extra: Vec<CertificateDer<'static>>,
    loaded: OnceLock<Arc<RootCertStore>>,
}

impl Roots {
    pub fn with(extra: Vec<CertificateDer<'static>>) -> Roots {
        Roots { extra, loaded: OnceLock::new() }
    }

    fn load(&self) -> &Arc<RootCertStore> {
        self.loaded.get_or_init(|| {
            let mut store = RootCertStore::empty();
            let (added, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if added == 0 {
                tracing::warn!("the system has no certificate store; using Mozilla's roots");
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            store.add_parsable_certificates(self.extra.iter().cloned());
            Arc::new(store)
        })
    }
}

/// A configuration of its own for each tenant: session tickets are shared by whoever shares this.
pub fn config(roots: &Roots) -> Result<Arc<ClientConfig>, Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots.load().clone()).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(TLS_SESSIONS_MAX);
    Ok(Arc::new(config))
}

/// For the store's servers, which the operator names: the database, and where its objects are.
pub fn store_config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(Roots::with(extra.to_vec()).load().clone()).with_no_client_auth())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    static PROVIDER: OnceLock<Arc<rustls::crypto::CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(default_provider())).clone()
}
