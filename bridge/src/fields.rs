//! In: the text of a tenant file. Out: its fields one by one, and every mistake in it at once.
//! May touch: nothing.
//! Security boundary: no; operators write these files. (serde stops at the first mistake; an operator wants all.)

use mayfly_schemas::strict::{Mistake, line_of, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file being read: where it came from, and what is wrong with it so far.
pub struct Reading<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub mistakes: Vec<Mistake>,
}

/// One TOML table and the byte where it starts.
#[derive(Clone, Copy)]
pub struct Table<'t> {
    pub map: &'t DeTable<'t>,
    pub at: usize,
}

/// A value and the byte where it stands.
pub struct At<T> {
    pub value: T,
    pub at: usize,
}

impl Reading<'_> {
    pub fn mistake(&mut self, at: usize, what: impl Into<String>) {
        let line = line_of(self.text, at);
        self.mistakes.push(Mistake::new(self.file, line, what));
    }

    pub fn hinted(&mut self, at: usize, what: impl Into<String>, hint: impl Into<String>) {
        let line = line_of(self.text, at);
        self.mistakes.push(Mistake::new(self.file, line, what).hint(hint));
    }

    /// Reports each key of `table` that is not among `known`.
    pub fn only(&mut self, table: Table<'_>, known: &[&str]) {
        for key in table.map.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let hint = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.hinted(key.span().start, format!("unknown key `{name}`"), hint);
        }
    }

    pub fn text<'t>(&mut self, table: Table<'t>, key: &str) -> Option<At<&'t str>> {
        let value = table.map.get(key)?;
        let found = value.get_ref().as_str().map(|text| At { value: text, at: value.span().start });
        if found.is_none() {
            self.wrong_type(key, "a string", value);
        }
        found
    }

    pub fn required<'t>(&mut self, table: Table<'t>, key: &str, of: &str) -> Option<At<&'t str>> {
        if !table.map.contains_key(key) {
            self.mistake(table.at, format!("{of} has no `{key}`"));
        }
        self.text(table, key)
    }

    pub fn flag(&mut self, table: Table<'_>, key: &str) -> bool {
        let Some(value) = table.map.get(key) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(key, "true or false", value);
            false
        })
    }

    pub fn number(&mut self, table: Table<'_>, key: &str) -> Option<At<u64>> {
        let value = table.map.get(key)?;
        let number = value.get_ref().as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        if number.is_none() {
            self.wrong_type(key, "a whole number", value);
        }
        number.map(|number| At { value: number, at: value.span().start })
    }

    pub fn texts<'t>(&mut self, table: Table<'t>, key: &str) -> Option<Vec<At<&'t str>>> {
        let value = table.map.get(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, "a list of strings", value);
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(At { value: text, at: item.span().start }),
                None => self.wrong_type(key, "a list of strings", item),
            }
        }
        Some(texts)
    }

    /// `[key]`
    pub fn table<'t>(&mut self, table: Table<'t>, key: &str) -> Option<Table<'t>> {
        let value = table.map.get(key)?;
        let found = value.get_ref().as_table().map(|map| Table { map, at: value.span().start });
        if found.is_none() {
            self.wrong_type(key, "a table", value);
        }
        found
    }

    /// `[[key]]`
    pub fn tables<'t>(&mut self, table: Table<'t>, key: &str) -> Vec<Table<'t>> {
        let Some(value) = table.map.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            let line = line_of(self.text, value.span().start);
            let what = format!("`{key}` is not a list of tables");
            self.mistakes.push(Mistake::new(self.file, line, what).hint(format!("write [[{key}]] before each")));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(map) => tables.push(Table { map, at: item.span().start }),
                None => self.wrong_type(key, "a list of tables", item),
            }
        }
        tables
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, value: &Spanned<DeValue<'_>>) {
        let is = value.get_ref().type_str();
        self.mistake(value.span().start, format!("`{key}` is {wanted}, not {is}"));
    }
}
