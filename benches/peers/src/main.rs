//! One pipe on Cutline, on other simulators and in a bare loop: `make bench-peers`. What the figures mean is in `docs/peers.md`.
//!
//! Every program runs once per round, all in turn, on one thread at a time. Before that each must have computed what the bare
//! loop computes: the speed of a wrong result means nothing. Built without `--cfg madsim` the rows of madsim are left out.
//! With an argument only the rows whose name contains it are measured, beside the first.

mod rows;
mod streams;
mod workload;

use std::hint::black_box;
use std::process::ExitCode;

use cutline_benches::ratios::{Row, Table, ratios_of};

/// Rounds that count.
const ROUNDS: usize = 21;

fn main() -> ExitCode {
    let asked = std::env::args().nth(1).unwrap_or_default();
    let mut rows = rows::all();
    let bar = rows.remove(0);
    rows.retain(|row| row.name.contains(&asked));
    rows.insert(0, bar);
    let must = (rows[0].run)();
    for row in &mut rows {
        if let Some(objection) = (row.run)().objection(&must) {
            eprintln!("error: {} computes something else than the bare loop: {objection}", row.name);
            return ExitCode::FAILURE;
        }
    }
    println!(
        "{} records through {} stages, {} keys each. All {} programs end with the counters of the bare loop (checksum {:016x}).\n",
        workload::RECORDS,
        workload::STAGES,
        workload::KEYS,
        rows.len(),
        must.checksum()
    );
    let mut measured: Vec<(u64, Row)> = rows
        .iter_mut()
        .map(|row| -> (u64, Row) {
            let run = &mut row.run;
            (row.hops, (row.name, Box::new(move || drop(black_box(run())))))
        })
        .collect();
    let table = ratios_of(ROUNDS, &mut measured);
    drop(measured);
    print(&rows, &table);
    ExitCode::SUCCESS
}

/// The table, as docs/peers.md shows it.
fn print(rows: &[rows::Row], table: &Table) {
    println!("| program | version | hops/s | ns/hop | times the bare loop | with |");
    println!("|---|---|--:|--:|--:|---|");
    for (row, line) in rows.iter().zip(&table.lines) {
        let (fast, slow) = (1.0 / line.ratio_quartiles.1, 1.0 / line.ratio_quartiles.0);
        println!(
            "| {} | {} | {} | {:.1} | {:.1} ({fast:.1} to {slow:.1}) | {} |",
            row.name,
            row.version,
            thousands(1e9 / line.hop_ns),
            line.hop_ns,
            1.0 / line.ratio,
            row.includes
        );
    }
    println!(
        "\nMedians of {} rounds measured in turn; times the first loop of the same round, in brackets the quartiles.",
        table.rounds
    );
}

/// A number in thousands, with a comma before every three digits: `12,345 k`.
fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number / 1e3);
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + " k"
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(thousands(1_234_567_890.0), "1,234,568 k");
        assert_eq!(
            (thousands(999_000.0), thousands(1_000_000.0)),
            ("999 k".to_owned(), "1,000 k".to_owned())
        );
    }
}
