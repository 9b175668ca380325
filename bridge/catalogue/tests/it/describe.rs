//! Declarations of what was asked for, within a budget.

use crate::shop;
use mayfly_catalogue::limits::BYTES_PER_TOKEN;

const MUCH: usize = 100_000;

#[test]
fn just_what_is_asked_for_and_what_it_needs_each_once() {
    let text = shop().describe(&["shop.listCategories", "shop.listCategories"], MUCH).expect("known");
    let expected = "declare namespace shop {
  interface Category { name: string; children: Category[]; parent?: Category | null }
}
declare const tools: {
  shop: {
    /** The tree of categories */
    listCategories(): Promise<shop.Category>;
  };
};
";
    assert_eq!(text, expected);
}

#[test]
fn a_group_is_all_that_is_in_it() {
    let text = shop().describe(&["shop.orders"], MUCH).expect("known");
    for name in ["list(", "create(", "get(", "replace(", "delete_(", "attachReceipt("] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert!(!text.contains("listCategories"), "{text}");
    assert_eq!(shop().describe(&["shop.import"], MUCH), shop().describe(&["shop.import_.upload"], MUCH));
}

#[test]
fn a_shared_type_can_be_asked_for() {
    let text = shop().describe(&["shop.Category"], MUCH).expect("known");
    assert!(text.contains("interface Category {") && !text.contains("declare const tools"), "{text}");
}

/// The deepest types go first; the note says so, and asking again with their names gives them.
#[test]
fn what_does_not_fit_is_cut_from_the_deepest() {
    let shop = shop();
    let whole = shop.describe(&["shop.orders.list"], MUCH).expect("known");
    assert!(!whole.contains("// Cut") && !whole.contains("/* cut"), "{whole}");
    let mut partly = 0;
    for budget in (0..450).step_by(10) {
        let text = shop.describe(&["shop.orders.list"], budget).expect("known");
        if budget >= 120 {
            assert!(text.len() <= budget * BYTES_PER_TOKEN, "{budget}: {}\n{text}", text.len());
        }
        assert!(text.contains("list("), "{text}");
        let has = |part: &str| text.contains(part);
        assert!(has("type Order = NewOrder") || !(has("interface Category") || has("interface NewOrder")), "{text}");
        partly += usize::from(has("type Order = NewOrder") && has("/* cut: describe shop."));
        for line in text.lines().filter(|line| line.contains("= unknown /* cut: describe shop.")) {
            let name = line.split("describe ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a name");
            assert!(
                text.starts_with("// Cut to fit the budget: ")
                    && text.lines().next().is_some_and(|first| first.contains("shared types")),
                "{text}"
            );
            shop.describe(&[name], MUCH).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    assert!(partly > 0, "no budget was between all and nothing");
}

#[test]
fn an_unknown_path_names_the_nearest() {
    let unknown = shop().describe(&["shop.orders.list", "shop.order.lists"], MUCH).expect_err("unknown");
    assert_eq!(unknown.path, "shop.order.lists");
    assert_eq!(unknown.nearest.first().map(String::as_str), Some("shop.orders.list"));
    let strange = shop().describe(&["\u{202e}x\n"], MUCH).expect_err("unknown").to_string();
    assert!(!strange.contains(['\u{202e}', '\n']), "{strange}");
}

/// All of an API for little: what fits, and how much does not.
#[test]
fn a_group_that_is_too_large_is_cut_and_says_so() {
    let text = shop().describe(&["shop"], 150).expect("known");
    assert!(text.len() <= 150 * BYTES_PER_TOKEN, "{}: {text}", text.len());
    let first = text.lines().next().expect("a line");
    assert!(first.starts_with("// Cut to fit the budget: ") && first.contains(" more tools"), "{text}");
    assert!(text.contains("list("), "the first of the document: {text}");
}
