//! In: JSON and a number of bytes. Out: JSON of about that size at most, and whether something was left out.
//! May touch: nothing.
//! Security boundary: no.

use serde_json::{Map, Value};

/// Below this many levels everything is left out.
const DEPTH_MAX: usize = 64;
/// What `... 12 more` takes, in bytes.
const MARK_BYTES: usize = 24;

/// What is left out is told in its place: `"... 12 more"` in a list, a key `...` in an object, `...` behind a text.
pub fn cut(value: Value, bytes_max: usize) -> (Value, bool) {
    if value.to_string().len() <= bytes_max {
        return (value, false);
    }
    let mut room = bytes_max;
    (shortened(value, &mut room, DEPTH_MAX), true)
}

fn shortened(value: Value, room: &mut usize, depth: usize) -> Value {
    if depth == 0 {
        return take("...".into(), room);
    }
    match value {
        Value::String(text) => text_of(text, room),
        Value::Array(items) => list(items, room, depth),
        Value::Object(fields) => object(fields, room, depth),
        plain => take(plain, room),
    }
}

fn take(value: Value, room: &mut usize) -> Value {
    *room = room.saturating_sub(value.to_string().len() + 1);
    value
}

fn text_of(text: String, room: &mut usize) -> Value {
    let whole = Value::from(text.as_str()).to_string().len();
    if whole <= *room {
        return take(text.into(), room);
    }
    // A character can take six bytes in JSON; most take one.
    let mut end = room.saturating_sub(MARK_BYTES).min(text.len());
    loop {
        let part = text.get(..text.floor_char_boundary(end)).unwrap_or_default();
        let shown = Value::from(format!("{part}... {} bytes more", text.len() - part.len()));
        if end == 0 || shown.to_string().len() <= (*room).max(MARK_BYTES + 8) {
            return take(shown, room);
        }
        end /= 2;
    }
}

fn list(items: Vec<Value>, room: &mut usize, depth: usize) -> Value {
    *room = room.saturating_sub(2);
    let (count, mut kept) = (items.len(), Vec::new());
    for (at, item) in items.into_iter().enumerate() {
        if *room <= MARK_BYTES {
            kept.push(Value::from(format!("... {} more", count - at)));
            break;
        }
        kept.push(shortened(item, room, depth - 1));
    }
    kept.into()
}

fn object(fields: Map<String, Value>, room: &mut usize, depth: usize) -> Value {
    *room = room.saturating_sub(2);
    let (count, mut kept) = (fields.len(), Map::new());
    for (at, (key, value)) in fields.into_iter().enumerate() {
        if *room <= MARK_BYTES + key.len() {
            kept.insert("...".into(), format!("{} more", count - at).into());
            break;
        }
        *room = room.saturating_sub(key.len() + 4);
        kept.insert(key, shortened(value, room, depth - 1));
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_fits_stays_as_it_is() {
        let value = json!({ "a": [1, "two", null] });
        assert_eq!(cut(value.clone(), 100), (value, false));
    }

    #[test]
    fn what_is_left_out_is_told_and_the_rest_stays_json_of_about_that_size() {
        let row = json!({ "id": 12345, "name": "a name that is somewhat long", "tags": ["x", "y"] });
        let nested = (0..200).fold(json!("core"), |inner, _| json!({ "deep": inner }));
        for value in [
            json!(vec![row.clone(); 500]),
            json!("ü\u{1}".repeat(9_000)),
            json!({ "a": vec![row; 300], "b": 1 }),
            nested,
        ] {
            for bytes_max in [0, 50, 700, 5_000] {
                if value.to_string().len() <= bytes_max {
                    continue;
                }
                let (shorter, was_cut) = cut(value.clone(), bytes_max);
                let text = shorter.to_string();
                assert!(was_cut && text.contains("..."), "{text}");
                assert!(text.len() <= bytes_max + 700, "{} of {bytes_max}: {text}", text.len());
            }
        }
    }
}
