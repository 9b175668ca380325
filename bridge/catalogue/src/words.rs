//! In: names, descriptions and questions. Out: stems of their words, and words that mean the same.
//! May touch: nothing.
//! Security boundary: no.

/// Words that mean the same to those who look for an operation. The first is how APIs say it.
const SYNONYMS: [&[&str]; 31] = [
    &[
        "list", "get", "fetch", "show", "find", "read", "retrieve", "view", "display", "see", "lookup", "which",
        "what", "who",
    ],
    &["create", "add", "make", "new", "open", "post", "insert", "register", "start", "file", "submit", "assign"],
    &["update", "edit", "change", "modify", "patch", "set", "rename", "put", "replace", "adjust", "alter"],
    &["delete", "remove", "destroy", "drop", "erase", "clear", "unset"],
    &["search", "find", "query", "look"],
    &["repo", "repository"],
    &["org", "organization", "organisation", "company"],
    &["pull", "pr", "merge"],
    &["user", "person", "people", "account"],
    &["authenticated", "my", "me", "mine", "i", "myself"],
    &["comment", "reply", "note"],
    &["cancel", "stop", "abort", "terminate"],
    &["run", "execute", "trigger", "dispatch", "launch", "start"],
    &["enable", "activate", "allow", "on"],
    &["disable", "deactivate", "forbid", "off"],
    &["assignee", "assign", "assigned"],
    &["member", "membership", "join", "belong"],
    &["star", "starred", "starring", "favourite", "favorite", "like", "stargazer"],
    &["invite", "invitation"],
    &["label", "tag"],
    &["content", "file", "contents"],
    &["dir", "directory", "folder"],
    &["commit", "change", "revision"],
    &["secret", "credential", "password"],
    &["approve", "accept", "confirm", "review"],
    &["download", "export", "archive"],
    &["upload", "import", "attach"],
    &["send", "message", "notify", "email", "mail"],
    &["customer", "client", "buyer"],
    &["invoice", "bill", "billing"],
    &["key", "keys"],
];

/// Words that say nothing about an operation.
const STOP: [&str; 44] = [
    "a", "an", "the", "of", "for", "to", "in", "on", "with", "and", "or", "by", "from", "is", "are", "be", "it", "its",
    "this", "that", "these", "those", "all", "any", "you", "your", "our", "at", "as", "can", "how", "do", "does",
    "please", "want", "need", "if", "has", "have", "was", "us", "am", "someone", "somebody",
];

/// Stems of the words of a text, in order; words of names come apart: `listForRepo` is `list`, `repo`.
pub fn stems(text: &str) -> Vec<String> {
    words(text).into_iter().filter(|word| !STOP.contains(&word.as_str())).map(|word| stem(&word)).collect()
}

/// Stems that mean the same as `stem`, without it.
pub fn synonyms(wanted: &str) -> Vec<String> {
    let groups = SYNONYMS.iter().filter(|group| group.iter().any(|word| stem(word) == wanted));
    let mut same: Vec<String> = groups.flat_map(|group| group.iter().map(|word| stem(word))).collect();
    same.sort_unstable();
    same.dedup();
    same.retain(|word| word != wanted);
    same
}

/// Lower-case words: apart at everything that is no letter or digit, and where a small letter meets a capital.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut before = ' ';
    let letters: Vec<char> = text.chars().collect();
    for (at, letter) in letters.iter().copied().enumerate() {
        let after = letters.get(at + 1).copied().unwrap_or(' ');
        let begins =
            letter.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && after.is_lowercase()));
        if (begins || !letter.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        // `user's` is `user`.
        let of_apostrophe = letter == 's' && matches!(before, '\'' | '’');
        if letter.is_alphanumeric() && !of_apostrophe {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Without the endings of plurals, of `-ing` and `-ed` and `-ion`; good enough for names, after Porter (1980), step 1.
pub fn stem(word: &str) -> String {
    let word = singular(word);
    let ends = |ending: &str, least: usize| word.strip_suffix(ending).filter(|rest| rest.len() >= least);
    let vowel = |rest: &&str| rest.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    let stripped = match ends("ing", 3).or_else(|| ends("ed", 3)).filter(vowel) {
        Some(rest) => undoubled(rest),
        // `protection`, `creation`; not `action`, `version`.
        None => ends("ion", 5).map_or_else(|| word.clone(), str::to_owned),
    };
    // `create`, `creating`, `created`; `merge`, `merging`.
    stripped.strip_suffix('e').filter(|rest| rest.len() >= 3).map(str::to_owned).unwrap_or(stripped)
}

/// `branches`, `repositories`, `labels`; `status`, `access` and `analysis` are no plurals.
fn singular(word: &str) -> String {
    let ends = |ending: &str| word.strip_suffix(ending).filter(|rest| rest.len() >= 2);
    if let Some(rest) = ends("ies") {
        return format!("{rest}y");
    }
    let hissing = ["sses", "xes", "ches", "shes"].iter().any(|ending| word.ends_with(ending));
    if let (true, Some(rest)) = (hissing, ends("es")) {
        return rest.to_owned();
    }
    ends("s").filter(|rest| !rest.ends_with(['s', 'u', 'i'])).unwrap_or(word).to_owned()
}

/// `submitting` is `submit`, `listed` is `list`, `called` is `call`.
fn undoubled(rest: &str) -> String {
    let mut last = rest.chars().rev();
    match (last.next(), last.next()) {
        (Some(one), Some(two)) if one == two && !matches!(one, 'l' | 's' | 'z' | 'e' | 'o') => {
            rest.get(..rest.len() - one.len_utf8()).unwrap_or(rest).to_owned()
        }
        _ => rest.to_owned(),
    }
}
