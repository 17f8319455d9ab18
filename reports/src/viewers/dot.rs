//! A job as a graph of Graphviz: `cutline graph fraud | dot -Tsvg`.

use std::fmt::Write;

use cutline_sim::graph::{JobGraph, Role, Ship, SinkMode};
use petgraph::visit::EdgeRef;

/// Writes the job as a directed graph: an operator is a box with its uid, what it does and its parallelism; a feedback edge is dashed.
pub fn dot(name: &str, graph: &JobGraph) -> String {
    let mut text =
        format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n", quoted(name));
    text.push_str("  edge [fontname=\"sans-serif\"];\n");
    for (number, operator) in graph.node_weights().enumerate() {
        let (kind, style) = match &operator.role {
            Role::Source(_) => ("source", ", style=rounded"),
            Role::Transform(_) => ("", ""),
            Role::Sink(SinkMode::Plain) => ("plain sink", ", peripheries=2"),
            Role::Sink(SinkMode::Idempotent) => ("idempotent sink", ", peripheries=2"),
            Role::Sink(SinkMode::Transactional) => ("transactional sink", ", peripheries=2"),
        };
        let mut lines = vec![operator.uid.clone()];
        lines.extend((!kind.is_empty()).then(|| kind.to_owned()));
        lines.push(match operator.parallelism {
            1 => "1 subtask".to_owned(),
            many => format!("{many} subtasks"),
        });
        // A string takes everything.
        let _ = writeln!(text, "  o{number} [label={}{style}];", quoted(&lines.join("\n")));
    }
    for edge in graph.edge_references() {
        let spec = edge.weight();
        let ship = match spec.ship {
            Ship::Forward => "forward",
            Ship::Hash => "hash",
            Ship::Rebalance => "rebalance",
            Ship::Broadcast => "broadcast",
        };
        let port = if spec.port == 0 { String::new() } else { format!(", port {}", spec.port) };
        let (what, style) =
            if spec.feedback { (", feedback", ", style=dashed, constraint=false") } else { ("", "") };
        let (from, to) = (edge.source().index(), edge.target().index());
        let label = quoted(&format!("{ship}{port}{what}"));
        let _ = writeln!(text, "  o{from} -> o{to} [label={label}{style}];");
    }
    text.push_str("}\n");
    text
}

/// A string of the language: quotes and backslashes are escaped, line feeds begin a new line.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|char| match char {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            other => other.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use cutline_scenarios::library_files::resolve;
    use cutline_scenarios::prepare::Prepared;

    use super::*;

    #[test]
    fn a_loop_is_dashed_and_every_operator_is_there() {
        let prepared = Prepared::load(&resolve("collatz").expect("a scenario"), &[""; 0], 1).expect("a job");
        let graph = &prepared.topology().graph;
        let text = dot("collatz", graph);
        assert!(text.starts_with("digraph \"collatz\" {\n") && text.ends_with("}\n"), "{text}");
        assert_eq!(text.matches("-> o").count(), graph.edge_count());
        assert_eq!(text.matches("[label=").count(), graph.edge_count() + graph.node_count());
        assert_eq!(text.matches("style=dashed").count(), 1, "{text}");
        for operator in graph.node_weights() {
            assert!(text.contains(&format!("\"{}\\n", operator.uid)), "{}: {text}", operator.uid);
        }
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a \"b\" \\ <c>\nd"), "\"a \\\"b\\\" \\\\ <c>\\nd\"");
    }
}
