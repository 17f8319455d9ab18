//! A scenario's text that can be edited: what is not touched stays as its author wrote it.

use std::str::FromStr;

use toml_edit::visit_mut::{VisitMut, visit_table_like_kv_mut, visit_table_mut};
use toml_edit::{DocumentMut, Item, KeyMut, RawString, Table, TableLike, Value};

/// A scenario's text.
#[derive(Clone, Debug)]
pub(super) struct Sheet(DocumentMut);

impl Sheet {
    /// Reads a text; `None` if it is not TOML.
    pub fn new(text: &str) -> Option<Sheet> {
        DocumentMut::from_str(text).ok().map(Sheet)
    }

    /// The text.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// Lays an override of the form `key=value` into the text, as `--set` lays it over; `None` if that cannot be.
    pub fn fold(&mut self, argument: &str) -> Option<()> {
        let (key, value) = argument.split_once('=')?;
        let steps: Vec<&str> = key.split('.').map(str::trim).collect();
        self.set(&steps, Value::from_str(value.trim()).unwrap_or_else(|_| Value::from(value)))
    }

    /// The value at the end of these steps: keys, an operator's uid, or the number of an element.
    pub fn get(&self, steps: &[&str]) -> Option<&Item> {
        let mut at = self.0.as_item();
        for &step in steps {
            at = match at {
                Item::ArrayOfTables(_) => at.get(place(at, step)?)?,
                Item::Value(Value::Array(_)) => at.get(step.parse::<usize>().ok()?)?,
                _ => at.get(step)?,
            };
        }
        Some(at)
    }

    /// The whole number at the end of these steps.
    pub fn number(&self, steps: &[&str]) -> Option<u64> {
        self.get(steps)?.as_integer()?.try_into().ok()
    }

    /// The string at the end of these steps.
    pub fn string(&self, steps: &[&str]) -> Option<&str> {
        self.get(steps)?.as_str()
    }

    /// Puts a value at the end of these steps, and makes the tables on the way; `None` if the way leads nowhere.
    pub fn set(&mut self, steps: &[&str], value: impl Into<Value>) -> Option<()> {
        let (last, way) = steps.split_last()?;
        let mut at = self.0.as_item_mut();
        for (depth, &step) in way.iter().enumerate() {
            at = match at {
                Item::ArrayOfTables(_) => {
                    let place = place(at, step)?;
                    at.get_mut(place)?
                }
                Item::Value(Value::Array(_)) => at.get_mut(step.parse::<usize>().ok()?)?,
                _ => {
                    let table = at.as_table_like_mut()?;
                    if !table.contains_key(step) {
                        let mut new = Table::new();
                        // Below the first table keys are joined by dots, as a person would write them.
                        new.set_dotted(depth > 0);
                        table.insert(step, Item::Table(new));
                    }
                    table.get_mut(step)?
                }
            };
        }
        let mut value = value.into();
        match at {
            Item::Value(Value::Array(array)) => {
                array.replace(last.parse::<usize>().ok().filter(|&at| at < array.len())?, value);
            }
            _ => {
                let table = at.as_table_like_mut()?;
                if let Some(old) = table.get(last).and_then(Item::as_value) {
                    *value.decor_mut() = old.decor().clone();
                }
                match table.get_mut(last) {
                    Some(item) => *item = Item::Value(value),
                    None => drop(table.insert(last, Item::Value(value))),
                }
            }
        }
        Some(())
    }

    /// Takes a value out, and tables that are empty without it; `None` if it is not there.
    pub fn remove(&mut self, steps: &[&str]) -> Option<()> {
        remove(self.0.as_item_mut(), steps)
    }

    /// The ways to all values below a table of the top.
    pub fn leaves(&self, table: &str) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        if let Some(table_like) = self.0.get(table).and_then(Item::as_table_like) {
            collect(table_like, &mut vec![table.to_owned()], &mut found);
        }
        found
    }

    /// Keeps the elements of `job.operator` or `job.edge` that pass; `None` if these are not written as tables.
    pub fn keep(&mut self, what: &str, mut keep: impl FnMut(usize) -> bool) -> Option<()> {
        let array = self.0.get_mut("job")?.get_mut(what)?.as_array_of_tables_mut()?;
        let mut at = 0;
        array.retain(|_| {
            at += 1;
            keep(at - 1)
        });
        Some(())
    }

    /// Says what the scenario has become, and takes comments out: they speak of what it was.
    pub fn retell(&mut self, about: &str) {
        Plain.visit_document_mut(&mut self.0);
        self.0.set_trailing("");
        // It has been there: a scenario without it does not load.
        let _ = self.set(&["about"], about);
    }
}

