//! The examples of the README, run: every line that it shows is a line that the command prints. And its pictures, drawn.

use crate::Place;

const README: &str = include_str!("../../README.md");

/// A command of the README, and the lines that it shows of its output.
struct Example {
    arguments: String,
    shows: Vec<String>,
}

/// Indented lines of the section with the examples: one that begins with `cutline` is a command, those behind it are what
/// it prints. Other commands, and the error message, are left out.
fn examples() -> Vec<Example> {
    let section = README.split_once("\n## Three examples\n").expect("the examples").1;
    let section = section.split_once("\n    error: ").expect("the error message").0.replace("\\\n", " ");
    let mut examples: Vec<Example> = Vec::new();
    for line in section.lines().filter_map(|line| line.strip_prefix("    ")) {
        if let Some(arguments) = line.strip_prefix("cutline ") {
            examples.push(Example { arguments: arguments.to_owned(), shows: Vec::new() });
        } else if let (Some(example), false) = (examples.last_mut(), line.starts_with("LC_ALL")) {
            example.shows.push(words(line));
        }
    }
    examples
}

/// A line without its layout.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_examples_of_the_readme_print_what_it_shows() {
    let place = Place::new();
    place.file("LICENSE-APACHE", include_str!("../../LICENSE-APACHE"));
    std::fs::create_dir_all(place.path("docs/examples")).expect("a folder");
    place.file("docs/examples/sensors.toml", include_str!("../../docs/examples/sensors.toml"));
    let examples = examples();
    assert!(examples.len() >= 4, "the README has fewer examples than it had");
    for Example { arguments, shows } in examples {
        let gave = place.cutline(&arguments);
        let printed: Vec<String> = format!("{}\n{}", gave.err, gave.out).lines().map(words).collect();
        assert!(!shows.is_empty(), "the README shows nothing of `cutline {arguments}`");
        for line in shows {
            // A table may show some columns of a wider one, and the rows in between are left out.
            let there = printed.iter().any(|printed| *printed == line || printed.starts_with(&line));
            assert!(there, "`cutline {arguments}` does not print `{line}`, but\n{}", printed.join("\n"));
        }
    }
}

/// All but the one that takes eighty runs.
#[test]
fn the_pictures_of_the_readme_are_those_that_are_drawn_now() {
    let place = Place::new();
    place.file("LICENSE-APACHE", include_str!("../../LICENSE-APACHE"));
    place.file("Makefile", include_str!("../../Makefile"));
    let commands = place
        .shell("make --no-print-directory -n -o build picture CUTLINE=\"$CUTLINE\"")
        .exits(0)
        .out
        .replace("\\\n", " ");
    for line in commands.lines().filter(|line| !line.contains("--vary") && !line.starts_with("cp ")) {
        place.shell(line).exits(0);
    }
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    let words = "cutline-out/pictures/words/";
    for (folder, name) in [
        ("docs/pictures/", "space-time.svg"),
        (words, "latency-over-time.svg"),
        (words, "checkpoint-duration.svg"),
    ] {
        let (shown, drawn) =
            (std::fs::read_to_string(docs.join(name)), place.read(&format!("{folder}{name}")));
        assert!(
            shown.is_ok_and(|shown| shown == drawn),
            "docs/pictures/{name} is another picture now: `make picture`"
        );
    }
}
