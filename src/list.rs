//! `cutline list`: what there is, read off the registries.

use cutline::reports;
use owo_colors::OwoColorize;

use crate::arguments::ListArguments;
use crate::failure::Failure;
use crate::registry::{self, More, Row};
use crate::screen::Screen;

/// Prints a list.
pub fn list(arguments: &ListArguments, screen: &mut Screen) -> Result<u8, Failure> {
    let rows = registry::rows(arguments.what)?;
    if arguments.json {
        screen.json(&rows)?;
    } else {
        screen.result(&text(&rows))?;
    }
    Ok(0)
}

/// Names, and what they are beside them, wrapped.
fn text(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0) + 2;
    let mut text = String::new();
    let mut kind = None;
    for row in rows {
        if row.kind != kind {
            kind = row.kind;
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}{}s\n", kind.unwrap_or_default()));
        }
        let about = reports::wrap(&row.about, &" ".repeat(width));
        let about = about.get(width..).unwrap_or("\n");
        text.push_str(&format!("{}{}{about}", row.name.bold(), " ".repeat(width - row.name.len())));
        if let Some(More::Strategy(traits)) = &row.more {
            for (what, which) in traits.lines() {
                let line = reports::wrap(&format!("{what}: {which}"), &" ".repeat(width));
                text.push_str(&line);
            }
        }
    }
    text
}
