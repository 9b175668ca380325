//! In: source text. Out: how deep its brackets nest, before anything that recurses sees it.
//! May touch: nothing.
//! Security boundary: no; it spares the compiler what would only run into its deadline. That one holds.

/// The most brackets that are open at once: TypeScript's time grows with it faster than linearly. Counted plainly, over
/// strings and comments too. Who hides closing brackets there is found by the deadline instead; text that is written for
/// people does not come near the limit either way.
pub fn depth(source: &str) -> usize {
    let (mut open, mut deepest) = (0usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn brackets_of_all_kinds_count_and_closing_ones_too_many_do_not_help() {
        assert_eq!(depth("f([{ a: 1 }], () => {})"), 3);
        assert_eq!(depth(&format!("{}{}", "]".repeat(50), "[".repeat(60))), 60);
        assert_eq!(depth("`${`${`${1}`}`}`"), 3);
    }
}