/// The place of an operator by its uid, or of any element by its number.
fn place(at: &Item, step: &str) -> Option<usize> {
    let tables = at.as_array_of_tables()?;
    let named = tables.iter().position(|table| table.get("uid").and_then(Item::as_str) == Some(step));
    named.or_else(|| step.parse().ok().filter(|&at: &usize| at < tables.len()))
}

fn remove(at: &mut Item, steps: &[&str]) -> Option<()> {
    let (&first, rest) = steps.split_first()?;
    if let Item::ArrayOfTables(_) = at {
        let place = place(at, first)?;
        return remove(at.get_mut(place)?, rest);
    }
    let table = at.as_table_like_mut()?;
    if rest.is_empty() {
        return table.remove(first).map(|_| ());
    }
    let below = table.get_mut(first)?;
    remove(below, rest)?;
    if below.as_table_like().is_some_and(TableLike::is_empty) {
        table.remove(first);
    }
    Some(())
}

fn collect(table: &dyn TableLike, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (key, item) in table.iter() {
        way.push(key.to_owned());
        match item.as_table_like() {
            Some(below) => collect(below, way, found),
            None => found.push(way.clone()),
        }
        way.pop();
    }
}

/// Takes comments out.
struct Plain;

impl VisitMut for Plain {
    fn visit_table_mut(&mut self, table: &mut Table) {
        let prefix = without_comments(table.decor().prefix());
        table.decor_mut().set_prefix(prefix);
        table.decor_mut().set_suffix("");
        visit_table_mut(self, table);
    }

    fn visit_table_like_kv_mut(&mut self, mut key: KeyMut<'_>, node: &mut Item) {
        let prefix = without_comments(key.leaf_decor().prefix());
        key.leaf_decor_mut().set_prefix(prefix);
        if let Some(suffix) = node.as_value_mut().map(Value::decor_mut)
            && suffix.suffix().and_then(RawString::as_str).is_some_and(|suffix| suffix.contains('#'))
        {
            suffix.set_suffix("");
        }
        visit_table_like_kv_mut(self, key, node);
    }
}

/// The blank lines before something.
fn without_comments(prefix: Option<&RawString>) -> String {
    let prefix = prefix.and_then(RawString::as_str).unwrap_or("");
    let lines = prefix.split_inclusive('\n').filter(|line| !line.trim_start().starts_with('#'));
    let kept: String = lines.collect();
    // At most one blank line in a row.
    if kept.trim().is_empty() && kept.matches('\n').count() > 1 { "\n".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"a\"\nabout = \"b\" # c\n\n[input.n]\nkind = { numbers = { count = 5 } }\n\n# why\n[[job.operator]]\n\
        uid = \"x\"\nservice = \"1ms\"\n\n[execution]\ncheckpointing.interval = \"1s\"\n";

    fn sheet() -> Sheet {
        Sheet::new(TEXT).expect("TOML")
    }

    #[test]
    fn an_override_becomes_a_part_of_the_text() {
        let mut sheet = sheet();
        for argument in
            ["input.n.kind.numbers.count=3", "job.operator.x.service=2ms", "cluster.network.latency=\"5ms\""]
        {
            sheet.fold(argument).unwrap_or_else(|| panic!("{argument}"));
        }
        let text = sheet.text();
        for part in ["count = 3", "service = \"2ms\"", "[cluster]\nnetwork.latency = \"5ms\"", "# why"] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
        assert!(sheet.fold("job.operator.y.service=1s").is_none());
        assert!(sheet.fold("name.more=1").is_none());
    }

    #[test]
    fn what_is_taken_out_leaves_no_empty_table() {
        let mut sheet = sheet();
        assert_eq!(sheet.leaves("execution"), [["execution", "checkpointing", "interval"]]);
        sheet.remove(&["execution", "checkpointing", "interval"]).expect("it is there");
        assert!(sheet.remove(&["execution", "checkpointing", "interval"]).is_none());
        assert!(!sheet.text().contains("execution"), "{}", sheet.text());
    }

    #[test]
    fn a_text_without_comments_says_what_it_is_about() {
        let mut sheet = sheet();
        sheet.retell("new");
        let text = sheet.text();
        assert!(!text.contains('#') && text.contains("about = \"new\"\n"), "{text}");
        assert_eq!(sheet.number(&["input", "n", "kind", "numbers", "count"]), Some(5));
    }
}
