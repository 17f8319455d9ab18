//! `cutline draw`: space-time diagrams of capsules and traces.

use crate::Place;

const HEADER: &str = r#"{"trace-version":7,"program-version":"0","scenario":"<b>&\"x\"","strategy":"aligned","seed":1,"records":true,"own-snapshots":false,"operators":["a","b"],"tasks":["a<i>[0]","b[0]"],"operator-of":[0,1],"channels":[[0,1,0]]}"#;

/// A trace with this header and these lines.
fn trace(lines: &[&str]) -> String {
    let lines = std::iter::once(&HEADER).chain(lines);
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_capsule_and_the_trace_of_its_run_give_one_picture_with_the_guilty_record() {
    let place = Place::new();
    place
        .cutline("run sum-even-odd --strategy first-barrier --faults crashes --seed 4 --no-forks --trace t.ndjson --trace-records")
        .exits(1);
    let capsule = place.shell("ls cutline-out/capsules/*.json").exits(0).out;
    let capsule = capsule.trim();
    let gave = place.cutline(&format!("draw {capsule} --out a.svg")).exits(0);
    assert!(
        gave.out.contains("around the violation") && gave.out.contains("the oracle cut objects"),
        "{}",
        gave.out
    );
    place.cutline("draw t.ndjson --out b.svg").exits(0);
    let svg = place.read("a.svg");
    assert!(svg == place.read("b.svg"), "a trace holds all that is drawn");
    assert_eq!(svg.matches("class=\"st-guilty\"").count(), 1);
    for words in [
        "The oracle cut objects.",
        "628 sent by its snapshot",
        "582 received by its snapshot",
        "item 583, a record: key 1745, value 1745",
    ] {
        assert!(svg.contains(words), "no `{words}`");
    }
    let page = place.cutline(&format!("draw {capsule} --out a.html")).exits(0);
    assert!(page.out.contains("the picture is a.html"), "{}", page.out);
    let html = place.read("a.html");
    assert!(html.contains("<input type=\"range\"") && html.contains("draw cutline-out/capsules/"), "a page");
    place.cutline(&format!("draw {capsule} --out a.png")).exits(0);
    let png = std::fs::read(place.path("a.png")).expect("a picture");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn a_window_is_chosen_or_asked_for_and_said() {
    let place = Place::new();
    place.cutline("run wordcount --seed 4 --faults crashes --trace t.ndjson").exits(0);
    let draw =
        |arguments: &str| place.cutline(&format!("draw t.ndjson --out a.svg {arguments}")).exits(0).out;
    assert!(draw("").contains("around checkpoint 1, the first to complete"), "{}", draw(""));
    assert!(place.read("a.svg").contains("The trace has no records"), "what is missing is said");
    assert!(draw("--checkpoint 3").contains("around checkpoint 3"));
    assert!(
        draw("--from 500ms --to 700ms").contains("window 500 ms to 700 ms of"),
        "{}",
        draw("--from 500ms --to 700ms")
    );
    assert!(draw("--crash 1").contains("around crash 1") && place.read("a.svg").contains(" crashes</text>"));
    for (arguments, words) in [
        ("--from 1h", &["`t.ndjson`", "the run ends at"][..]),
        ("--from 2s --to 1s", &["is empty"]),
        ("--checkpoint 9999", &["no checkpoint 9999", "it has 1 to"]),
        ("--crash 99", &["no crash 99"]),
        ("--crash 0", &["0"]),
        ("--records 0", &["--records"]),
        ("--from soon", &["write a time with a unit"]),
        ("--from 1s --checkpoint 1", &["cannot be used with"]),
        ("--input x", &["leave out `--input`"]),
    ] {
        place.cutline(&format!("draw t.ndjson --out b.svg {arguments}")).refuses(words);
    }
    assert!(!place.names().contains(&"b.svg".to_owned()), "{:?}", place.names());
    place.cutline("draw t.ndjson --out a.txt").refuses(&["`a.txt`", ".html, .svg or .png"]);
    place.cutline("draw t.ndjson --out t.ndjson").refuses(&["t.ndjson"]);
    place.cutline("draw no.json").refuses(&["`no.json`", "name a capsule"]);
}

#[test]
fn a_trace_that_cannot_be_read_is_refused_with_the_line() {
    let place = Place::new();
    let event = r#"{"time":5,"origin":"coordinator","event":"job-finished"}"#;
    let cases: &[(String, &[&str])] = &[
        (String::new(), &["the file is empty"]),
        ("\n\n".to_owned(), &["the file is empty"]),
        (
            trace(&[]).replace("\"trace-version\":7", "\"trace-version\":6"),
            &["has version 6", "reads version 7"],
        ),
        (trace(&[]).replace("\"trace-version\":7", "\"trace-version\":99"), &["has version 99"]),
        (trace(&[]).replace("\"seed\":1", "\"seed\":-1"), &["first line is no header"]),
        (
            trace(&[]).replace("\"operator-of\":[0,1]", "\"operator-of\":[0,7]"),
            &["the header of the trace is wrong"],
        ),
        (trace(&[]).replace("[[0,1,0]]", "[[0,9,0]]"), &["`channels` names a task"]),
        (trace(&[]), &["nothing happened"]),
        (trace(&[event, "{\"time\":6"]), &["line 3", "run ... --trace"]),
        (trace(&[event]).trim_end().replace("finished\"}", ""), &["line 2", "cut off"]),
        (trace(&[event, &event.replace('5', "4")]), &["line 3", "goes back in time"]),
        (trace(&[&event.replace('5', &u64::MAX.to_string())]), &["line 2", "beyond the end of any run"]),
        (trace(&[&event.replace("coordinator", "nobody")]), &["line 2", "`origin`"]),
        (trace(&[r#"{"time":5,"origin":"b[0]"}"#]), &["line 2", "neither what happened"]),
        (trace(&[&event.replace("job-finished", "job-vanished")]), &["line 2", "job-vanished"]),
        ("not a trace\n".to_owned(), &["this is no capsule"]),
    ];
    for (text, words) in cases {
        place.file("t.ndjson", text);
        place.cutline("draw t.ndjson --out a.svg").refuses(&[&["`t.ndjson`"], *words].concat());
    }
    assert_eq!(place.names(), ["t.ndjson"]);
}

#[test]
fn a_run_in_which_little_happened_is_a_picture() {
    let place = Place::new();
    let running = r#"{"time":1,"origin":"a<i>[0]","event":{"task-running":{"attempt":1}}}"#;
    let sent = r#"{"time":2,"origin":"a<i>[0]","passage":{"sent":{"channel":0,"thing":{"record":{"number":1,"lineage":7,"key":1,"value":2}}}}}"#;
    for lines in [&[running][..], &[running, sent]] {
        place.file("t.ndjson", trace(lines));
        let gave = place.cutline("draw t.ndjson --out a.svg").exits(0);
        assert!(gave.out.contains("all of "), "{}", gave.out);
        let svg = place.read("a.svg");
        assert!(
            svg.contains("a&lt;i&gt;[0]") && svg.contains("&lt;b&gt;&amp;&quot;x&quot;"),
            "names are escaped"
        );
        assert!(!svg.contains("<b>") && !svg.contains("<i>") && svg.contains("it was cut off"), "{svg}");
        place.cutline("draw t.ndjson --out a.png").exits(0);
        place.cutline("draw t.ndjson --out a.html").exits(0);
    }
    place.file("t.ndjson", trace(&[running]));
    place.cutline("draw t.ndjson --out a.svg").exits(0);
    assert!(place.read("a.svg").contains("All that happened: a&lt;i&gt;[0]: task running (attempt 1) at "));
    place.cutline("run tiny --set bounds.time=1ms --trace t.ndjson --trace-records").exits(3);
    place.cutline("draw t.ndjson --out a.svg").exits(0);
    assert!(place.read("a.svg").contains("The oracle liveness objects."));
}
