//! In: the responses of an operation. Out: the schema of the first that is a success and JSON, and what to accept.
//! May touch: nothing.
//! Security boundary: no.

use super::Reading;
use super::body::{Media, media_of};
use serde_json::Value;

impl Reading<'_, '_, '_> {
    pub(super) fn response(&mut self, about: &str, operation: &Value) -> Result<(Option<Value>, String), String> {
        let mut accept = "*/*".to_owned();
        let responses = operation.get("responses").and_then(Value::as_object);
        for (_, response) in responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2')) {
            let response = match self.follow(response) {
                Ok(response) => response,
                Err(why) => {
                    self.scope.warn(about, &format!("its result is unknown: {why}"));
                    continue;
                }
            };
            let content = response.get("content").and_then(Value::as_object);
            let json = content.into_iter().flatten().filter(|(media, _)| media_of(media) == Media::Json);
            // `application/json` before other JSON.
            let Some((media, found)) = json.min_by_key(|(media, _)| !media.starts_with("application/json")) else {
                continue;
            };
            if media != "*/*" && media.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
                accept.clone_from(media);
            }
            return Ok((found.get("schema").map(|schema| self.scope.schema(about, schema)), accept));
        }
        Ok((None, accept))
    }
}
