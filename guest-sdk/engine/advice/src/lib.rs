//! In: the name of a package, a module of Node, a global or a member of `process` that a script asked for and that is not
//! there. Out: one sentence that says what to use in its place, for the person or the model who repairs the script.
//! May touch: nothing.
//! Security boundary: no.

#![forbid(unsafe_code)]

mod globals;
mod modules;

pub use globals::{global, process_member};
pub use modules::instead_of;

/// A name is repeated up to here.
const NAME_BYTES_MAX: usize = 120;

/// Whether a specifier names a module that came with the run: everything else cannot be imported.
pub fn is_relative(specifier: &str) -> bool {
    specifier.starts_with("./") || specifier.starts_with("../") || specifier == "." || specifier == ".."
}

/// The whole message for `import ... from "specifier"` and `import("specifier")`.
pub fn import(specifier: &str) -> String {
    refusal("import", specifier)
}

/// The whole message for `require("specifier")`.
pub fn require(specifier: &str) -> String {
    refusal("require", specifier)
}

fn refusal(what: &str, specifier: &str) -> String {
    let shown = specifier.get(..specifier.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default();
    if is_relative(specifier) {
        return format!(
            "Cannot {what} '{shown}': scripts are ES modules; modules that came with the run are imported with \
             `import ... from '{shown}'`."
        );
    }
    match instead_of(specifier) {
        Some(advice) => format!("Cannot {what} '{shown}': {advice}."),
        None => format!(
            "Cannot {what} '{shown}': packages, Node's modules and URLs are not available in Mayfly. Use the global web \
             platform (fetch, URL, crypto, TextEncoder, structuredClone, Buffer, ...) and `tools.*`, write the code into the \
             script, or send it as another module of the run and import it by a relative path ('./name.ts')."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_under_every_way_to_write_it() {
        for specifier in ["fs", "node:fs", "fs/promises", "node:fs/promises", "npm:fs-extra@11", "fs-extra"] {
            assert!(import(specifier).contains("no files"), "{specifier}: {}", import(specifier));
        }
        for specifier in ["lodash", "lodash/chunk", "lodash-es", "npm:lodash@4.17.21", "https://esm.sh/lodash@4/chunk"]
        {
            assert!(import(specifier).contains("structuredClone"), "{specifier}: {}", import(specifier));
        }
        assert!(import("@aws-sdk/client-s3").contains("fetch"));
        assert!(require("axios").starts_with("Cannot require 'axios': use the global `fetch`"));
    }

    #[test]
    fn what_is_not_known_gets_the_general_answer() {
        for specifier in ["left-pad", "", "node:", "@", "@/", "https://", "#internal", "/etc/passwd"] {
            assert!(import(specifier).contains("another module of the run"), "{specifier}");
        }
        let long = "ä".repeat(10_000);
        assert!(import(&long).len() < 600);
    }

    #[test]
    fn a_relative_module_cannot_be_required() {
        assert!(require("./helper").contains("import ... from './helper'"));
    }

    #[test]
    fn globals_and_members_of_process_have_advice() {
        assert!(global("document").is_some_and(|advice| advice.contains("no page")));
        assert!(global("thing").is_none());
        assert!(process_member("exit").contains("return"));
        assert!(process_member("binding").contains("not available"));
    }
}
