//! Questions in plain words, offline. GitHub's 1,200 operations are in tests/github.rs.

use crate::shop;
use mayfly_catalogue::limits::{HITS_MAX, SIGNATURE_BYTES_MAX};

#[test]
fn questions_find_their_operation() {
    let shop = shop();
    let table = [
        ("create an order", "shop.orders.create"),
        ("new order", "shop.orders.create"),
        ("remove order", "shop.orders.delete_"),
        ("upload a receipt photo", "shop.orders.attachReceipt"),
        ("pay by card", "shop.payments.start"),
        ("payments", "shop.payments.start"),
        ("show me the categories", "shop.listCategories"),
        ("change the quantity of an order line", "shop.putOrdersByOrderIdLinesByLine"),
        ("which orders are open", "shop.orders.list"),
        ("categ", "shop.listCategories"),
        ("IMPORTING files", "shop.import_.upload"),
    ];
    for (query, expected) in table {
        let hits = shop.search(query, 3);
        let found: Vec<&str> = hits.iter().map(|hit| hit.path.as_str()).collect();
        assert!(found.contains(&expected), "{query}: {found:?}");
    }
}

#[test]
fn a_hit_says_how_to_call_it() {
    let hits = shop().search("create an order", 1);
    let hit = hits.first().expect("a hit");
    assert_eq!(hit.path, "shop.orders.create");
    assert_eq!(hit.description, "Create an order");
    assert_eq!(
        hit.signature,
        "shop.orders.create(input: { customer: string; lines: shop.Line[]; comment?: string | null; place?: [number, number] }): \
         Promise<shop.Order>"
    );
    assert!(hit.score > 0.0);
}

#[test]
fn nothing_fits_nothing_and_everything_is_bounded() {
    let shop = shop();
    assert_eq!(shop.search("", 10), []);
    assert_eq!(shop.search("zzzzqqq ... the of", 10), []);
    assert_eq!(shop.search("order", 0), []);
    assert!(shop.search("order", usize::MAX).len() <= HITS_MAX);
    let long = "order ".repeat(100_000) + &"x".repeat(1_000_000);
    assert!(!shop.search(&long, 3).is_empty());
    assert!(shop.search("order", 50).iter().all(|hit| hit.signature.len() <= SIGNATURE_BYTES_MAX + 8));
}
