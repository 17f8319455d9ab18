//! What every page has around its sections.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::space_time;

/// What a page may load: nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:";

/// The head of a page.
pub(crate) struct Shell<'a> {
    /// Which kind of page it is.
    pub kind: &'a str,
    /// What the window is called.
    pub title: &'a str,
    /// What stands above everything.
    pub heading: &'a str,
    /// A line below that; nothing, if it is empty.
    pub about: &'a str,
    /// The version of the program.
    pub version: &'a str,
    /// True if there are space-time diagrams in it.
    pub has_diagrams: bool,
}

impl Shell<'_> {
    /// The whole page: sections, each with its id and its title, and links to them.
    pub fn around<'a>(
        &self,
        sections: impl Iterator<Item = ((&'a str, &'a str), &'a Markup)> + Clone,
    ) -> String {
        let first = sections.clone().next().map_or("", |((id, _), _)| id);
        let skip = html! { a.skip href={ "#" (first) } { "Skip to the summary" } };
        let links = html! {
            nav aria-label="Sections" {
                ul { @for ((id, name), _) in sections.clone() { li { a href={ "#" (id) } { (name) } } } }
            }
        };
        let content = html! {
            @for ((id, name), content) in sections {
                section id=(id) aria-labelledby={ (id) "-title" } { h2 id={ (id) "-title" } { (name) } (content) }
            }
        };
        self.page(&skip, &links, &content)
    }

    /// The whole page of one thing.
    pub fn around_one(&self, content: &Markup) -> String {
        self.page(&Markup::default(), &Markup::default(), content)
    }

    fn page(&self, skip: &Markup, links: &Markup, content: &Markup) -> String {
        let whole = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="generator" content=(format!("cutline {}", self.version));
                    link rel="icon" href="data:,";
                    title { (self.title) }
                    style {
                        (PreEscaped(font())) (PreEscaped(include_str!("style.css")))
                        @if self.has_diagrams { (PreEscaped(space_time::STYLE)) }
                    }
                }
                body data-page=(self.kind) {
                    (skip)
                    header {
                        h1 { (self.heading) }
                        @if !self.about.is_empty() { p.soft { (self.about) } }
                    }
                    (links)
                    main { (content) }
                    footer { "Made by cutline " (self.version) ". Times are virtual: the same command gives the same page, byte for byte." }
                    script { (PreEscaped(include_str!("script.js"))) }
                    @if self.has_diagrams { script { (PreEscaped(space_time::SCRIPT)) } }
                }
            }
        };
        whole.into_string()
    }
}

/// The font of the pictures, so that they look the same everywhere.
fn font() -> String {
    let bytes = BASE64.encode(include_bytes!("../../fonts/Roboto-Regular.woff2"));
    format!("@font-face{{font-family:Roboto;src:url(data:font/woff2;base64,{bytes}) format(\"woff2\")}}\n")
}
