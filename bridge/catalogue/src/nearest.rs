//! In: a name that is not known, and those that are. Out: those that were probably meant, nearest first.
//! May touch: nothing.
//! Security boundary: no.

/// At most `count` of `known`. Two names are near when few letters differ, or when one holds the other.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let wanted = plain(name);
    if wanted.is_empty() || wanted.len() > 200 {
        return Vec::new();
    }
    let mut near: Vec<(f64, &str)> = known
        .filter_map(|known| {
            let other = plain(known);
            let alike = strsim::normalized_damerau_levenshtein(&wanted, &other);
            let short = wanted.len().min(other.len());
            let held = short >= 3 && (other.contains(&wanted) || wanted.contains(&other));
            let score = if held { alike.max(0.6) + 0.2 } else { alike };
            (score >= 0.6).then_some((score, known))
        })
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    near.into_iter().take(count).map(|(_, known)| known).collect()
}

/// `per_page`, `perPage` and `per-page` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric() || *letter == '.').flat_map(char::to_lowercase).collect()
}
