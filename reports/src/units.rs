//! Numbers for people: three or four significant digits, and the unit that fits.

/// A duration in nanoseconds: `0 s`, `850 ns`, `12.3 us`, `1.50 ms`, `2.41 s`.
pub fn time(ns: u64) -> String {
    match ns {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", digits(ns, 1_000)),
        1_000_000..1_000_000_000 => format!("{} ms", digits(ns, 1_000_000)),
        _ => format!("{} s", digits(ns, 1_000_000_000)),
    }
}

/// A size in bytes: `0 B`, `512 B`, `1.50 KiB`, `32.0 MiB`.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{} KiB", digits(bytes, 0x400)),
        0x10_0000..0x4000_0000 => format!("{} MiB", digits(bytes, 0x10_0000)),
        _ => format!("{} GiB", digits(bytes, 0x4000_0000)),
    }
}

/// A number with its thousands apart: `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Records in a second: `0 records/s`, `0.4 records/s`, `1,234 records/s`. What is slow is not rounded away.
pub fn rate(rate: f64) -> String {
    match rate.max(0.0) {
        rate if rate > 0.0 && rate < 9.95 => format!("{rate:.1} records/s"),
        rate => format!("{} records/s", count(rate.round() as u64)),
    }
}

/// Three significant digits or more of `n / unit`, cut off, not rounded: 999.9 ms must not become 1000 ms.
fn digits(n: u64, unit: u64) -> String {
    let whole = n / unit;
    let part = u128::from(n % unit);
    match whole {
        0..10 => format!("{whole}.{:02}", part * 100 / u128::from(unit)),
        10..100 => format!("{whole}.{}", part * 10 / u128::from(unit)),
        _ => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let times = [0, 999, 1_000, 12_345, 999_999, 1_500_000, 2_412_000_000, u64::MAX].map(time);
        let expected =
            ["0 s", "999 ns", "1.00 us", "12.3 us", "999 us", "1.50 ms", "2.41 s", "18446744073 s"];
        assert_eq!(times, expected);
        let sizes = [0, 1023, 1024, 1536, 33_554_432, 5 << 30].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.00 KiB", "1.50 KiB", "32.0 MiB", "5.00 GiB"]);
        let rates = [-1.0, 0.0, 0.42, 9.96, 1234.5].map(rate);
        assert_eq!(rates, ["0 records/s", "0 records/s", "0.4 records/s", "10 records/s", "1,235 records/s"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
