//! In: the query of a request. Out: the parameters that are known there.
//! May touch: nothing.
//! Security boundary: no.

use crate::limits::{LIST_ENTRIES, LIST_ENTRIES_MAX};
use crate::respond::Problem;

/// The parameters of the query by these names; another one is a mistake.
pub(super) fn parameters<const N: usize>(query: &str, names: [&str; N]) -> Result<[Option<String>; N], Problem> {
    parameters_and(query, names, None, 0).map(|(found, _)| found)
}

/// The same beside one that may be there several times.
pub(super) fn parameters_and<const N: usize>(
    query: &str,
    names: [&str; N],
    many: Option<&str>,
    many_max: usize,
) -> Result<([Option<String>; N], Vec<String>), Problem> {
    let (mut found, mut all) = (std::array::from_fn(|_| None), Vec::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if many == Some(&*name) {
            all.push(value.into_owned());
            if all.len() > many_max {
                return Err(Problem::bad_request(format!("`{name}`: is there more than {many_max} times")));
            }
            continue;
        }
        let place = names.iter().position(|known| *known == name).and_then(|at| found.get_mut(at));
        match place {
            Some(place @ None) => *place = Some(value.into_owned()),
            Some(Some(_)) => return Err(Problem::bad_request(format!("`{name}`: is there twice"))),
            None => return Err(Problem::bad_request(format!("`{name}`: there is no such parameter here"))),
        }
    }
    Ok((found, all))
}

/// How many entries of a list are wanted.
pub(super) fn entries(limit: Option<String>) -> Result<u32, Problem> {
    let limit = limit.map_or(Ok(u64::from(LIST_ENTRIES)), |text| number(&text, "limit"))?;
    u32::try_from(limit)
        .ok()
        .filter(|limit| *limit <= LIST_ENTRIES_MAX)
        .ok_or_else(|| Problem::bad_request(format!("`limit`: {limit} is above {LIST_ENTRIES_MAX}")))
}

pub(super) fn number(text: &str, name: &str) -> Result<u64, Problem> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Problem::bad_request(format!("`{name}`: {text:?} is no number from 1")))
}
