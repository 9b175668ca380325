//! In: `s3://BUCKET/PREFIX` and the environment's `AWS_*`. Out: what is below that prefix, as an object store.
//! May touch: the endpoint of the bucket, which the operator names, and where its credentials come from.
//! Security boundary: yes: TLS as for the database; http only where the operator says so (`AWS_ALLOW_HTTP`).
//!
//! The protocol is that of the crate `object_store`; its own HTTP client would be reqwest (`deny.toml`).

use crate::tls;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use mayfly_schemas::limits::{STORE_BUSY_MS, STORE_CONNECTIONS_MAX};
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpConnector as Connector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};
use std::io::Error;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Of one that failed on the way; the request to the store as a whole has its own time.
const RETRIES: usize = 2;

pub fn open(address: &Url, environment: &[(String, String)]) -> Result<Arc<dyn ObjectStore>, Error> {
    let bucket = address.host_str().unwrap_or_default();
    let prefix = Path::from_url_path(address.path()).map_err(Error::other)?;
    let busy = Duration::from_millis(STORE_BUSY_MS);
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: busy, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new();
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder
        .with_bucket_name(bucket)
        .with_retry(retry)
        .with_http_connector(Http)
        // One by one is what every provider understands.
        .with_disable_bulk_delete(true)
        .build()
        .map_err(Error::other)?;
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

#[derive(Debug)]
struct Http;

#[derive(Debug)]
struct Service(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

impl Connector for Http {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let generic = |source| object_store::Error::Generic { store: "S3", source };
        let tls = tls::store_config(&[]).map_err(|error| generic(Box::new(error)))?;
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        let is_plain = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let builder = if is_plain { builder.https_or_http() } else { builder.https_only() };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(Duration::from_millis(STORE_BUSY_MS)));
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(STORE_CONNECTIONS_MAX)
            .pool_timer(TokioTimer::new())
            .build(builder.enable_http1().wrap_connector(tcp));
        Ok(HttpClient::new(Service(client)))
    }
}

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answered = self.0.request(request).await.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
            HttpError::new(kind, error)
        })?;
        Ok(answered
            .map(|body| HttpResponseBody::new(body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)))))
    }
}
