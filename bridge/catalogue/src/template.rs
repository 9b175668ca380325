//! In: the path of an operation, `/repos/{owner}/{repo}`. Out: the names in it, or why it is no path.
//! May touch: nothing.
//! Security boundary: yes; what is checked here once is what a filled path is compared with at each call.

use crate::text::quoted;
use url::Url;

/// Names in braces, each once.
pub fn placeholders(path: &str) -> Result<Vec<&str>, String> {
    if !path.starts_with('/') || path.contains(['?', '#', '\\']) {
        return Err("its path does not begin with `/`, or has a query in it".to_owned());
    }
    let mut names = Vec::new();
    for piece in path.split('{').skip(1) {
        let (name, rest) = piece.split_once('}').ok_or("a brace of its path is not closed")?;
        if name.is_empty() || rest.contains('}') || names.contains(&name) {
            return Err("the braces of its path are no pairs, or name something twice".to_owned());
        }
        names.push(name);
    }
    Ok(names)
}

/// Whether a URL parser leaves the path as it is written: no `..`, nothing that it would encode.
pub fn check(base: &str, path: &str) -> Result<(), String> {
    let filled = filled(path, |_| "x".to_owned());
    let text = format!("{base}{filled}");
    let url = Url::parse(&text).map_err(|error| format!("its URL is none: {error}"))?;
    if url.as_str() == text { Ok(()) } else { Err(format!("its path `{}` is not in its plain form", quoted(path))) }
}

/// The path with a text in place of each name.
pub fn filled(path: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    for (number, piece) in path.split('{').enumerate() {
        match piece.split_once('}') {
            Some((name, rest)) if number > 0 => {
                out.push_str(&value(name));
                out.push_str(rest);
            }
            _ => out.push_str(piece),
        }
    }
    out
}
